// A shop's agents by their ids.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/digest.hpp"
#include "domain/agent_settings.hpp"
#include "postgres/agents.hpp"
#include "postgres/request_stores.hpp"
#include "tests/postgres/people.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct AgentsFixture : PeopleFixture {
    using PeopleFixture::PeopleFixture;

    std::unique_ptr<AgentStore> agents = make_agent_store(database);

    static AgentSpec named(const std::string& name, std::vector<std::string> channels = {}) {
        AgentSpec agent;
        agent.name = name;
        agent.prompt = "Sos " + name + ".";
        agent.channels = std::move(channels);
        return agent;
    }
    AgentId add(TenantId tenant, const AgentSpec& agent, bool publish) {
        return run(agents->add(tenant, agent, publish, olga)).value();
    }
    AgentRecord found(AgentId agent) { return run(agents->find(ballet, agent)).value(); }
    // why not, if so
    std::string change(AgentId agent, std::optional<std::string> name, std::optional<AgentSpec> draft) {
        const auto done = run(agents->change(ballet, agent, std::move(name), std::move(draft), olga));
        return done ? "" : done.error().code;
    }
    std::string why(const Result<AgentId>& result) { return result ? "" : result.error().code; }
    // by channel
    std::string answers(TenantId tenant) const {
        return test.query(
            "SELECT string_agg(x.channel || ' ' || a.name, ', ' ORDER BY x.channel) FROM accounts AS x "
            "JOIN agents AS a ON a.id = x.agent_id WHERE x.tenant_id = " +
            tenant.to_string());
    }
};

}  // namespace

TEST_CASE("an agent is added as a draft, changed, and published by its id") {
    AgentsFixture fixture;
    const AgentId id = fixture.add(fixture.ballet, AgentsFixture::named("Otra"), false);
    CHECK(fixture.found(id).line.version == 0);
    CHECK(fixture.found(id).line.provider == "offline");  // as it is drafted
    AgentSpec changed = AgentsFixture::named("Otra", {"telegram"});
    CHECK(fixture.change(id, std::nullopt, changed).empty());
    CHECK(agent_json(*fixture.found(id).draft) == agent_json(changed));
    CHECK(run(fixture.agents->publish(fixture.ballet, id, changed, 0, fixture.olga)).value() == 1);
    CHECK_FALSE(fixture.found(id).draft);
    CHECK(fixture.answers(fixture.ballet) == "telegram Otra, web Asistente, whatsapp Asistente");
    const auto late = run(fixture.agents->publish(fixture.ballet, id, changed, 0, fixture.olga));
    REQUIRE(late.has_error());
    CHECK(late.error().code == "agent.changed");
    CHECK(agent_json(run(fixture.agents->version(fixture.ballet, id, 1)).value().settings) ==
          agent_json(changed));
    CHECK_FALSE(run(fixture.agents->version(fixture.ballet, id, 2)));
    const auto log = fixture.audit(fixture.ballet);
    CHECK(std::ranges::all_of(log, [](const AuditRow& row) { return row.actor.name == "Olga"; }));
    CHECK(std::ranges::count(log, "agent:" + id.to_string(), &AuditRow::subject) >= 3);
}

TEST_CASE("a name and a channel are one agent's, and what is refused leaves nothing behind") {
    AgentsFixture fixture;
    fixture.add(fixture.ballet, AgentsFixture::named("Uno", {"telegram"}), true);
    const auto again =
        run(fixture.agents->add(fixture.ballet, AgentsFixture::named("Uno"), false, fixture.olga));
    CHECK(fixture.why(again) == "agent.taken");
    const auto same = AgentsFixture::named("Dos", {"web", "telegram"});
    CHECK(fixture.why(run(fixture.agents->add(fixture.ballet, same, true, fixture.olga))) ==
          "agent.channel_taken");
    CHECK(run(fixture.agents->list(fixture.ballet)).size() == 2);
    // of another shop
    fixture.add(fixture.other, same, true);
    // as a draft it may
    const AgentId drafted = fixture.add(fixture.ballet, same, false);
    const auto refused = run(fixture.agents->publish(fixture.ballet, drafted, same, 0, fixture.olga));
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == "agent.channel_taken");
    CHECK(refused.error().text.find("'Uno'") != std::string::npos);
}

TEST_CASE("of many that add agents for one channel at the same moment, one is published") {
    AgentsFixture fixture;
    std::vector<Task<Result<AgentId>>> adding;
    for (int n = 0; n < 4; ++n) {
        adding.push_back(fixture.agents->add(
            fixture.ballet, AgentsFixture::named("A" + std::to_string(n), {"telegram"}), true, fixture.olga));
    }
    const auto added = run_all(std::move(adding));
    CHECK(std::ranges::count_if(added, [](const auto& it) { return it.has_value(); }) == 1);
}

