// A shop's accounts: claimed, answered for, ended, and the addresses that they stand under.

#include <doctest/doctest.h>

#include <algorithm>

#include "core/digest.hpp"
#include "postgres/request_stores.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using Claimed = Result<std::vector<CredentialSpec>>;

struct AccountsFixture : PeopleFixture {
    using PeopleFixture::PeopleFixture;

    std::unique_ptr<AccountStore> accounts = make_account_store(database, database, masters);
    std::unique_ptr<AgentStore> agents = make_agent_store(database);

    NewAccount bot(const std::string& id, const std::string& token) {
        NewAccount account{"telegram", id, "Bot", random.hex(16), true, {}};
        account.secrets.push_back({{"telegram", "BOT_TOKEN", Secret(token)}, false, false});
        account.secrets.push_back({{"telegram", "SECRET_TOKEN", Secret(random.hex(16))}, true, false});
        return account;
    }
    NewAccount number(const std::string& id, const std::string& app_secret) {
        NewAccount account{"whatsapp", id, "+54", random.hex(16), false, {}};
        account.secrets.push_back(
            {{"whatsapp_cloud", "ACCESS_TOKEN", Secret(std::string("both"))}, false, false});
        account.secrets.push_back({{"whatsapp_cloud", "APP_SECRET", Secret(app_secret)}, false, true});
        return account;
    }
    Claimed claim(TenantId tenant, NewAccount account) {
        return run(accounts->claim(tenant, std::move(account), olga));
    }
    std::string why(const Claimed& claimed) { return claimed ? "" : claimed.error().code; }
    std::string secret(TenantId tenant, const std::string& category, const std::string& name) {
        return run(vault.find(tenant, category, name)).reveal();
    }
    AccountRow found(TenantId tenant, const std::string& channel, const std::string& id) {
        return run(accounts->find(tenant, account_id(channel, id))).value();
    }
    AgentId add_agent(TenantId tenant, const std::string& name) {
        AgentSpec agent;
        agent.name = name;
        return run(agents->add(tenant, agent, true, olga)).value();
    }
};

}  // namespace

TEST_CASE("a claimed account is the shop's with its secrets, and answered by its own agent") {
    AccountsFixture fixture;
    const auto claimed = fixture.claim(fixture.other, fixture.bot("888", "888:canary"));
    REQUIRE(claimed.has_value());
    REQUIRE(claimed->size() == 1);
    CHECK(claimed->front().name == "SECRET_TOKEN");
    CHECK(fixture.secret(fixture.other, "telegram", "SECRET_TOKEN") == claimed->front().value.reveal());
    CHECK(fixture.secret(fixture.other, "telegram", "BOT_TOKEN") == "888:canary");
    const auto row = fixture.found(fixture.other, "telegram", "888");
    CHECK(row.key.size() == 32);
    CHECK_FALSE(row.chosen);
    CHECK(fixture.account("telegram", "888").tenant == fixture.other);
    // what the provider was told stays
    const auto again = fixture.claim(fixture.other, fixture.bot("888", "888:newer"));
    CHECK(again.value().empty());
    CHECK(fixture.secret(fixture.other, "telegram", "BOT_TOKEN") == "888:newer");
    CHECK(fixture.found(fixture.other, "telegram", "888").key == row.key);
    const std::string log = fixture.test.query("SELECT string_agg(a::text, '') FROM audit_log AS a");
    CHECK(log.find("canary") == std::string::npos);
    CHECK(log.find("Olga") != std::string::npos);
}

TEST_CASE("an account is one shop's, and what is refused leaves no secret behind") {
    AccountsFixture fixture;
    const std::string before = fixture.secret(fixture.ballet, "telegram", "BOT_TOKEN");
    CHECK(fixture.why(fixture.claim(fixture.other, fixture.bot("777", "777:stolen"))) == "account.taken");
    CHECK(fixture.secret(fixture.other, "telegram", "BOT_TOKEN") == "");
    CHECK(fixture.account("telegram", "777").tenant == fixture.ballet);
    // one bot a shop: its token is one
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.bot("778", "778:second"))) == "account.another");
    CHECK(fixture.secret(fixture.ballet, "telegram", "BOT_TOKEN") == before);
    // until the first is ended
    CHECK(run(fixture.accounts->retire(fixture.ballet, account_id("telegram", "777"), at(1), fixture.olga)));
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.bot("778", "778:second"))) == "");
    const TenantId fresh{std::stoll(
        fixture.test.query("INSERT INTO tenants (slug, name) VALUES ('danza', 'Danza') RETURNING id"))};
    CHECK(fixture.why(fixture.claim(fresh, fixture.bot("999", "999:x"))) == "account.no_agent");
}

