#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem.hpp"
#include "core/error.hpp"

namespace relevo {

/// JSON that was sent. What is not there, or has another shape, reads as nothing: whether it may be missing
/// its Shape says. Wiped when it goes.
class SentJson {
  public:
    /// Nothing was sent.
    SentJson() = default;
    /// Fails with "api.bad_json" for what is no JSON text in UTF-8, nests deeper than 32, or has two members
    /// of one name: whoever reads the first and whoever reads the last would see two requests.
    static Result<SentJson> parse(std::string_view json);

    /// All of it, as JSON that PostgreSQL takes: U+0000 is U+FFFD.
    std::string source() const;
    bool has(std::string_view name) const;
    std::string text(std::string_view name) const;
    std::optional<std::string> text_if_any(std::string_view name) const;
    std::optional<bool> flag_if_any(std::string_view name) const;
    std::vector<std::string> texts(std::string_view name) const;
    std::optional<std::vector<std::string>> texts_if_any(std::string_view name) const;
    std::optional<std::int64_t> whole_if_any(std::string_view name) const;
    std::optional<double> real_if_any(std::string_view name) const;
    bool null(std::string_view name) const;
    /// A member, which reads as what was sent does.
    SentJson part(std::string_view name) const;
    std::vector<SentJson> parts(std::string_view name) const;

  private:
    friend class Shape;
    struct Tree;
    std::shared_ptr<const Tree> tree_;
    const void* part_ = nullptr;  // a rapidjson::Value of the tree; nothing: all of it
};

/// A JSON Schema, compiled.
class Shape {
  public:
    /// `schema` has no $ref. Throws Failure "api.bad_document" where it uses what the validator would pass
    /// over in silence, or a pattern without x-form, which says in words what to send: `place` says where.
    Shape(const std::string& schema, const std::string& place);
    /// The first thing that is wrong, if any. The text tells what the schema wants.
    std::optional<Flaw> judge(const SentJson& sent) const;

  private:
    struct Compiled;
    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace relevo
