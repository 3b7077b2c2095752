#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/ids.hpp"
#include "domain/gateway_stores.hpp"

namespace relevo {

// What the web channel's sockets say, as JSON. Texts of refusals are shown to the shop's customers, so they
// are in their language.

struct WebAuth {
    std::string key;
    std::string visitor;  ///< empty, or as `session` gave it
};
/// "web.bad_auth" where there is no key; a visitor's name of a form that we never give counts as none.
Result<WebAuth> parse_web_auth(std::string_view json);

struct WebInput {
    std::string client_id;
    std::string text;
    /// What the page says along with it, a JSON object, or "". All of it below "page": a visitor can change
    /// what their page says, so that none of it is as good as what a shop's own systems send.
    std::string metadata;
};
/// From the event's arguments, an array. "web.bad_message" names what is wrong: a client id of 1 to 64
/// characters, a text of 1 to 4,096, metadata of at most 4,096 bytes. Of metadata the texts, numbers and
/// truth values are taken; what lies deeper is not.
Result<WebInput> parse_web_input(std::string_view args);

/// A conversation's live event; nothing where it is unreadable.
struct WebDraft {
    std::string event;  ///< delta | withdrawn | changed
    std::string turn;
    int index = 0;
    std::string text;
    std::int64_t epoch = 0;
};
std::optional<WebDraft> parse_live(std::string_view payload);

std::string web_session(const std::string& visitor);
/// Who answers what the visitor writes: "human" or "agent".
std::string web_standing(bool human);
std::string web_history(const std::vector<WebMessage>& messages);
std::string web_message(const WebMessage& message);
std::string web_delta(const WebDraft& draft);
std::string web_withdrawn(const std::string& turn);
std::string web_accepted(const std::string& message);
std::string web_refused(const Error& error);

}  // namespace relevo