TEST_CASE("an app's secret is not replaced under the numbers that live by it") {
    AccountsFixture fixture;
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.number("1002", "another app"))) ==
          "account.another");
    CHECK(fixture.secret(fixture.ballet, "whatsapp_cloud", "APP_SECRET") == "app secret");
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.number("1002", ""))) == "");
    CHECK(fixture.found(fixture.ballet, "whatsapp", "1002").key ==
          fixture.found(fixture.ballet, "whatsapp", "1001").key);
    // its only number may move to another app
    NewAccount own = fixture.number("2002", "another app");
    CHECK(fixture.why(fixture.claim(fixture.other, own)) == "");
    CHECK(fixture.secret(fixture.other, "whatsapp_cloud", "APP_SECRET") == "another app");
    // an app's secret has to come from somewhere
    fixture.test.query("DELETE FROM credentials WHERE name = 'APP_SECRET'");
    const auto without = fixture.claim(fixture.other, fixture.number("2003", ""));
    CHECK(fixture.why(without) == "account.no_secret");
    CHECK(without.error().text == "APP_SECRET");
}

TEST_CASE("somebody chooses who answers, whatever is published or applied later") {
    AccountsFixture fixture;
    const AgentId own = fixture.found(fixture.ballet, "web", "ballet").agent;
    const AgentId chosen = fixture.add_agent(fixture.ballet, "Elegida");
    const AgentId foreign = fixture.add_agent(fixture.other, "Ajena");
    const AccountId web = account_id("web", "ballet");
    const auto change = [&](AccountChange wanted) {
        const auto done = run(fixture.accounts->change(fixture.ballet, web, wanted, fixture.olga));
        return done ? std::string() : done.error().code;
    };
    CHECK(change({std::nullopt, foreign}) == "account.unknown_agent");
    CHECK(change({"Página", chosen}) == "");
    CHECK(fixture.found(fixture.ballet, "web", "ballet").chosen);
    AgentSpec loud;
    loud.name = "De la página";
    loud.channels = {"web"};
    REQUIRE(run(fixture.agents->add(fixture.ballet, loud, true, fixture.olga)).has_value());
    run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random));
    CHECK(fixture.found(fixture.ballet, "web", "ballet").agent == chosen);
    CHECK(change({std::nullopt, AgentId{}}) == "");
    const auto left = fixture.found(fixture.ballet, "web", "ballet");
    CHECK_FALSE(left.chosen);
    CHECK(left.agent != chosen);
    CHECK(left.agent != own);
    const auto other =
        run(fixture.accounts->change(fixture.other, web, {"mine", std::nullopt}, fixture.olga));
    REQUIRE(other.has_error());
    CHECK(other.error().code == "account.unknown");
}

TEST_CASE("an account that is ended takes nothing until it is claimed again") {
    AccountsFixture fixture;
    const AccountId id = account_id("telegram", "777");
    const auto changes = run(vault_changes(fixture.database));
    CHECK(run(fixture.accounts->retire(fixture.ballet, id, at(5), fixture.olga)));
    CHECK(fixture.account("telegram", "777").retired);
    CHECK(fixture.found(fixture.ballet, "telegram", "777").retired_at == at(5));
    // addresses are cached with their secrets
    CHECK(run(vault_changes(fixture.database)) > changes);
    CHECK(run(fixture.accounts->retire(fixture.ballet, id, at(9), fixture.olga)));
    CHECK(fixture.found(fixture.ballet, "telegram", "777").retired_at == at(5));
    CHECK_FALSE(run(fixture.accounts->retire(fixture.other, id, at(9), fixture.olga)));
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.bot("777", "777:token"))) == "");
    CHECK_FALSE(fixture.account("telegram", "777").retired);
}

