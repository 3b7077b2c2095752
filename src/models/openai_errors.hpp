#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "domain/http.hpp"
#include "domain/model.hpp"

namespace relevo {

/// What an OpenAI-compatible server says went wrong. All empty where it said nothing that we know.
struct OpenAiFault {
    std::string message;
    std::string type;
    std::string code;   ///< a word, or an HTTP status as text
    std::string param;  ///< the request's field that is to blame
};

/// Reads {"error":{…}}, {"error":"…"}, [{"error":{…}}] and {"object":"error",…}. Nothing where `json` holds
/// none.
std::optional<OpenAiFault> read_openai_fault(std::string_view json);

/// Without user information, path or query: what may stand in a log.
std::string host_of(std::string_view url);

/// Of a call that ended without its whole answer: `late` where its time was over, `started` where some of the
/// answer had come.
Error network_error(std::string_view host, const HttpFault& fault, bool late, bool started);

/// What a fault means for the one who acts on it. `status` is the response's, or 0 for a fault inside a
/// stream. The text names `host`, the status and what the provider said, cut to 300 characters and without
/// anything that looks like a key: providers repeat the key that they refuse.
Error openai_error(std::string_view host, int status, const OpenAiFault& fault,
                   std::optional<Millis> retry_after, const std::string& key);

/// The text without what it repeats of the conversation: providers quote what they refuse, and errors are
/// logged.
std::string without_quotes(std::string_view text, const std::vector<PromptMessage>& messages);

/// From `retry-after-ms` or `retry-after` (seconds); dates are not understood.
std::optional<Millis> read_retry_after(const HttpHeaders& headers);

}  // namespace relevo
