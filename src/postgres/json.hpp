#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"

namespace relevo {

/// Whether it is a JSON object that PostgreSQL can store.
bool is_json_object(std::string_view json);

/// A part of an operation's result. A field that is missing, null or of another type reads as nothing: the
/// database speaks the same version as we do (check_schema).
class Json {
  public:
    /// Throws Failure "postgres.rejected" where it is not JSON.
    static Json parse(std::string json);
    bool null() const;
    Json operator[](std::string_view key) const;
    std::vector<Json> items() const;
    std::vector<std::pair<std::string, Json>> members() const;
    std::string text() const;
    std::string text(std::string_view key) const { return (*this)[key].text(); }
    std::int64_t number() const;
    std::int64_t number(std::string_view key) const { return (*this)[key].number(); }
    double real(std::string_view key) const;
    bool flag() const;
    bool flag(std::string_view key) const { return (*this)[key].flag(); }
    SysTime time(std::string_view key) const { return from_millis(number(key)); }
    std::optional<SysTime> time_if_any(std::string_view key) const {
        return (*this)[key].null() ? std::nullopt : std::optional(time(key));
    }
    /// Of a list.
    std::vector<std::string> texts() const;
    template <class Id>
    Id id(std::string_view key) const {
        return Id::parse(text(key)).value_or(Id{});
    }
    /// This part as JSON source.
    std::string source() const;

  private:
    Json(std::shared_ptr<const void> owner, const void* value) : owner_(std::move(owner)), value_(value) {}
    std::shared_ptr<const void> owner_;  // the parsed document
    const void* value_;                  // a rapidjson::Value of it, or nothing
};

}  // namespace relevo
