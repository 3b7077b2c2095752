#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"

namespace relevo {

/// Writes a JSON object, member by member in the order of the calls. Names and texts are made storable on the
/// way (clean_utf8).
class JsonObject {
  public:
    JsonObject& text(std::string_view name, std::string_view value);
    /// Left out where it is empty.
    JsonObject& text_if_any(std::string_view name, std::string_view value);
    JsonObject& number(std::string_view name, std::int64_t value);
    /// Infinity and what is no number, which JSON does not have, are written as 0.
    JsonObject& real(std::string_view name, double value);
    JsonObject& flag(std::string_view name, bool value);
    /// Milliseconds since 1970; left out where there is no time.
    JsonObject& time(std::string_view name, std::optional<SysTime> value);
    template <class Tag>
    JsonObject& id(std::string_view name, const Uuid<Tag>& value) {
        return text(name, value.to_string());
    }
    /// `json` is a JSON value already; left out where it is empty.
    JsonObject& raw(std::string_view name, std::string_view json);
    std::string str() const { return body_ + '}'; }
    /// The object, or "" where it has no members.
    std::string str_if_any() const { return body_.size() > 1 ? str() : std::string(); }

  private:
    void key(std::string_view name);
    std::string body_ = "{";
};

/// [a,b,…] of values that are JSON already.
std::string json_array(const std::vector<std::string>& values);
/// ["a","b",…] of texts, each made storable.
std::string json_texts(const std::vector<std::string>& texts);
/// The JSON string of a text, made storable.
std::string json_text(std::string_view text);

}  // namespace relevo
