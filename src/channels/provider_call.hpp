#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "domain/channel.hpp"

namespace relevo {

// What sending over a provider's HTTP API has in common. Neither text nor error ever holds the token.

std::string without_trailing_slash(std::string url);
/// One segment of a path: anything that could leave it is percent-encoded.
std::string path_segment(std::string_view text);
/// A pause that a provider asks for, as long as we are ready to wait: a day. Nothing for less than a second.
std::optional<Millis> asked_pause(std::optional<std::int64_t> seconds);
/// The seconds of the header Retry-After, if it has that form.
std::optional<Millis> retry_after(const HttpResponse& response);

/// "123: message", cut at 300 characters, without the token and what belongs to a person, which providers
/// quote.
std::string provider_text(std::string_view code, std::string_view message, const Secret& token);

Sent accepted(std::string provider_id);
/// Certainly not sent.
Sent refused(Fault fault, std::string code, std::string text,
             std::optional<Millis> retry_after = std::nullopt);
/// It may have been sent.
Sent unknown(std::string code, std::string text);
/// As `sent`, and as `Sent::away` says.
Sent away(Sent sent);
/// The call got no answer: refused where it cannot have arrived ("<channel>.unreachable"), else unknown
/// ("<channel>.no_answer").
Sent without_answer(std::string_view channel, const HttpFault& fault, const Secret& token);
/// The answer is not one of the provider's: nobody sends what was answered with a 3xx or 4xx
/// ("<channel>.unreadable", transient); of the rest nothing is known.
Sent unreadable_answer(std::string_view channel, const HttpResponse& response);

/// What a refusal, or an answer that is none, says of the account that was asked about.
AccountCheck not_confirmed(const Sent& outcome);

}  // namespace relevo
