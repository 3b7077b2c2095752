#include "postgres/database.hpp"

#include <doctest/doctest.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <pqxx/pqxx>
#include <thread>

#include "core/json_object.hpp"
#include "tests/postgres/fixture.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

template <class Call>
Error error_of(Call call) {
    try {
        call();
    } catch (const Failure& failure) {
        return failure.error();
    }
    FAIL("it did not fail");
    return {};
}

// Operations of the tests' own, made by the superuser: one that takes its time, one that fails where it is
// told to.
void add_operations(const TestDatabase& test) {
    test.query(
        "CREATE FUNCTION op_test_sleep(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_sleep((req ->> 's')::float8); RETURN '\"slept\"'; END $$;"
        "GRANT EXECUTE ON FUNCTION op_test_sleep TO relevo_app;"
        "CREATE TABLE notes (n integer, batch xid8 DEFAULT pg_current_xact_id()); "
        "GRANT SELECT, INSERT ON notes TO relevo_app;"
        "CREATE FUNCTION op_test_note(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO notes (n) VALUES (10 / (req ->> 'n')::integer); RETURN req -> 'n'; END $$;"
        "GRANT EXECUTE ON FUNCTION op_test_note TO relevo_app");
}

struct Told final : DatabaseObserver {
    void asked(std::string_view op) override { steps.push_back("asked " + std::string(op)); }
    void answered(std::string_view op, bool failed) override {
        steps.push_back((failed ? "failed " : "answered ") + std::string(op));
    }
    std::vector<std::string> steps;
};

// Takes one login and then answers nothing.
class FrozenServer {
  public:
    FrozenServer()
        : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}), thread_([this] { serve(); }) {}
    ~FrozenServer() { thread_.join(); }
    std::string url() const {
        return "postgresql://relevo@127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) +
               "/relevo?sslmode=disable";
    }

  private:
    void serve() {
        auto client = acceptor_.accept();
        char startup[1'024];
        client.read_some(boost::asio::buffer(startup));
        using namespace std::string_literals;
        const std::string logged_in = "R\0\0\0\x08\0\0\0\0"s +
                                      "S\0\0\0\x16server_version\0"
                                      "15\0"s +
                                      "Z\0\0\0\x05I"s;
        boost::asio::write(client, boost::asio::buffer(logged_in));
        boost::system::error_code closed;
        while (!closed) client.read_some(boost::asio::buffer(startup), closed);
    }

    boost::asio::io_context io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("of a batch with one poisoned call the others succeed and that one fails, naming no value") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 1});
    boost::asio::io_context context;
    std::vector<std::future<std::string>> results;
    // the first call keeps the connection busy while the rest become one batch
    auto busy = boost::asio::co_spawn(context, database.call("test_sleep", {}, "{\"s\":0.2}"),
                                      boost::asio::use_future);
    for (int n = 0; n < 50; ++n) {
        results.push_back(boost::asio::co_spawn(
            context, database.call("test_note", {}, JsonObject().number("n", n == 17 ? 0 : n + 1).str()),
            boost::asio::use_future));
    }
    context.run();
    for (int n = 0; n < 50; ++n) {
        if (n == 17) {
            const Error error = error_of([&] { results[17].get(); });
            CHECK(error.fault == Fault::permanent);
            CHECK(error.code == "postgres.rejected");
            CHECK(error.text == "test_note: SQLSTATE 22012");
        } else {
            CHECK(results[static_cast<std::size_t>(n)].get() == std::to_string(n + 1));
        }
    }
    CHECK(test.query("SELECT count(*) FROM notes") == "49");
}

TEST_CASE("calls that wait together are one transaction") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 1});
    boost::asio::io_context context;
    boost::asio::co_spawn(context, database.call("test_sleep", {}, "{\"s\":0.2}"), boost::asio::use_future);
    for (int n = 0; n < 50; ++n) {
        boost::asio::co_spawn(context, database.call("test_note", {}, "{\"n\":5}"), boost::asio::use_future);
    }
    context.run();
    CHECK(test.query("SELECT count(*), count(DISTINCT batch) FROM notes") == "50|1");
}

TEST_CASE("an observer is told of each operation, and whether it failed") {
    TestDatabase test;
    add_operations(test);
    Told told;
    DatabaseConfig config{test.app_url(), 1};
    config.observer = &told;
    Database database(config);
    run(database.call("test_note", {}, "{\"n\":1}"));
    error_of([&] { run(database.call("test_note", {}, "{\"n\":0}")); });
    run(database.call_all("test_note", {{TenantId{}, "{\"n\":2}"}, {TenantId{}, "{\"n\":5}"}}));
    CHECK(told.steps == std::vector<std::string>{"asked test_note", "answered test_note", "asked test_note",
                                                 "failed test_note", "asked test_note",
                                                 "answered test_note"});
}

TEST_CASE("no operation but op_ functions can be named") {
    TestDatabase test;
    Database database({test.app_url(), 1});
    for (const auto* op : {"nothing", "ping; DROP TABLE tenants", "\"; SELECT 1 --", ""}) {
        const Error error = error_of([&] { run(database.call(op, {}, "{}")); });
        CHECK(error.code == "postgres.rejected");
    }
    CHECK(error_of([&] { run(database.call("ping", {}, "not json")); }).code == "postgres.rejected");
    CHECK(run(database.call("ping", {}, "{}")) == "null");
}

