#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "api/api.hpp"
#include "api/list.hpp"
#include "domain/local_pace.hpp"
#include "http/address_guard.hpp"
#include "tests/api/fake_meta.hpp"
#include "tests/api/fake_persons.hpp"
#include "tests/api/fake_stores.hpp"
#include "tests/api/project_document.hpp"

namespace relevo::testing {

struct ManualClock final : Clock {
    SysTime now() const override { return time; }
    Task<void> sleep_until(SysTime) override { co_return; }
    SysTime time = at(0);
};

/// The n-th id that a test gives away.
template <class Id>
Id nth(int n) {
    std::string text = "00000000-0000-4000-8000-000000000000";
    const std::string digits = std::to_string(n);
    return *Id::parse(text.replace(text.size() - digits.size(), digits.size(), digits));
}

/// Knows callers by their bearer token.
class FakeIdentity final : public Identity {
  public:
    std::map<std::string, Principal> callers;
    std::optional<Error> refusal;  // of everybody
    std::vector<std::string> addresses;
    Permissions invited_may;  // what every user may who is invited

    Task<Result<Principal>> authenticate(Credentials credentials) override {
        if (refusal) co_return *refusal;
        if (!credentials.internal.empty()) co_return Principal::service();
        const auto found = callers.find(credentials.bearer.reveal());
        if (found == callers.end()) co_return denied("unknown_secret");
        co_return found->second;
    }
    Task<Result<SignedIn>> sign_in(std::string email, Secret password, std::string address) override {
        addresses.push_back(std::move(address));
        if (refusal) co_return *refusal;
        if (password.reveal() != "right") co_return denied("wrong_password");
        co_return session(email);
    }
    Task<void> sign_out(Principal) override { co_return; }
    Task<Result<SignedIn>> redeem_with_password(Secret ticket, Secret password) override {
        if (password.reveal().size() < 10) co_return denied("weak_password");
        if (ticket.reveal() != "good") co_return denied("bad_ticket");
        co_return session("Ana");
    }
    Task<Result<Principal>> redeem_with_token(Secret ticket, Secret) override {
        if (ticket.reveal() != "good") co_return denied("bad_ticket");
        co_return session("Ana").principal;
    }
    Task<Result<Secret>> issue_ticket(Principal by, UserId user, std::string) override {
        if (user == UserId{}) co_return denied("no_user");
        if (!by.permissions().covers(invited_may)) co_return denied("not_yours");
        co_return Secret(std::string("rlv_ticket_1"));
    }

  private:
    static Error denied(const std::string& why) {
        return {Fault::permanent, "identity." + why, "the reason"};
    }
    static SignedIn session(const std::string& name) {
        return {Secret(std::string("rlv_session_1")),
                Principal::user({1}, nth<UserId>(1), name, Permissions::all(), nth<SessionId>(1)), at(3'600)};
    }
};

/// How the answer differs from what the document says of this operation: a status, a member.
std::string misfit(const ApiDocument& document, const HttpRequest& request, const HttpResponse& answer);

inline AgentMeans means() {
    AgentMeans means{{{"offline", ""}, {"openai", "openai"}}, {"telegram", "web", "whatsapp"}};
    means.address_mistake = [trusted = TrustedAddresses({"models.internal:8000"})](std::string_view url) {
        return stated_url_mistake(url, trusted);
    };
    return means;
}

/// The whole API over rows in memory: shops 1 and 2, their users 1 and 2, and callers by these tokens.
struct Server {
    Server() : Server(project_document()) {}
    explicit Server(const ApiDocument& document)
        : api(document,
              api_handlers(document, {meta, erasure, channels, means(), "https://own.example", &live}),
              {identity, requests, pace, clock, random, "https://own.example", {"192.0.2.9"}}) {
        auto& callers = identity.callers;
        callers.emplace("admin",
                        Principal::user({1}, nth<UserId>(1), "Ana", Permissions::all(), nth<SessionId>(1)));
        callers.emplace("other",
                        Principal::user({2}, nth<UserId>(2), "Bo", Permissions::all(), nth<SessionId>(2)));
        callers.emplace("nobody", Principal::user({1}, nth<UserId>(3), "Cy", Permissions()));
        callers.emplace(
            "key", Principal::api_key({1}, nth<ApiKeyId>(1), "crm", Permissions::all(), Permissions::all()));
        callers.emplace("operator", Principal::platform_operator("token", "the operator's token"));
        auto& rows = requests.rows;
        rows.tenants[{1}] = {{1}, "ballet", "Ballet", "es", {"https://shop.example"}, at(0)};
        rows.tenants[{2}] = {{2}, "other", "Other", "es", {}, at(0)};
        rows.users[{{1}, nth<UserId>(1)}] = {nth<UserId>(1), "ana@example.com", "Ana",
                                             "active",       {"admin"},         at(0)};
        rows.users[{{2}, nth<UserId>(2)}] = {nth<UserId>(2), "bo@example.com", "Bo",
                                             "active",       {"admin"},        at(0)};
        api.add_routes(router);
    }

    HttpResponse ask(const std::string& method, const std::string& target, const std::string& token = "admin",
                     std::string body = {}, HttpHeaders headers = {}) {
        HttpRequest request;
        request.method = method;
        request.target = target;
        request.path = target.substr(0, target.find('?'));
        request.headers = std::move(headers);
        if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
        if (!body.empty() && request.header("Content-Type").empty()) {
            request.headers.emplace_back("Content-Type", "application/json");
        }
        request.body = std::move(body);
        request.peer = "192.0.2.1";
        HttpResponse answer = send(request);
        const std::string wrong = misfit(project_document(), request, answer);
        if (!wrong.empty()) throw std::runtime_error(method + " " + target + ": " + wrong);
        return answer;
    }

    /// As the server does: the head is looked at before the body is read.
    HttpResponse send(HttpRequest request) {
        boost::asio::io_context io;
        std::optional<HttpResponse> answer;
        boost::asio::co_spawn(
            io,
            [](const Router& its_router, HttpRequest its_request,
               std::optional<HttpResponse>& its_answer) -> Task<void> {
                HttpRequest head = its_request;
                head.body.clear();
                its_answer = co_await its_router.check(std::move(head));
                if (!its_answer) its_answer = co_await its_router.handle(std::move(its_request));
            }(router, std::move(request), answer),
            [](std::exception_ptr error) {
                if (error) std::rethrow_exception(error);
            });
        io.run();
        return std::move(answer.value());
    }

    ManualClock clock;
    SeededRandom random{7};
    LocalPace pace{clock};
    FakeIdentity identity;
    FakeRequestBook requests;
    FakeMetaConnections meta;
    FakeErasure erasure;
    FakeChannel::Answers tokens;  // what providers say of them
    FakeChannel::Webhooks told;   // and of addresses
    Channels channels{fake_channels(tokens, told)};
    HeardLive live;
    Api api;
    Router router;
};

inline std::string header(const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return {};
}

/// The value of a member that is a text, wherever it is first.
inline std::string member(const HttpResponse& response, const std::string& name) {
    const std::string start = "\"" + name + "\":\"";
    const auto from = response.body.find(start);
    if (from == std::string::npos) return {};
    const auto begin = from + start.size();
    return response.body.substr(begin, response.body.find('"', begin) - begin);
}

}  // namespace relevo::testing
