#include "postgres/operator_session.hpp"

#include <fmt/format.h>

#include <optional>
#include <pqxx/pqxx>

#include "core/error.hpp"
#include "domain/shop.hpp"

namespace relevo {
namespace {

[[noreturn]] void unavailable(const std::exception& failure) {
    std::string text = failure.what();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    throw Failure({Fault::transient, "postgres.unavailable", std::move(text)});
}

const std::string& given(const Secret& url, std::string_view setting) {
    if (!url.empty()) return url.reveal();
    throw Failure({Fault::permanent, "config.missing",
                   fmt::format("the configuration has no {}; add the URL of that database role, which "
                               "docker/postgres/bootstrap.sql makes",
                               setting)});
}

}  // namespace

struct OperatorSession::Connection {
    explicit Connection(const std::string& url) : database(url) {}
    pqxx::connection database;
    std::optional<pqxx::transaction<pqxx::isolation_level::repeatable_read, pqxx::write_policy::read_only>>
        snapshot;
};

OperatorSession::OperatorSession(const Secret& url, std::string_view setting) : setting_(setting) {
    const std::string& address = given(url, setting);
    try {
        connection_ = std::make_unique<Connection>(address);
        connection_->snapshot.emplace(connection_->database);
    } catch (const std::exception& failure) {
        unavailable(failure);
    }
}

OperatorSession::~OperatorSession() = default;

Json OperatorSession::ask(const std::string& op, const std::string& request) {
    try {
        const auto rows =
            connection_->snapshot->exec("SELECT (op_" + op + "($1::jsonb))::text", pqxx::params{request});
        return Json::parse(rows.one_row()[0].as<std::string>("null"));
    } catch (const pqxx::insufficient_privilege&) {
        throw Failure({Fault::permanent, "operator.refused",
                       fmt::format("the role of {} may not do that ({}); is it the role that its name says?",
                                   setting_, op)});
    } catch (const pqxx::sql_error& failure) {
        throw Failure({Fault::permanent, "postgres.rejected", fmt::format("{}: {}", op, failure.what())});
    } catch (const pqxx::failure& failure) {
        unavailable(failure);
    }
}

bool OperatorSession::truth(const char* question, const std::string& about) {
    try {
        return connection_->snapshot->query_value<bool>(question, pqxx::params{about});
    } catch (const pqxx::sql_error& failure) {
        throw Failure({Fault::permanent, "postgres.rejected", failure.what()});
    } catch (const pqxx::failure& failure) {
        unavailable(failure);
    }
}

void OperatorSession::require_shop(const std::string& slug) {
    if (slug.empty()) return;
    if (!truth("SELECT EXISTS (SELECT FROM tenants WHERE slug = $1)", slug)) throw unknown_shop(slug);
}

void OperatorSession::require_role(const std::string& role) {
    if (truth("SELECT pg_has_role(current_user, $1, 'MEMBER')", role)) return;
    throw Failure({Fault::permanent, "operator.no_text_right",
                   fmt::format("the role of {} may not read what people wrote: let it name {}, which "
                               "docker/postgres/bootstrap.sql makes",
                               setting_, role)});
}

}  // namespace relevo
