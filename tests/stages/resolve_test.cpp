#include "stages/resolve.hpp"

#include <doctest/doctest.h>

#include "domain/records.hpp"
#include "tests/stages/fakes.hpp"

namespace relevo {
namespace {

struct ScriptedStore final : ResolveStore {
    Task<std::optional<Account>> find_account(std::string, std::string, EndpointId, SysTime when) override {
        written = when;
        co_return account;
    }
    Task<std::optional<Account>> find_owner(std::string, EndpointId scope) override {
        CHECK(scope == EndpointId{3});
        co_return owner;
    }
    Task<StoredMessage> store_message(Account its_account, Inbound inbound, SysTime appended,
                                      std::string its_trace) override {
        sent_at = inbound.sent_at;
        calls.push_back("message");
        CHECK(its_account.tenant == account->tenant);
        retired = its_account.retired;
        at = appended;
        trace = std::move(its_trace);
        co_return stored;
    }
    Task<StoredMessage> store_echo(Account, Inbound, SysTime, std::string) override {
        calls.push_back("echo");
        co_return stored;
    }
    Task<void> rename_contact(Account, Alias from, Alias to) override {
        calls.push_back("rename " + from.value + " " + to.value);
        co_return;
    }
    Task<void> archive(Account, Inbound, SysTime appended) override {
        at = appended;
        calls.push_back("archive");
        co_return;
    }
    std::optional<Account> account;
    std::optional<Account> owner;
    StoredMessage stored;
    std::vector<std::string> calls;
    SysTime at;
    SysTime written;
    std::optional<SysTime> sent_at;
    std::string trace;
    bool retired = false;
};

struct Fixture {
    Fixture() {
        store.account = Account{
            {7}, {}, "whatsapp", "1065", {3}, {Millis{2'500}, Millis{9'000}, 4}, {EndpointId{5}}, false};
        store.stored.seq = 12;
        store.stored.conversation = by_name;
        received.channel = "whatsapp";
        received.scope = {3};
        received.inbound.kind = InboundKind::message;
        received.inbound.event_id = "wamid.1";
        received.inbound.aliases = {{"wa_id", "549"}};
    }
    Outcome run() {
        Record record = to_record(received);
        record.headers.time = came_in;
        record.headers.traceparent = "00-11111111111111111111111111111111-2222222222222222-01";
        return run_stage(resolve, {envelope_of(record, from_millis(42))}, clock);
    }
    std::string failure() {
        try {
            run();
        } catch (const Failure& failed) {
            CHECK(failed.error().fault == Fault::permanent);
            return failed.error().code;
        }
        return "none";
    }
    const ConversationId by_name = conversation_id({7}, contact_id({7}, "wa_id", "549"), {});
    std::optional<SysTime> came_in;
    SimClock clock;
    ScriptedStore store;
    RecordingLive live;
    Resolve resolve{store, live};
    MessageReceived received;
};

}  // namespace

TEST_CASE("a message is stored with the log's time and goes on with its place and the agent's window") {
    Fixture it;
    const Outcome outcome = it.run();
    CHECK(it.store.calls == std::vector<std::string>{"message"});
    CHECK(it.store.at == from_millis(42));
    CHECK(it.store.trace == "11111111111111111111111111111111");
    const auto& emit = std::get<Emit>(outcome);
    REQUIRE(emit.records.size() == 1);
    const auto resolved = decode_message_resolved(emit.records.front().value).value();
    CHECK(resolved.tenant == TenantId{7});
    CHECK(resolved.seq == 12);
    CHECK(resolved.window.quiet == Millis{2'500});
    CHECK(emit.records.front().key == conversation_key({7}, it.by_name));
    CHECK(it.live.told.size() == 1);
}

TEST_CASE("who has a conversation as a human is told when its customer writes, and when its owner does") {
    Fixture it;
    it.store.stored.human = true;
    const std::string changed = conversation_channel({7}, it.by_name) + " " + live_changed();
    const std::string desk = std::string(desk_channel) + " ";
    for (const auto kind : {InboundKind::message, InboundKind::reaction}) {
        it.received.inbound.kind = kind;
        it.live.told.clear();
        it.run();
        CHECK(it.live.told == std::vector<std::string>{changed, desk + desk_written({7}, it.by_name)});
    }
    it.received.inbound.kind = InboundKind::echo;
    it.live.told.clear();
    it.run();
    CHECK(it.live.told == std::vector<std::string>{changed, desk + desk_changed({7}, it.by_name)});
}

TEST_CASE("who was erased and writes again is told of where their name's page waits, too") {
    Fixture it;
    it.store.stored.conversation = conversation_id({7}, contact_id({7}, "wa_id", "somebody new"), {});
    it.run();
    REQUIRE(it.live.told.size() == 2);
    CHECK(it.live.told[0].starts_with(conversation_channel({7}, it.store.stored.conversation)));
    CHECK(it.live.told[1].starts_with(conversation_channel({7}, it.by_name)));
}

TEST_CASE("an account is looked for as of when the message was written, which is not after it came in") {
    Fixture it;
    it.run();
    CHECK(it.store.written == from_millis(42));
    it.came_in = from_millis(17);
    it.run();
    CHECK(it.store.written == from_millis(17));
    it.received.inbound.sent_at = from_millis(9);
    it.run();
    CHECK(it.store.written == from_millis(9));
    it.received.inbound.sent_at = from_millis(1'000);
    it.run();
    CHECK(it.store.written == from_millis(17));
}

TEST_CASE("what is redriven is as old as when it came in first, but has its new place in the log") {
    Fixture message;
    message.came_in = from_millis(17);
    message.run();
    CHECK(message.store.sent_at == from_millis(17));
    CHECK(message.store.at == from_millis(42));

    Fixture part;
    part.came_in = from_millis(17);
    part.received.inbound.kind = InboundKind::archived;
    part.run();
    CHECK(part.store.at == from_millis(17));
}

TEST_CASE("what opens no turn ends here, with its reason") {
    Fixture reaction;
    reaction.received.inbound.kind = InboundKind::reaction;
    CHECK(std::get<Drop>(reaction.run()).reason == "reaction");
    CHECK(reaction.store.calls == std::vector<std::string>{"message"});

    Fixture echo;
    echo.received.inbound.kind = InboundKind::echo;
    CHECK(std::get<Drop>(echo.run()).reason == "owner's echo");
    CHECK(echo.store.calls == std::vector<std::string>{"echo"});

    Fixture human;
    human.store.stored.human = true;
    CHECK(std::get<Drop>(human.run()).reason == "human has the conversation");

    Fixture unknown;
    unknown.received.inbound.kind = InboundKind::archived;
    CHECK(std::get<Drop>(unknown.run()).reason == "archived");
    CHECK(unknown.store.calls == std::vector<std::string>{"archive"});
}

TEST_CASE("a contact's new name is noted") {
    Fixture it;
    it.received.inbound.kind = InboundKind::renamed;
    it.received.inbound.aliases = {{"wa_id", "549"}, {"wa_id", "54"}};
    CHECK(std::get<Drop>(it.run()).reason == "contact renamed");
    CHECK(it.store.calls == std::vector<std::string>{"rename 549 54"});
    it.received.inbound.aliases.pop_back();
    CHECK(it.failure() == "record.malformed");
}

TEST_CASE("an account that nobody registered is a dead letter that names it") {
    Fixture it;
    it.store.account.reset();
    CHECK(it.failure() == "resolve.unknown_account");
}

TEST_CASE(
    "what names no account is archived where one shop alone is meant, and dropped where several could be") {
    Fixture it;
    it.store.account.swap(it.store.owner);
    it.received.inbound.kind = InboundKind::archived;
    CHECK(std::get<Drop>(it.run()).reason == "archived");
    CHECK(it.store.calls == std::vector<std::string>{"archive"});
    it.store.owner.reset();
    CHECK(std::get<Drop>(it.run()).reason == "names no account of a shared address");
    CHECK(it.store.calls.size() == 1);
}

TEST_CASE("a message that names no account, or an unknown one, never goes to the address's owner") {
    Fixture it;
    it.store.account.swap(it.store.owner);
    CHECK(it.failure() == "resolve.unknown_account");
    it.received.inbound.kind = InboundKind::archived;
    it.received.inbound.account = "999";
    CHECK(it.failure() == "resolve.unknown_account");
    CHECK(it.store.calls.empty());
}

TEST_CASE("what comes in for an account that its shop has given up ends here: a message in the books") {
    Fixture it;
    it.store.account->retired = true;
    it.store.stored.retired = true;
    for (const auto kind : {InboundKind::echo, InboundKind::archived, InboundKind::message}) {
        CHECK(it.store.calls.empty());
        it.received.inbound.kind = kind;
        CHECK(std::get<Drop>(it.run()).reason == "account retired");
    }
    CHECK(it.store.calls == std::vector<std::string>{"message"});
    CHECK(it.store.retired);
    CHECK(it.live.told.size() == 1);
    it.store.stored.human = true;
    CHECK(std::get<Drop>(it.run()).reason == "account retired");
}

TEST_CASE("a message that was stored before its account was given up goes on when it comes again") {
    Fixture it;
    it.store.account->retired = true;
    CHECK(std::holds_alternative<Emit>(it.run()));
}

TEST_CASE("what an erased person wrote before is dropped with that reason, and nobody hears of it") {
    Fixture it;
    it.store.stored.erased = true;
    for (const auto kind : {InboundKind::message, InboundKind::reaction, InboundKind::echo}) {
        it.received.inbound.kind = kind;
        CHECK(std::get<Drop>(it.run()).reason == "erased");
    }
    CHECK(it.live.told.empty());
}

TEST_CASE("a record of an address that the account has left is stored as any other") {
    Fixture it;
    it.received.scope = {5};
    CHECK(std::holds_alternative<Emit>(it.run()));
    CHECK(it.store.calls == std::vector<std::string>{"message"});
}

TEST_CASE("a record speaks for the accounts of the address that verified it, and no other") {
    Fixture it;
    it.received.scope = {4};
    CHECK(it.failure() == "resolve.foreign_account");
    CHECK(it.store.calls.empty());
}

}  // namespace relevo
