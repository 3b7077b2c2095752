#include "tests/contract/random_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace relevo::testing {
namespace {

Task<std::string> done(Task<void> task) {
    co_await std::move(task);
    co_return "done";
}

std::string told(const std::vector<Alias>& aliases) {
    std::string text;
    for (const auto& alias : aliases) text += fmt::format(" {}/{}", alias.kind, alias.value);
    return text;
}

std::string told(const std::vector<MessageId>& messages) {
    std::string text;
    for (const auto& message : messages) text += " " + message.to_string();
    return text;
}

}  // namespace

RandomCalls::RandomCalls(std::uint64_t seed, Side& simulated, Side& real, std::vector<Account> accounts)
    : random_(seed), simulated_(simulated), real_(real), accounts_(std::move(accounts)) {}

std::optional<Difference> RandomCalls::make_one() {
    try {
        draw();
        return std::nullopt;
    } catch (const Difference& difference) {
        return difference;
    }
}

template <class Make>
auto RandomCalls::ask(std::string told, Make make) {
    const auto seconds = static_cast<double>((now_ - at(0)).count()) / 1'000;
    calls_.push_back(
        {fmt::format("{:9.3f} {}", seconds, told), [make](Side& side) { return describe(make(side)); }});
    const std::string real = calls_.back().answer(real_);
    auto answer = [&] {
        try {
            return make(simulated_);
        } catch (const std::exception& error) {
            throw Difference{std::string("throws ") + error.what(), real};
        }
    }();
    if (describe(answer) != real) throw Difference{describe(answer), real};
    return answer;
}

template <class T>
const T& RandomCalls::any_of(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
}

// Mostly what happened lately: what is old is closed, and little happens to it.
template <class T>
const T& RandomCalls::recent_of(const std::vector<T>& all) {
    const auto size = static_cast<int>(all.size());
    return chance(20) ? any_of(all) : all[static_cast<std::size_t>(size - 1 - below(std::min(size, 4)))];
}

TenantId RandomCalls::tenant_of(TenantId right) {
    return chance(2) ? any_of(accounts_).tenant : right;
}

void RandomCalls::draw() {
    struct Choice {
        int weight;
        void (RandomCalls::*make)();
        bool possible;
    };
    const bool heard = !heard_.empty();
    const bool turns = !turns_.empty();
    const bool replies = !replies_.empty();
    const Choice choices[] = {
        {14, &RandomCalls::time_passes, true},
        {14, &RandomCalls::message, true},
        {3, &RandomCalls::again, heard},
        {3, &RandomCalls::echo, heard},
        {2, &RandomCalls::rename, heard},
        {2, &RandomCalls::account_or_archive, true},
        {14, &RandomCalls::claim_turn, heard},
        {2, &RandomCalls::expire_messages, heard},
        {4, &RandomCalls::read_turn, turns},
        {7, &RandomCalls::freeze, turns},
        {12, &RandomCalls::answer, turns},
        {2, &RandomCalls::end_turn, turns},
        {10, &RandomCalls::reserve_call, turns},
        {4, &RandomCalls::settle_call, turns},
        {2, &RandomCalls::set_budget, true},
        {3, &RandomCalls::hand_over, heard},
        {3, &RandomCalls::human_reply, heard},
        {24, &RandomCalls::claim_reply, replies},
        {14, &RandomCalls::finish, !sendings_.empty()},
        {2, &RandomCalls::expire_reply, replies},
        {3, &RandomCalls::postpone_reply, replies},
        {8, &RandomCalls::receipt, replies},
        {4, &RandomCalls::timers, true},
    };
    int sum = 0;
    for (const auto& choice : choices) sum += choice.possible ? choice.weight : 0;
    int drawn = below(sum);
    for (const auto& choice : choices) {
        if (!choice.possible) continue;
        drawn -= choice.weight;
        if (drawn < 0) return (this->*choice.make)();
    }
}