TEST_CASE("the first agent that a shop publishes is its own") {
    AgentsFixture fixture;
    const TenantId fresh{std::stoll(
        fixture.test.query("INSERT INTO tenants (slug, name) VALUES ('danza', 'Danza') RETURNING id"))};
    const AgentId first = fixture.add(fresh, AgentsFixture::named("Uno"), true);
    const AgentId second = fixture.add(fresh, AgentsFixture::named("Dos"), true);
    CHECK(run(fixture.agents->find(fresh, first)).value().line.own);
    CHECK_FALSE(run(fixture.agents->find(fresh, second)).value().line.own);
}

TEST_CASE("another agent is made the shop's own, and answers where no other names the channel") {
    AgentsFixture fixture;
    const AgentId loud = fixture.add(fixture.ballet, AgentsFixture::named("Otra", {"telegram"}), true);
    const AgentId quiet = fixture.add(fixture.ballet, AgentsFixture::named("Nueva"), true);
    const AgentId draft = fixture.add(fixture.ballet, AgentsFixture::named("Borrador"), false);
    CHECK_FALSE(run(fixture.agents->set_own(fixture.ballet, draft, fixture.olga)));
    CHECK_FALSE(run(fixture.agents->set_own(fixture.other, quiet, fixture.olga)));
    CHECK(run(fixture.agents->set_own(fixture.ballet, quiet, fixture.olga)));
    CHECK(fixture.answers(fixture.ballet) == "telegram Otra, web Nueva, whatsapp Nueva");
    CHECK(fixture.found(quiet).line.own);
    CHECK_FALSE(fixture.found(loud).line.own);
    CHECK(fixture.test.query("SELECT count(*) FROM agents WHERE is_own AND tenant_id = " +
                             fixture.ballet.to_string()) == "1");
}

TEST_CASE("an agent that answers stays, another one goes and its name is free") {
    AgentsFixture fixture;
    const AgentId id = fixture.add(fixture.ballet, AgentsFixture::named("Otra", {"telegram"}), true);
    const auto removing = [&] {
        return run(fixture.agents->remove(fixture.ballet, id, at(1), fixture.olga));
    };
    REQUIRE(removing().has_error());
    CHECK(removing().error().code == "agent.in_use");
    const auto nowhere = AgentsFixture::named("Otra");
    REQUIRE(run(fixture.agents->publish(fixture.ballet, id, nowhere, 1, fixture.olga)).has_value());
    CHECK(removing().has_value());
    CHECK(removing().error().code == "agent.unknown");
    CHECK_FALSE(run(fixture.agents->find(fixture.ballet, id)));
    CHECK(run(fixture.agents->versions(fixture.ballet, id, std::nullopt, 9)).empty());
    CHECK(fixture.change(id, std::nullopt, nowhere) == "agent.unknown");
    CHECK(fixture.add(fixture.ballet, nowhere, true) != id);
    // turns that had it keep what it was
    CHECK(fixture.test.query("SELECT count(*) FROM agent_versions WHERE agent_id = " + id.to_string()) ==
          "2");
}

TEST_CASE("a shop's default goes only when no other is published, and a removed name is in nobody's way") {
    AgentsFixture fixture;
    const TenantId fresh{std::stoll(
        fixture.test.query("INSERT INTO tenants (slug, name) VALUES ('nueva', 'Nueva') RETURNING id"))};
    const AgentId first = fixture.add(fresh, AgentsFixture::named("Una"), true);
    fixture.add(fresh, AgentsFixture::named("Una #" + first.to_string()), false);
    const AgentId second = fixture.add(fresh, AgentsFixture::named("Otra"), true);
    const auto remove = [&](AgentId id) {
        const auto done = run(fixture.agents->remove(fresh, id, at(1), fixture.olga));
        return done ? std::string() : done.error().text;
    };
    CHECK(remove(first).find("default") != std::string::npos);
    REQUIRE(run(fixture.agents->set_own(fresh, second, fixture.olga)));
    CHECK(remove(first).empty());
    CHECK(remove(second).empty());
}

TEST_CASE("versions are listed newest first, in pages") {
    AgentsFixture fixture;
    const AgentId id = fixture.add(fixture.ballet, AgentsFixture::named("Otra"), true);
    for (int n = 1; n <= 4; ++n) {
        auto next = AgentsFixture::named("Otra");
        next.model = "m" + std::to_string(n);
        REQUIRE(run(fixture.agents->publish(fixture.ballet, id, next, n, fixture.olga)).value() == n + 1);
    }
    const auto page = run(fixture.agents->versions(fixture.ballet, id, std::nullopt, 2));
    REQUIRE(page.size() == 2);
    CHECK(page[0].version == 5);
    CHECK(page[1].version == 4);
    const auto rest = run(fixture.agents->versions(fixture.ballet, id, 4, 9));
    REQUIRE(rest.size() == 3);
    CHECK(rest[2].version == 1);
    CHECK(run(fixture.agents->versions(fixture.other, id, std::nullopt, 9)).empty());
}

