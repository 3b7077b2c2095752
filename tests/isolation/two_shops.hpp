#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/json_object.hpp"
#include "postgres/meta_store.hpp"
#include "postgres/request_stores.hpp"
#include "postgres/shops.hpp"
#include "tests/postgres/people.hpp"

namespace relevo::testing {

/// How often something is swapped: RELEVO_SWAPS, or else few enough for every day. At least one.
inline int swaps(int every_day) {
    const char* stated = std::getenv("RELEVO_SWAPS");
    return stated ? std::max(1, std::atoi(stated)) : every_day;
}

/// tests/isolation/swaps.sql.
std::string swaps_script();

/// Every word of its holds "canary".
inline ShopSpec canary_spec() {
    ShopSpec spec;
    spec.slug = "canary-shop";
    spec.name = "canary-name";
    spec.fallback_text = "canary-fallback";
    spec.synonyms.emplace()["canary-said"] = {"canary-meant"};
    spec.agent.name = "canary-agent";
    spec.agent.prompt = "canary-prompt";
    spec.web = WebSpec{"canary-web-key-0123456789"};
    spec.whatsapp = WhatsappSpec{{{"3003", "canary-number"}},
                                 {},
                                 Secret("canary-app"),
                                 Secret("canary-verify"),
                                 Secret("canary-token")};
    spec.credentials = {{"canary-category", "canary-secret", Secret("canary-value")}};
    spec.catalogue = std::vector<ProductSpec>{
        {"canary-sku", "canary-product puntas", "canary-description", "1", "ARS", "", {{"canary-a", "b"}}}};
    return spec;
}

/// A shop whose rows nobody else may see, change or count, and one that tries. Both have something of each
/// kind: conversations, people, keys, sessions, connections, a log.
struct TwoShops : PeopleFixture {
    TwoShops() {
        fill(victim, "canary", "3003");
        fill(attacker, "mine", "1001");
        test.query(swaps_script());
    }

    std::string digest() const { return test.query("SELECT swaps.digest(" + victim.to_string() + ")"); }

    const TenantId victim = run(apply_shop(database, vault, canary_spec(), random)).tenant;
    const TenantId attacker = ballet;

  private:
    void fill(TenantId tenant, const std::string& word, const std::string& number) {
        const Account its_account = account("whatsapp", number);
        for (int n = 1; n <= 4; ++n) {
            Inbound said = inbound(word + "-event-" + std::to_string(n), word + "-words",
                                   number + "55" + std::to_string(n));
            said.name = word + "-person";
            const auto stored = run(resolve->store_message(its_account, said, at(n), "trace"));
            if (n == 4) continue;  // one that no turn has
            const auto claimed =
                run(buffer->claim_turn(tenant, stored.conversation, {stored.message}, at(20 + n), 1'000));
            if (n == 3) continue;  // one that is open
            run(retrieve->freeze_step(tenant, claimed.turn, {{"catalogue", word, word + "-passage", 0.5}},
                                      at(30)));
            Completion completion;
            completion.text = word + "-answer";
            run(infer->commit_answer(tenant, claimed.turn, 0, completion, {word + "-bubble"}, at(31)));
        }
        run(database.call("set_budget", tenant,
                          JsonObject()
                              .text("period", "month")
                              .text("currency", "USD")
                              .number("hard", 1'000'000)
                              .time("now", at(40))
                              .str()));
        const int first = tenant == victim ? 10 : 20;
        add_active(tenant, first, word + "-admin@example.com", {"admin"});
        add_active(tenant, first + 1, word + "-viewer@example.com", {"viewer"});
        run(people->put_role(tenant, word + "-role", some({"users.read"}), olga));
        NewKey key;
        key.id = nth<ApiKeyId>(first);
        key.name = word + "-key";
        key.scopes = some({"users.read"});
        key.hash = hash_of(word + " key");
        key.last4 = "last";
        run(people->add_key(tenant, key, at(0), olga));
        // who has a password would be found by their address, whoever asks
        test.query(
            fmt::format("INSERT INTO sessions (tenant_id, id, user_id, hash, last4, created_at, used_at, "
                        "expires_at) SELECT {}, '{}', '{}', '\\x{}', 'last', m, m, m + interval '11 days' "
                        "FROM from_millis({}) AS m",
                        tenant.value, nth<SessionId>(first).to_string(), nth<UserId>(first).to_string(),
                        hash_of(word + " session").hex, to_millis(at(0))));
        fill_crm(tenant, first, word);
        run(meta->begin(tenant, nth<MetaConnectionId>(first), MetaKind::facebook, sha256_hex(word),
                        word + "-caller", at(0), at(1'000'000), olga));
    }

    // One of each kind; they share an id.
    void fill_crm(TenantId tenant, int first, const std::string& word) {
        const auto id = nth<CrmId>(first);
        const auto add = [&](CrmKind kind, JsonObject members) {
            members.text("crm_" + std::string(name_of(kind)) + "_id", word + "-crm");
            run(crm->add(tenant, kind, id, members.str(), olga));
        };
        add(CrmKind::company, JsonObject().text("name", word + "-company"));
        add(CrmKind::division, JsonObject().text("name", word + "-division").id("company", id));
        add(CrmKind::contact, JsonObject().text("name", word + "-contact").id("division", id));
        const std::string product =
            tenant == victim ? "canary-sku"
                             : test.query("SELECT min(sku) FROM catalogue_entries WHERE tenant_id = " +
                                          tenant.to_string());
        const std::string recommended =
            JsonObject().text("sku", product).text("justification", word + "-because").str();
        add(CrmKind::opportunity, JsonObject()
                                      .text("title", word + "-title")
                                      .text("stage", word + "-stage")
                                      .id("contact", id)
                                      .raw("recommendations", "[" + recommended + "]"));
    }

    std::unique_ptr<MetaStore> meta = make_meta_store(database, masters);
    std::unique_ptr<CrmStore> crm = make_crm_store(database);
};

}  // namespace relevo::testing
