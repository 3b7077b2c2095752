#include <fmt/format.h>

#include <sstream>

#include "core/json_object.hpp"
#include "postgres/json.hpp"
#include "tests/postgres/fixture.hpp"
#include "tests/simulation/shop.hpp"

namespace relevo::testing {
namespace {

/// Whatever any operation may ask for, about this conversation of the ballet shop.
std::string request_about(const StoredMessage& stored, TurnId turn, ReplyId reply, AccountId account) {
    return JsonObject()
        .id("conversation", stored.conversation)
        .id("message", stored.message)
        .id("turn", turn)
        .id("reply", reply)
        .id("fallback", reply)
        .id("account", account)
        .raw("messages", json_array({json_text(stored.message.to_string())}))
        .raw("aliases", R"([{"kind":"wa_id","value":"5491150000001"}])")
        .raw("from", R"({"kind":"wa_id","value":"5491150000001"})")
        .raw("to", R"({"kind":"wa_id","value":"5491150000009"})")
        .raw("bubbles", "[]")
        .raw("passages", "[]")
        .raw("completion", "{}")
        .text("channel", "whatsapp")
        .text("external_id", "1001")
        .text("category", "whatsapp_cloud")
        .text("name", "ACCESS_TOKEN")
        .text("event_id", "1")
        .text("provider_id", "p")
        .text("token", "t")
        .text("text", "puntas")
        .text("client_id", "c")
        .text("visitor", "5491150000001")
        .text("code", "x")
        .text("reason", "x")
        .text("status", "read")
        .text("state", "accepted")
        .text("kind", "message")
        .number("step", 0)
        .number("attempt", 1)
        .number("limit", 100)
        .number("after_seq", 0)
        .flag("granted", false)
        .time("now", at(20))
        .time("at", at(20))
        .time("appended", at(20))
        .str();
}

/// A shop with a turn that is answered, one that is open, and a message that no turn has: what ends any of
/// them has something to end.
struct Ballet : Fixture {
    Ballet() {
        request =
            request_about(answered, turn, answer(turn, {"canary-answer"}, at(17)).front(), account().id);
        const auto nobodys = agent_reply_id(open, 0);
        request_of_open = request_about(asked, open, nobodys, account().id);
        request_of_unclaimed = request_about(unclaimed, open, nobodys, account().id);
        test.query("INSERT INTO budgets (tenant_id, period, currency, hard) VALUES (" + ballet.to_string() +
                   ", 'day', 'USD', 1) RETURNING 1");
        run(infer->reserve_call(ballet, open, 0, {"sim", "", "m", true, 1, 1}, at(20)));
        before = rows();
    }
    std::string rows() const {
        std::string all;
        for (const auto* table : {"conversations", "replies", "turns", "deliveries", "messages", "steps",
                                  "aliases", "credentials", "model_calls", "budgets"}) {
            all += fmt::format("{} SELECT r::text AS x FROM {} AS r WHERE tenant_id = {}",
                               all.empty() ? "" : " UNION ALL", table, ballet.value);
        }
        return test.query("SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (" + all + ") AS rows");
    }

    const StoredMessage answered = store("1", "canary-words", at(0));
    const TurnId turn = claim(answered, at(16));
    const StoredMessage asked = store("2", "canary-words", at(18), "5491150000002");
    const TurnId open = claim(asked, at(18));
    const StoredMessage unclaimed = store("3", "canary-words", at(19), "5491150000003");
    std::string request, request_of_open, request_of_unclaimed, before;
};

}  // namespace

TEST_CASE(
    "incident 13: another tenant's rows were read and deleted, here swapped calls find and change nothing") {
    Ballet it;
    std::vector<std::pair<std::string, std::string>> swapped{{"drop_turn", it.request_of_open},
                                                             {"expire_messages", it.request_of_unclaimed}};
    for (const auto* op : {"take_over", "give_back", "demo_conversation", "turn_text", "load_inference",
                           "commit_answer", "fail_turn", "freeze_step", "claim_reply", "finish_reply",
                           "expire_reply", "settle", "find_credential", "reserve_call", "settle_call"})
        swapped.emplace_back(op, it.request);
    for (const auto& [op, request] : swapped) {
        std::vector<std::pair<TenantId, std::string>> requests(1'000, {it.other, request});
        requests.resize(1'500, {TenantId{}, request});  // no tenant at all sees nothing either
        for (const auto& result : run(it.database.call_all(op, requests))) {
            const bool nothing = result == "null" || result == "false" || result == "{\"replies\": []}" ||
                                 result.find("erased") != std::string::npos ||
                                 result.find("not_ours") != std::string::npos;
            REQUIRE_MESSAGE(nothing, op << ": " << result);
        }
    }
    CHECK(it.rows() == it.before);
    // asked by their own tenant, the same requests do what they say
    run(it.database.call("drop_turn", it.ballet, it.request_of_open));
    CHECK(it.turn_status(it.open) == "dropped");
    run(it.database.call("expire_messages", it.ballet, it.request_of_unclaimed));
    CHECK(it.test.query("SELECT count(*) FROM messages WHERE direction = 'in' AND turn_id IS NULL") == "0");
}

TEST_CASE("incident 13: no operation that any migration adds shows or changes another tenant's rows") {
    Ballet it;
    std::istringstream names(
        it.test.query("SELECT substr(proname, 4) FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
                      // whom a process serves is the installation's business
                      "AND proname <> 'op_list_tenants' AND proname LIKE 'op\\_%' "
                      "AND has_function_privilege('relevo_app', oid, 'EXECUTE')"));
    std::size_t asked = 0;
    for (std::string op; names >> op; ++asked) {
        for (const auto& request : {it.request, it.request_of_open, it.request_of_unclaimed}) {
            std::string shown;
            try {
                shown = run(it.database.call(op, it.other, request));
            } catch (const Failure& failure) {
                shown = failure.error().text;
            }
            for (const auto* word : {"canary", "ballet", "app secret", "access token"})
                CHECK_MESSAGE(shown.find(word) == std::string::npos, op << ": " << shown);
        }
        REQUIRE_MESSAGE(it.rows() == it.before, op);
    }
    CHECK(asked > 40);
}

TEST_CASE("incident 13: a webhook speaks for the accounts of its own address, and for no other shop's") {
    const auto steals = [](const SimSettings& settings) {
        Shop it(settings);
        Account thief = it.world.add_shop(2, "thief", it.shop.window);
        thief.external_id = it.shop.external_id;
        it.world.write(thief, "ana", "hola");
        CHECK(it.world.settle());
        for (const auto& [place, letter] : it.world.database.dead_letters)
            CHECK(letter.code == "resolve.foreign_account");
        return it.world.database.tenants.contains({1});
    };
    CHECK_FALSE(steals({}));
    CHECK(steals(with_bug("scope-not-checked")));
}

}  // namespace relevo::testing