TEST_CASE("an agent that is renamed is the same one, published, drafted and in its budgets") {
    AgentsFixture fixture;
    const AgentId id = fixture.add(fixture.ballet, AgentsFixture::named("Otra", {"telegram"}), true);
    fixture.test.query(
        fmt::format("INSERT INTO budgets (tenant_id, agent_id, period, currency, hard) VALUES "
                    "({}, {}, 'day', 'USD', 1)",
                    fixture.ballet.value, id.value));
    CHECK(fixture.change(id, "Ventas", std::nullopt).empty());
    CHECK(fixture.found(id).line.name == "Ventas");
    CHECK(fixture.found(id).line.version == 1);
    CHECK_FALSE(fixture.found(id).draft);
    CHECK(fixture.answers(fixture.ballet) == "telegram Ventas, web Asistente, whatsapp Asistente");
    const auto log = fixture.audit(fixture.ballet);
    CHECK(std::ranges::any_of(log, [](const AuditRow& row) {
        return row.action == "agent.change" && row.before.find("\"Otra\"") != std::string::npos &&
               row.after.find("\"Ventas\"") != std::string::npos && row.actor.name == "Olga";
    }));
    const auto budgets = run(make_billing_store(fixture.database)->budgets(fixture.ballet, at(0)));
    REQUIRE(budgets.size() == 1);
    CHECK(budgets.front().line.budget.agent == "Ventas");

    CHECK(fixture.change(id, "Asistente", std::nullopt) == "agent.taken");
    CHECK(fixture.change(id, "Ventas", std::nullopt).empty());  // its own
    CHECK(run(fixture.agents->change(fixture.other, id, "Robada", std::nullopt, fixture.olga)).error().code ==
          "agent.unknown");
    CHECK(fixture.found(id).line.name == "Ventas");
    // the former name is free
    CHECK(fixture.add(fixture.ballet, AgentsFixture::named("Otra"), false) != id);
}

TEST_CASE("a draft goes by its agent's new name, and is gone when it is published") {
    AgentsFixture fixture;
    const AgentId id = fixture.add(fixture.ballet, AgentsFixture::named("Otra"), false);
    auto both = AgentsFixture::named("Una");
    both.model = "m";
    CHECK(fixture.change(id, "Una", both).empty());
    CHECK(fixture.change(id, "Ventas", std::nullopt).empty());
    const auto draft = fixture.found(id).draft;
    REQUIRE(draft);
    CHECK(draft->name == "Ventas");
    CHECK(draft->model == "m");
    CHECK(run(fixture.agents->publish(fixture.ballet, id, *draft, 0, fixture.olga)).has_value());
    CHECK_FALSE(fixture.found(id).draft);
}

TEST_CASE("an agent that a request makes twice is one agent") {
    AgentsFixture fixture;
    const auto book = make_request_book(fixture.database, fixture.masters, "the installation");
    const Once once{fixture.ballet, "user:ana", sha256_hex("k"), sha256_hex("add"), at(0)};
    const auto add = [&] {
        const auto stores = book->begin(once);
        return run(stores->agents().add(fixture.ballet, AgentsFixture::named("Otra"), true, fixture.olga))
            .value();
    };
    CHECK(add() == add());
    CHECK(run(fixture.agents->list(fixture.ballet)).size() == 2);
}

TEST_CASE("a draft that somebody else changed since it was read is not published") {
    AgentsFixture fixture;
    const AgentId id = fixture.add(fixture.ballet, AgentsFixture::named("Otra"), false);
    const auto book = make_request_book(fixture.database, fixture.masters, "the installation");
    const auto stores = book->begin(std::nullopt);
    stores->hold();
    const auto read = run(stores->agents().find(fixture.ballet, id));
    auto other = AgentsFixture::named("Otra");
    other.model = "another";
    REQUIRE(fixture.change(id, std::nullopt, other).empty());
    std::string code;
    try {
        run(stores->agents().publish(fixture.ballet, id, *read->draft, 0, fixture.olga));
    } catch (const Failure& failure) {
        code = failure.error().code;
    }
    CHECK(code == "request.changed");
    CHECK(fixture.found(id).line.version == 0);
}

TEST_CASE("a shop's dictionary is its own, and noted") {
    AgentsFixture fixture;
    const Synonyms words{{"mallas", {"leotardo", "enterito"}}};
    run(fixture.agents->set_synonyms(fixture.ballet, words, fixture.olga));
    CHECK(run(fixture.agents->synonyms(fixture.ballet)) == words);
    CHECK(run(fixture.agents->synonyms(fixture.other)).empty());
    const auto log = fixture.audit(fixture.ballet);
    REQUIRE(log.size() == 1);
    CHECK(log.front().action == "shop.change");
    CHECK(log.front().actor.name == "Olga");
}