TEST_CASE(
    "an account that its shop ended is the next one's who proves to control it, until that one ends it") {
    AccountsFixture fixture;
    const AccountId id = account_id("telegram", "777");
    const EndpointId old_address = fixture.account("telegram", "777").endpoint;
    const auto now = [&] { return SystemClock().now() + Millis{1}; };
    const auto holder = [&](EndpointId scope, SysTime written) {
        return run(fixture.resolve->find_account("telegram", "777", scope, written)).value();
    };
    const SysTime while_first = now();
    CHECK(run(fixture.accounts->retire(fixture.ballet, id, at(5), fixture.olga)));
    CHECK(fixture.why(fixture.claim(fixture.other, fixture.bot("777", "777:now ours"))) == "");
    CHECK(fixture.found(fixture.other, "telegram", "777").id == id);
    CHECK_FALSE(fixture.found(fixture.other, "telegram", "777").retired_at);
    CHECK(fixture.found(fixture.ballet, "telegram", "777").retired_at == at(5));
    CHECK(fixture.secret(fixture.ballet, "telegram", "BOT_TOKEN") !=
          fixture.secret(fixture.other, "telegram", "BOT_TOKEN"));
    CHECK(fixture.found(fixture.other, "telegram", "777").key !=
          fixture.found(fixture.ballet, "telegram", "777").key);
    CHECK(holder(old_address, while_first - Millis{60'000}).tenant == fixture.ballet);
    CHECK(holder(old_address, now()).tenant == fixture.other);
    CHECK_FALSE(speaks_for(old_address, holder(old_address, now())));
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.bot("777", "777:again"))) == "account.taken");
    CHECK_THROWS_AS(run(apply_shop(fixture.database, fixture.vault, ballet_spec(), fixture.random)), Failure);

    CHECK(run(fixture.accounts->retire(fixture.other, id, at(6), fixture.olga)));
    CHECK(fixture.why(fixture.claim(fixture.ballet, fixture.bot("777", "777:again"))) == "");
    CHECK(holder(old_address, now()).tenant == fixture.ballet);
    CHECK_FALSE(holder(old_address, now()).retired);
    CHECK(fixture.found(fixture.other, "telegram", "777").retired_at == at(6));
}

TEST_CASE("a process that does not say when a record was written waits where that decides whose it is") {
    AccountsFixture fixture;
    const std::string asked = R"({"channel":"telegram","external_id":"777","scope":1})";
    CHECK_NOTHROW(run(fixture.database.call("find_account", TenantId{}, asked)));
    run(fixture.accounts->retire(fixture.ballet, account_id("telegram", "777"), at(5), fixture.olga));
    REQUIRE(fixture.why(fixture.claim(fixture.other, fixture.bot("777", "777:x"))) == "");
    try {
        run(fixture.database.call("find_account", TenantId{}, asked));
        FAIL("it was answered");
    } catch (const Failure& failure) {
        CHECK(failure.error().fault == Fault::transient);
    }
}

TEST_CASE("a claim that comes again is one claim, and its secret is told once") {
    AccountsFixture fixture;
    const auto book = make_request_book(fixture.database, fixture.masters, "the installation");
    const Once once{fixture.other, "user:ana", sha256_hex("k"), sha256_hex("claim"), at(0)};
    const auto stores = book->begin(once);
    const auto first =
        run(stores->accounts().claim(fixture.other, fixture.bot("888", "888:t"), fixture.olga));
    CHECK(first.value().size() == 1);
    const auto later = book->begin(once);
    const auto again = run(later->accounts().claim(fixture.other, fixture.bot("888", "888:t"), fixture.olga));
    CHECK(again.value().empty());
    CHECK(later->repeated());
    CHECK(fixture.secret(fixture.other, "telegram", "SECRET_TOKEN") == first->front().value.reveal());
    // nothing of a secret is kept for the repetition
    CHECK(fixture.test.query("SELECT count(*) FROM api_requests WHERE result::text LIKE '%sealed%'") == "0");
}

TEST_CASE("addresses are listed with what came there, of the own shop only") {
    AccountsFixture fixture;
    fixture.store("1", "hola", at(7));
    Inbound strange = inbound("2", "");
    strange.raw = "{}";
    run(fixture.resolve->archive(fixture.account(), strange, at(8)));
    const auto rows = run(fixture.accounts->webhooks(fixture.ballet));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].channel == "telegram");
    CHECK(rows[0].unknown == 0);
    CHECK_FALSE(rows[0].last);
    CHECK(rows[1].channel == "whatsapp");
    CHECK(rows[1].accounts == std::vector<std::string>{"1001"});
    CHECK(rows[1].unknown == 1);
    CHECK(rows[1].unknown_at.has_value());
    CHECK(rows[1].last.has_value());
    CHECK(rows[1].key.size() == 32);
    const auto others = run(fixture.accounts->webhooks(fixture.other));
    REQUIRE(others.size() == 1);
    CHECK(others[0].unknown == 0);
    CHECK_FALSE(others[0].last);
}
