#include "tests/contract/stores.hpp"

#include <algorithm>
#include <sstream>

namespace relevo::testing {

Account Stores::account(std::string channel, std::string external_id) {
    auto found = run(resolve->find_account(std::move(channel), std::move(external_id), {}, at(0)));
    REQUIRE(found);
    return *found;
}

StoredMessage Stores::store(std::string event_id, std::string text, SysTime when, std::string person,
                            InboundKind kind) {
    return run(resolve->store_message(
        account(), inbound(std::move(event_id), std::move(text), std::move(person), kind), when, "trace"));
}

StoredMessage Stores::echo(std::string event_id, std::string text, SysTime when) {
    return run(resolve->store_echo(
        account(), inbound(std::move(event_id), std::move(text), "5491150000001", InboundKind::echo), when,
        "trace"));
}

TurnId Stores::claim(const StoredMessage& message, SysTime when) {
    const auto claimed =
        run(buffer->claim_turn(ballet, message.conversation, {message.message}, when, 1'000));
    REQUIRE(claimed.state == TurnClaim::State::claimed);
    return claimed.turn;
}

std::vector<ReplyId> Stores::answer(TurnId turn, std::vector<std::string> bubbles, SysTime when,
                                    std::vector<std::string> disclosing) {
    run(retrieve->freeze_step(ballet, turn, {{"catalogue", "Puntas", "Puntas de satén", 0.5}}, when));
    return run(infer->commit_answer(ballet, turn, 0, {}, std::move(bubbles), when, std::move(disclosing)));
}

CallReservation Stores::reserve(TurnId turn, std::int64_t input, std::int64_t output, SysTime when,
                                const std::string& model) {
    return run(
        infer->reserve_call(ballet, turn, 0, {"sim", "", model, model == "free", input, output}, when));
}

void Stores::settle_answer(TurnId turn, Usage usage, SysTime when) {
    Completion completion;
    completion.provider = "sim";
    completion.model = "cheap";
    completion.usage = usage;
    run(infer->commit_answer(ballet, turn, 0, std::move(completion), {"sí"}, when));
}

ReplyClaim Stores::ask(ReplyId reply, SysTime when) {
    return run(relay->claim(ballet, reply, when, true));
}

void Stores::accept(const ReplyClaim& claim, std::string provider_id, SysTime when) {
    REQUIRE(claim.permit);
    run(relay->finish(ballet, *claim.permit, {Sent::State::accepted, std::move(provider_id), {}}, {}, when));
}

void Stores::end_unknown(const ReplyClaim& claim, SysTime when) {
    REQUIRE(claim.permit);
    run(relay->finish(ballet, *claim.permit, {Sent::State::unknown, "", {}}, {}, when));
}

void Stores::refuse(const ReplyClaim& claim, Fault fault, std::string code, std::optional<SysTime> due,
                    SysTime when) {
    REQUIRE(claim.permit);
    run(relay->finish(ballet, *claim.permit,
                      {Sent::State::refused, "", {fault, std::move(code), "", std::nullopt}}, due, when));
}

Settled Stores::receipt(const Account& account, Receipt receipt, SysTime when) {
    return run(settle->settle(account, std::move(receipt), when));
}

bool Stores::take_over(ConversationId conversation, SysTime when) {
    return run(handoff->take_over(ballet, conversation, when));
}

bool Stores::give_back(ConversationId conversation, SysTime when) {
    return run(handoff->give_back(ballet, conversation, when));
}

std::string Stores::history(TurnId turn) {
    const auto inference = run(infer->load(ballet, turn, 0));
    std::string text;
    for (const auto& line : inference.history) {
        const char author = line.author == HistoryLine::Author::contact ? 'c'
                            : line.author == HistoryLine::Author::agent ? 'a'
                                                                        : 'h';
        text += std::string(1, author) + (line.in_turn ? "*:" : ":") + line.text + "\n";
    }
    return text;
}

std::string Stores::status(TurnId turn) {
    return row("turn " + turn.to_string());
}

std::string Stores::status(ReplyId reply) {
    return row("reply " + reply.to_string());
}

std::string Stores::status(ConversationId conversation) {
    return row("conversation " + conversation.to_string());
}

std::string Stores::delivery(ReplyId reply, int attempt) {
    return row("delivery " + reply.to_string() + " " + std::to_string(attempt));
}

std::ptrdiff_t Stores::count(const std::string& beginning) {
    std::istringstream in(rows());
    std::ptrdiff_t found = 0;
    for (std::string line; std::getline(in, line);) found += line.starts_with(beginning) ? 1 : 0;
    return found;
}

std::string Stores::row(const std::string& beginning) {
    std::istringstream in(rows());
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(beginning + " | ")) continue;
        const auto begin = beginning.size() + 3;
        return line.substr(begin, line.find(" | ", begin) - begin);
    }
    return "no such row";
}

}  // namespace relevo::testing
