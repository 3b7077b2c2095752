#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "domain/shop.hpp"
#include "postgres/database.hpp"
#include "postgres/stores.hpp"
#include "postgres/vault.hpp"

namespace relevo::testing {

/// A database of its own, migrated, dropped at the end. Needs RELEVO_TEST_POSTGRES, a superuser's URL.
class TestDatabase {
  public:
    TestDatabase();
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    /// As the process connects: bound by row-level security.
    std::string app_url() const;
    std::string owner_url() const;
    std::string operator_url() const;
    std::string operator_text_url() const;
    /// As superuser: the rows' plain values, joined by '|' and line ends.
    std::string query(std::string_view sql) const;
    const std::string& name() const { return name_; }

  private:
    std::string name_;
};

/// An empty database, not migrated.
class EmptyDatabase {
  public:
    EmptyDatabase();
    ~EmptyDatabase();
    EmptyDatabase(const EmptyDatabase&) = delete;
    EmptyDatabase& operator=(const EmptyDatabase&) = delete;
    std::string app_url() const;
    std::string owner_url() const;

  private:
    std::string name_;
};

template <class T>
T run(Task<T> task) {
    boost::asio::io_context context;
    auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
    context.run();
    return result.get();
}

/// All at once on one io_context.
template <class T>
std::vector<T> run_all(std::vector<Task<T>> tasks) {
    boost::asio::io_context context;
    std::vector<std::future<T>> results;
    for (auto& task : tasks) {
        results.push_back(boost::asio::co_spawn(context, std::move(task), boost::asio::use_future));
    }
    context.run();
    std::vector<T> values;
    for (auto& result : results) values.push_back(result.get());
    return values;
}

inline SysTime at(std::int64_t seconds) {
    return from_millis(1'780'000'000'000 + seconds * 1'000);
}

/// From a text as a key file's.
std::shared_ptr<MasterKeys> master_keys(std::string text = std::string(64, '7'));

/// Two shops and every store over one pool.
class Fixture {
  public:
    explicit Fixture(int connections = 4);

    TestDatabase test;
    Database database;
    std::shared_ptr<MasterKeys> masters;
    PostgresVault vault;
    SystemRandom random;
    TenantId ballet;
    TenantId other;
    std::unique_ptr<ResolveStore> resolve;
    std::unique_ptr<BufferStore> buffer;
    std::unique_ptr<RetrieveStore> retrieve;
    std::unique_ptr<InferStore> infer;
    std::unique_ptr<RelayStore> relay;
    std::unique_ptr<SettleStore> settle;
    std::unique_ptr<HandoffStore> handoff;
    std::unique_ptr<WebStore> web;
    std::unique_ptr<EndpointStore> endpoints;
    std::unique_ptr<DemoStore> demo;

    Account account(std::string channel = "whatsapp", std::string external_id = "1001");
    /// A message of the person to the ballet shop's WhatsApp number.
    StoredMessage store(std::string event_id, std::string text, SysTime when,
                        std::string person = "5491150000001", InboundKind kind = InboundKind::message);
    TurnId claim(const StoredMessage& message, SysTime when);
    /// Stores, claims and answers: the bubbles' ids.
    std::vector<ReplyId> answer(TurnId turn, std::vector<std::string> bubbles, SysTime when);
    ReplyClaim ask(ReplyId reply, SysTime when) { return run(relay->claim(ballet, reply, when, true)); }
    void accept(const ReplyClaim& claim, std::string provider_id, SysTime when);
    std::string turn_status(TurnId turn) const;
    std::string reply_status(ReplyId reply) const;
};

ShopSpec ballet_spec();
ShopSpec other_spec();
Inbound inbound(std::string event_id, std::string text, std::string person = "5491150000001",
                InboundKind kind = InboundKind::message);

}  // namespace relevo::testing
