#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/ids.hpp"

namespace relevo {

/// Ends when destroyed.
class Subscription {
  public:
    virtual ~Subscription() = default;
};

/// Tells whoever watches that something changed. A nudge only: it may be lost or come twice; the row is the
/// truth. Never blocks and never fails.
class Live {
  public:
    virtual ~Live() = default;
    virtual void publish(std::string_view channel, std::string payload) = 0;
    /// `on_event` runs on the subscriber's executor. A payload of "" says that events may have been missed.
    virtual std::unique_ptr<Subscription> subscribe(std::string channel,
                                                    std::function<void(std::string_view payload)> on_event) = 0;
};

/// The channel on which a conversation's events go, each a JSON object with `event`:
///  delta     {event, turn, index, text, epoch}  a part of a draft bubble
///  withdrawn {event, turn}                      the turn's drafts will not be sent
///  changed   {event}                            rows of the conversation changed: read them
std::string conversation_channel(TenantId tenant, ConversationId conversation);
std::string live_delta(TurnId turn, int index, std::string_view text, std::int64_t epoch);
std::string live_withdrawn(TurnId turn);
std::string live_changed();

/// The channel on which the conversations of humans are told, of all shops, for whoever answers them: JSON
/// objects with `event`, tenant and conversation.
///  written  the customer wrote while a human has it: no record follows that would tell so
///  changed  a human was called, took it over, wrote, or gave it back
inline constexpr std::string_view desk_channel = "desk";
std::string desk_written(TenantId tenant, ConversationId conversation);
std::string desk_changed(TenantId tenant, ConversationId conversation);
/// live_changed on the conversation's channel, and desk_changed.
void tell_desk_changed(Live& live, TenantId tenant, ConversationId conversation);

/// The channel on which each settled record is told, for the demo page: StageEvent as JSON.
inline constexpr std::string_view path_channel = "path";

}  // namespace relevo
