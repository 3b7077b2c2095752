#include "domain/turn_replay.hpp"

#include "core/blanks.hpp"
#include "domain/prompt.hpp"

namespace relevo {
namespace {

TurnAnswer answered_before(const StoredTurn& stored) {
    const Completion& last = stored.steps.back();
    // what was stored before there were fallbacks names nobody
    TurnAnswer out{last.provider.empty() ? stored.inference.agent.provider : last.provider,
                   last.model,
                   last.text,
                   last.finish_reason,
                   stored.tools,
                   {0, 0, true},
                   stored.cost};
    for (const auto& step : stored.steps) {
        out.usage.input_tokens += step.usage.input_tokens;
        out.usage.output_tokens += step.usage.output_tokens;
        out.usage.cached_tokens += step.usage.cached_tokens;
        out.usage.reported = out.usage.reported && step.usage.reported;
    }
    return out;
}

}  // namespace

Inference changed(Inference inference, const TurnReplay& replay) {
    Agent& agent = inference.agent;
    if (replay.prompt) agent.prompt = *replay.prompt;
    if (replay.model) agent.model = *replay.model;
    if (replay.provider && *replay.provider != agent.provider) {
        agent.provider = *replay.provider;
        agent.base_url.clear();  // another provider has another address
    }
    return inference;
}

ReplayedTurn compare(const StoredTurn& stored, const Inference& asked, const Result<Completion>& answer) {
    ReplayedTurn out{stored.shop,
                     stored.conversation,
                     stored.turn,
                     stored.created,
                     stored.agent_version,
                     build_prompt(asked, Secret()).question,
                     answered_before(stored),
                     {}};
    if (!answer) {
        out.failed = answer.error();
        out.after.provider = asked.agent.provider;
        return out;
    }
    out.after = {asked.agent.provider, answer->model, answer->text, answer->finish_reason, {}, answer->usage};
    // what was answered before anything was hidden has no placeholders
    const std::string before = redaction_of(stored.inference).restore(out.before.text);
    const std::string after = redaction_of(asked).restore(out.after.text);
    if (trimmed(before) != trimmed(after)) out.differences.push_back("answer");
    if (out.before.tools != out.after.tools) out.differences.push_back("tool calls");
    if (out.before.finish_reason != out.after.finish_reason) out.differences.push_back("finish reason");
    if (out.after.finish_reason == "tool_calls") out.differences.push_back("tool results");
    return out;
}

}  // namespace relevo