void RandomCalls::time_passes() {
    const std::int64_t longest[] = {100, 5'000, 5'000, 20'000, 100'000, 700'000};
    now_ += Millis{1 + below(static_cast<int>(longest[below(6)]))};
    ask("time passes", [now = now_](Side& side) { return side.pass(now); });
}

std::vector<Alias> RandomCalls::sender(const Account& account) {
    const std::string person = std::to_string(1 + below(3));
    if (account.channel == "web") return {{"web_visitor", "v" + person}};
    if (account.channel == "telegram") return {{"telegram_chat", "t" + person}};
    std::vector<Alias> aliases{{"wa_id", "54911" + person}};
    if (chance(15))
        aliases.push_back({"wa_user", "user" + (chance(80) ? person : std::to_string(1 + below(3)))});
    if (chance(20)) std::reverse(aliases.begin(), aliases.end());
    if (chance(10)) aliases.erase(aliases.begin() + 1, aliases.end());
    return aliases;
}

void RandomCalls::message() {
    Account account = chance(50) ? accounts_.front() : any_of(accounts_);
    account.retired = chance(3);
    Inbound said;
    said.kind = chance(10) ? InboundKind::reaction : InboundKind::message;
    said.event_id = fresh("event");
    said.aliases = sender(account);
    said.type = "text";
    said.text = fresh("text");
    const SysTime appended = chance(90) ? now_ : now_ - Millis{below(120'000)};
    const auto stored = ask(
        fmt::format("{} {} to {} {}{} from{}", said.kind == InboundKind::reaction ? "reaction" : "message",
                    said.event_id, account.channel, account.external_id, account.retired ? ", retired," : "",
                    told(said.aliases)),
        [=](Side& side) {
            return side.stores.run(side.stores.resolve->store_message(account, said, appended, "trace"));
        });
    heard_.push_back({account, said, stored});
}

// A webhook that comes twice, or under another account or kind.
void RandomCalls::again() {
    const Heard heard = recent_of(heard_);
    Account account = chance(90) ? heard.account : any_of(accounts_);
    if (chance(10)) account.retired = true;
    const bool as_echo = chance(10);
    ask(fmt::format("{} again at {} {}{}{}", heard.inbound.event_id, account.channel, account.external_id,
                    account.retired ? ", retired" : "", as_echo ? " as echo" : ""),
        [=, said = heard.inbound, now = now_](Side& side) {
            ResolveStore& resolve = *side.stores.resolve;
            return side.stores.run(as_echo ? resolve.store_echo(account, said, now, "trace")
                                           : resolve.store_message(account, said, now, "trace"));
        });
}

// The owner's own words, or ours as they come back.
void RandomCalls::echo() {
    const Heard heard = recent_of(heard_);
    Inbound said = heard.inbound;
    said.kind = InboundKind::echo;
    said.event_id = fresh("echo");
    said.text = fresh("owner");
    if (!sendings_.empty() && chance(60)) {
        const Sending& ours = recent_of(sendings_);
        if (chance(60)) said.text = ours.reply.text;
        if (!ours.provider_id.empty() && chance(60)) said.event_id = ours.provider_id;
    }
    if (chance(5)) said.aliases = sender(heard.account);
    ask(fmt::format("echo {} '{}' at {} {} to{}", said.event_id, said.text, heard.account.channel,
                    heard.account.external_id, told(said.aliases)),
        [=, account = heard.account, now = now_](Side& side) {
            return side.stores.run(side.stores.resolve->store_echo(account, said, now, "trace"));
        });
}

void RandomCalls::rename() {
    const Heard heard = recent_of(heard_);
    const Alias from = chance(90) ? heard.inbound.aliases.front() : Alias{"wa_id", "nobody"};
    const Alias to = sender(heard.account).front();
    ask(fmt::format("rename {} to {} at {}", from.value, to.value, heard.account.external_id),
        [=, account = heard.account](Side& side) {
            return side.stores.run(done(side.stores.resolve->rename_contact(account, from, to)));
        });
}

void RandomCalls::account_or_archive() {
    const Account account = any_of(accounts_);
    const EndpointId scope = chance(80) ? any_of(accounts_).endpoint : EndpointId{999};
    switch (below(3)) {
        case 0: {
            const std::string name = chance(50) ? "" : chance(80) ? account.external_id : "nobody";
            ask(fmt::format("find account '{}' of {} at {}", name, account.channel, scope.value),
                [=, now = now_](Side& side) {
                    return side.stores.run(
                        side.stores.resolve->find_account(account.channel, name, scope, now));
                });
            break;
        }
        case 1:
            ask(fmt::format("find owner of {} at {}", account.channel, scope.value), [=](Side& side) {
                return side.stores.run(side.stores.resolve->find_owner(account.channel, scope));
            });
            break;
        default: {
            Inbound odd;
            odd.event_id = "odd" + std::to_string(below(5));
            odd.raw = "{}";
            ask("archive " + odd.event_id, [=, now = now_](Side& side) {
                return side.stores.run(done(side.stores.resolve->archive(account, odd, now)));
            });
        }
    }
}

// The message, and some others that its window may have had.
std::pair<ConversationId, std::vector<MessageId>> RandomCalls::burst(const Heard& heard) {
    std::vector<MessageId> messages;
    for (const auto& other : heard_) {
        const bool same = other.stored.conversation == heard.stored.conversation;
        if (same ? chance(30) : chance(1)) messages.push_back(other.stored.message);
    }
    messages.push_back(heard.stored.message);
    return {heard.stored.conversation, messages};
}

void RandomCalls::claim_turn() {
    const Heard heard = recent_of(heard_);
    const auto window = burst(heard);
    const TenantId tenant = tenant_of(heard.account.tenant);
    const int most = chance(80) ? 1'000 : 1 + below(3);
    const auto claimed = ask(
        fmt::format("claim turn in {} of{}, at most {}", window.first.to_string(), told(window.second), most),
        [=, now = now_](Side& side) {
            return side.stores.run(
                side.stores.buffer->claim_turn(tenant, window.first, window.second, now, most));
        });
    if (claimed.state == TurnClaim::State::claimed) turns_.push_back({{tenant, claimed.turn}, heard.account});
}

void RandomCalls::expire_messages() {
    const Heard heard = recent_of(heard_);
    const auto window = burst(heard);
    const TenantId tenant = tenant_of(heard.account.tenant);
    ask(fmt::format("expire in {}{}", window.first.to_string(), told(window.second)), [=, now = now_](
                                                                                          Side& side) {
        return side.stores.run(done(side.stores.buffer->expire(tenant, window.first, window.second, now)));
    });
}

void RandomCalls::read_turn() {
    const Turn turn = recent_of(turns_).first;
    const TenantId tenant = tenant_of(turn.tenant);
    if (chance(50)) {
        ask("text of turn " + turn.id.to_string(),
            [=](Side& side) { return side.stores.run(side.stores.retrieve->turn_text(tenant, turn.id)); });
    } else {
        ask("load turn " + turn.id.to_string(), [=, step = below(2)](Side& side) {
            return side.stores.run(side.stores.infer->load(tenant, turn.id, step));
        });
    }
}

void RandomCalls::freeze() {
    const Turn turn = recent_of(turns_).first;
    const std::vector<Passage> passages{{"catalogue", fresh("passage"), "text", 0.5}};
    ask("freeze step of " + turn.id.to_string(),
        [=, tenant = tenant_of(turn.tenant), now = now_](Side& side) {
            return side.stores.run(done(side.stores.retrieve->freeze_step(tenant, turn.id, passages, now)));
        });
}

void RandomCalls::learn(const std::vector<ReplyId>& replies, const Turn& turn,
                        const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
        if (std::any_of(replies_.begin(), replies_.end(),
                        [&](const auto& known) { return known.id == replies[i]; }))
            continue;
        const auto of = std::find_if(turns_.begin(), turns_.end(),
                                     [&](const auto& known) { return known.first.id == turn.id; });
        replies_.push_back({turn.tenant, replies[i], of->second, i < texts.size() ? texts[i] : "fallback"});
    }
}

void RandomCalls::answer() {
    const Turn turn = recent_of(turns_).first;
    std::vector<std::string> bubbles;
    for (int i = below(4); i > 0; --i) bubbles.push_back(chance(90) ? fresh("bubble") : "ok");
    std::vector<std::string> disclosing;  // sometimes the model did it
    if (!bubbles.empty() && chance(80)) {
        disclosing = bubbles;
        disclosing.insert(disclosing.begin(), "I am a program.");
    }
    const int step = chance(90) ? 0 : 1;
    Completion completion;
    completion.provider = "sim";
    completion.model = chance(80) ? "cheap" : "strange";
    completion.usage = {below(400), below(100), true, below(500)};
    const auto replies =
        ask(fmt::format("answer step {} of {} with {} or {} for {} + {} tokens", step, turn.id.to_string(),
                        fmt::join(bubbles, ", "), fmt::join(disclosing, ", "), completion.usage.input_tokens,
                        completion.usage.output_tokens),
            [=, tenant = tenant_of(turn.tenant), now = now_](Side& side) {
                return side.stores.run(side.stores.infer->commit_answer(tenant, turn.id, step, completion,
                                                                        bubbles, now, disclosing));
            });
    learn(replies, turn, replies.size() == bubbles.size() ? bubbles : disclosing);
}

// Mostly of the shop that has budgets.
void RandomCalls::reserve_call() {
    const Turn turn = recent_of(turns_).first;
    constexpr std::array models{"cheap", "cheap", "cheap", "dear-2", "strange", "free"};
    const std::string model = models[random_.below(models.size())];
    const PlannedCall call{"sim", "", model, model == "free", below(400), below(200)};
    ask(fmt::format("reserve {} + {} tokens of {} for {}", call.input_tokens, call.output_tokens, model,
                    turn.id.to_string()),
        [=, tenant = tenant_of(turn.tenant), step = chance(90) ? 0 : 1, now = now_](Side& side) {
            return side.stores.run(side.stores.infer->reserve_call(tenant, turn.id, step, call, now));
        });
}

void RandomCalls::settle_call() {
    const Turn turn = recent_of(turns_).first;
    const Usage usage = chance(50) ? Usage{} : Usage{below(400), below(200), false};
    ask(fmt::format("settle {} in vain for {} tokens", turn.id.to_string(), usage.input_tokens),
        [=, tenant = tenant_of(turn.tenant), step = chance(90) ? 0 : 1, now = now_](Side& side) {
            return side.stores.run(
                done(side.stores.infer->settle_call(tenant, turn.id, step, "model.timeout", usage, now)));
        });
}

void RandomCalls::set_budget() {
    const std::string period = chance(50) ? "day" : "month";
    const std::int64_t hard = below(3'000);
    const bool limited = chance(80);
    ask(fmt::format("a budget of {} a {}", limited ? std::to_string(hard) : "any", period),
        [=, now = now_](Side& side) {
            side.stores.set_budget(period, limited ? std::optional(hard) : std::nullopt, hard / 2, now);
            return std::string("set");
        });
}

void RandomCalls::end_turn() {
    const Turn turn = recent_of(turns_).first;
    const TenantId tenant = tenant_of(turn.tenant);
    if (chance(50)) {
        ask("drop turn " + turn.id.to_string(), [=, now = now_](Side& side) {
            return side.stores.run(done(side.stores.retrieve->drop_turn(tenant, turn.id, "expired", now)));
        });
        return;
    }
    const auto replies = ask("fail turn " + turn.id.to_string(), [=, now = now_](Side& side) {
        return side.stores.run(side.stores.infer->fail_turn(tenant, turn.id, "model.refused", now));
    });
    learn(replies, turn, {});
}

void RandomCalls::hand_over() {
    const Heard heard = recent_of(heard_);
    const ConversationId conversation = heard.stored.conversation;
    const TenantId tenant = tenant_of(heard.account.tenant);
    const bool back = chance(60);
    ask((back ? "give back " : "take over ") + conversation.to_string(), [=, now = now_](Side& side) {
        HandoffStore& handoff = *side.stores.handoff;
        return side.stores.run(back ? handoff.give_back(tenant, conversation, now)
                                    : handoff.take_over(tenant, conversation, now));
    });
}

void RandomCalls::human_reply() {
    const Heard heard = recent_of(heard_);
    const ConversationId conversation = heard.stored.conversation;
    const TenantId tenant = tenant_of(heard.account.tenant);
    const std::string client = chance(80) ? fresh("client") : "client1";
    const std::string text = fresh("human");
    const auto reply = ask(fmt::format("human says {} '{}' in {}", client, text, conversation.to_string()),
                           [=, now = now_](Side& side) {
                               return side.stores.run(side.stores.handoff->request_reply(tenant, conversation,
                                                                                         client, text, now));
                           });
    if (reply) replies_.push_back({tenant, *reply, heard.account, text});
}

void RandomCalls::claim_reply() {
    const Reply reply = recent_of(replies_);
    const int process = below(Side::processes);
    if (chance(5))
        ask(fmt::format("process {} dies", process), [=](Side& side) { return side.restart(process); });
    const TenantId tenant = tenant_of(reply.tenant);
    const bool admitted = chance(80);
    const auto claim =
        ask(fmt::format("process {} claims {}{}", process, reply.id.to_string(),
                        admitted ? "" : ", not admitted"),
            [=, now = now_](Side& side) {
                return side.stores.run(side.relay(process).claim(tenant, reply.id, now, admitted));
            });
    if (claim.permit) sendings_.push_back({reply, claim.permit->attempt(), process, ""});
}

void RandomCalls::finish() {
    const auto size = static_cast<int>(sendings_.size());
    Sending& sending =
        sendings_[static_cast<std::size_t>(size - 1 - below(std::min(size, chance(80) ? 2 : 20)))];
    Sent sent;
    const int drawn = below(100);
    if (drawn < 60) {
        sent = {Sent::State::accepted, chance(90) ? fresh("provider") : "", {}};
        if (!sent.provider_id.empty()) sending.provider_id = sent.provider_id;
    } else if (drawn < 75) {
        sent = {Sent::State::unknown, "", {}};
    } else {
        sent = {Sent::State::refused,
                "",
                {drawn < 90 ? Fault::transient : Fault::permanent, "provider.refused", "no", std::nullopt}};
    }
    const std::optional<SysTime> due =
        chance(85) ? std::optional(now_ + Millis{below(60'000)}) : std::nullopt;
    constexpr const char* states[] = {"accepted", "refused", "unknown"};
    ask(fmt::format("process {} finishes attempt {} of {}: {} {}{}{}", sending.process, sending.attempt,
                    sending.reply.id.to_string(), states[static_cast<int>(sent.state)], sent.provider_id,
                    sent.error.fault == Fault::permanent ? " for good" : "",
                    due ? fmt::format(" due in {} ms", (*due - now_).count()) : ""),
        [=, now = now_](Side& side) {
            return side.stores.run(
                done(side.relay(sending.process)
                         .finish(sending.reply.tenant, permit_for(sending.reply.id, sending.attempt), sent,
                                 due, now)));
        });
}

void RandomCalls::postpone_reply() {
    const Reply reply = recent_of(replies_);
    const SysTime due = now_ + Millis{below(chance(80) ? 60'000 : 900'000)};
    ask(fmt::format("postpone {} for {} ms", reply.id.to_string(), (due - now_).count()),
        [=, tenant = tenant_of(reply.tenant)](Side& side) {
            return side.stores.run(done(side.relay(0).postpone(tenant, reply.id, due)));
        });
}

void RandomCalls::expire_reply() {
    const Reply reply = recent_of(replies_);
    const int process = below(Side::processes);
    ask(fmt::format("process {} expires {}", process, reply.id.to_string()),
        [=, tenant = tenant_of(reply.tenant), now = now_](Side& side) {
            return side.stores.run(side.relay(process).expire(tenant, reply.id, now));
        });
}

// Each name of a provider is of one bubble, as providers promise.
void RandomCalls::receipt() {
    Receipt told;
    const Reply reply = recent_of(replies_);
    told.reply = chance(60) ? reply.id.to_string() : chance(50) ? "" : "not an id";
    for (const auto& sending : sendings_) {
        if (sending.reply.id == reply.id && !sending.provider_id.empty() && chance(70))
            told.provider_id = sending.provider_id;
    }
    if (told.provider_id.empty() && chance(50)) told.provider_id = fresh("receipt");
    told.status = static_cast<ReceiptStatus>(below(4));
    told.code = "131026";
    const Account account = chance(95) ? reply.account : any_of(accounts_);
    constexpr const char* states[] = {"sent", "delivered", "read", "failed"};
    ask(fmt::format("receipt {} of '{}' named '{}' at {} {}", states[static_cast<int>(told.status)],
                    told.reply, told.provider_id, account.channel, account.external_id),
        [=, now = now_](Side& side) {
            return side.stores.run(side.stores.settle->settle(account, told, now));
        });
}

void RandomCalls::timers() {
    const int process = below(Side::processes);
    switch (below(4)) {
        case 0: {
            Timer timer{now_ + Millis{below(60'000)}, {"replies.ready", "1:abc", fresh("value"), {}}};
            if (chance(20)) timer.record.key = "whatsapp:1001:5";
            timer.record.headers.id = "record" + std::to_string(below(6));
            ask(fmt::format("park {} of {} for {} ms", timer.record.headers.id, timer.record.key,
                            (timer.due - now_).count()),
                [=](Side& side) { return side.stores.run(done(side.stores.timers->park(timer))); });
            break;
        }
        case 1:
            ask(fmt::format("process {} commits its timers", process),
                [=](Side& side) { return side.commit(process); });
            break;
        case 2:
            ask(fmt::format("process {} asks for timers", process),
                [=](Side& side) { return side.lease(process); });
            break;
        default: {
            DeadLetter letter;
            letter.stage = "infer";
            letter.topic = "turns.ready";
            letter.headers = "{}";
            letter.offset = {below(4)};
            letter.code = fresh("code");
            ask(fmt::format("bury {} as {}", letter.offset.value, letter.code),
                [=](Side& side) { return side.stores.run(done(side.stores.dead_letters->bury({letter}))); });
        }
    }
}

}  // namespace relevo::testing