TEST_CASE("a connection that the server closed costs its caller nothing") {
    TestDatabase test;
    Database database({test.app_url(), 2});
    run(database.ping());
    for (int i = 0; i < 5; ++i) {
        test.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()");
        CHECK_NOTHROW(run(database.ping()));
    }
}

TEST_CASE("a statement that was cut in the middle is run again on a new connection") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 1});
    boost::asio::io_context context;
    auto slept = boost::asio::co_spawn(context, database.call("test_sleep", {}, "{\"s\":0.5}"),
                                       boost::asio::use_future);
    std::thread killer([&] {
        // as soon as it runs
        while (test.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                          "WHERE datname = current_database() AND wait_event = 'PgSleep'") == "0") {
        }
    });
    context.run();
    killer.join();
    CHECK(slept.get() == "\"slept\"");
}

TEST_CASE("a database that is away is a transient error, at once and without its password") {
    Database database({"postgresql://relevo:very-secret@127.0.0.1:1/relevo", 2});
    for (int i = 0; i < 3; ++i) {
        const Error error = error_of([&] { run(database.call("ping", {}, "{}", Millis{3'000})); });
        CHECK(error.fault == Fault::transient);
        CHECK(error.code == "postgres.unavailable");
        CHECK(error.text.find("very-secret") == std::string::npos);
    }
}

TEST_CASE("a server that freezes right after the login delays neither a call nor the stop") {
    FrozenServer server;
    Database database({server.url(), 1});
    const Error error = error_of([&] { run(database.call("ping", {}, "{}", Millis{300})); });
    CHECK(error.fault == Fault::transient);
    CHECK(error.code == "postgres.unavailable");
}

TEST_CASE("a call ends at its deadline and the connection goes on with the next") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 1});
    const Error error = error_of([&] { run(database.call("test_sleep", {}, "{\"s\":0.5}", Millis{50})); });
    CHECK(error.fault == Fault::transient);
    CHECK(error.code == "postgres.unavailable");
    CHECK(run(database.call("test_sleep", {}, "{\"s\":0}")) == "\"slept\"");
}

TEST_CASE("a statement that never ends is cancelled by the server") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 1, Millis{300}});
    CHECK(error_of([&] { run(database.call("test_sleep", {}, "{\"s\":600}", Millis{5'000})); }).code ==
          "postgres.unavailable");
    CHECK(run(database.call("test_sleep", {}, "{\"s\":0}", Millis{5'000})) == "\"slept\"");
}

TEST_CASE("beyond the cap a call fails at once, and what waits is served") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 1, Millis{10'000}, 20});
    boost::asio::io_context context;
    std::vector<std::future<std::string>> results;
    results.push_back(boost::asio::co_spawn(context, database.call("test_sleep", {}, "{\"s\":0.3}"),
                                            boost::asio::use_future));
    for (int n = 0; n < 60; ++n) {
        results.push_back(boost::asio::co_spawn(context, database.call("test_note", {}, "{\"n\":1}"),
                                                boost::asio::use_future));
    }
    context.run();
    int served = 0;
    int refused = 0;
    for (auto& result : results) {
        try {
            result.get();
            ++served;
        } catch (const Failure& failure) {
            CHECK(failure.error().fault == Fault::transient);
            ++refused;
        }
    }
    CHECK(served >= 20);
    CHECK(refused >= 39);
    CHECK(served + refused == 61);
}

TEST_CASE("an io_context that ends before its calls leaves the pool in order") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 2});
    for (int i = 0; i < 20; ++i) {
        boost::asio::io_context context;
        boost::asio::co_spawn(context, database.call("test_sleep", {}, "{\"s\":0.02}"),
                              boost::asio::detached);
        boost::asio::co_spawn(context, database.call("test_note", {}, "{\"n\":1}"), boost::asio::detached);
        context.run_for(Millis{i * 2});
    }
    CHECK(run(database.call("test_sleep", {}, "{\"s\":0}")) == "\"slept\"");
}

TEST_CASE("several io_contexts each get their own results") {
    TestDatabase test;
    add_operations(test);
    Database database({test.app_url(), 4});
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::vector<Task<std::string>> tasks;
            for (int n = 1; n <= 200; ++n) {
                tasks.push_back(
                    database.call("test_note", {}, JsonObject().number("n", t * 1'000 + n).str()));
            }
            const auto results = run_all(std::move(tasks));
            for (int n = 1; n <= 200; ++n) {
                right += results[static_cast<std::size_t>(n - 1)] == std::to_string(t * 1'000 + n) ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(right == 800);
}

TEST_CASE("batches that meet the same conversations in other orders all commit") {
    Fixture fixture(8);
    std::vector<ConversationId> conversations;
    for (int i = 0; i < 30; ++i) {
        conversations.push_back(
            fixture.store("e" + std::to_string(i), "x", at(0), "p" + std::to_string(i)).conversation);
    }
    std::vector<Task<bool>> tasks;
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < conversations.size(); ++i) {
            const auto& forward = conversations[i];
            const auto& backward = conversations[conversations.size() - 1 - i];
            tasks.push_back(fixture.handoff->take_over(fixture.ballet, forward, at(1)));
            tasks.push_back(fixture.handoff->give_back(fixture.ballet, backward, at(2)));
        }
    }
    for (const bool done : run_all(std::move(tasks))) CHECK(done);
}
