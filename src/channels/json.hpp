#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace relevo {

/// A place in a JsonDocument, or nothing. Every question may be put to any node: what is not there, or has
/// another shape, answers with nothing. A webhook of unknown shape is read like a known one and never throws.
class JsonNode {
  public:
    JsonNode() = default;

    JsonNode operator[](std::string_view key) const;
    /// Of an array; nothing else has items.
    std::vector<JsonNode> items() const;
    JsonNode item(std::size_t index) const;
    /// Present and not null.
    bool has_value() const;
    bool is_object() const;
    bool is_array() const;
    /// A string as it is, a number as its digits (providers send ids as either), anything else as "".
    std::string text() const;
    /// A whole number, or a string that is one.
    std::optional<std::int64_t> whole() const;
    bool is_true() const;
    /// As JSON text; "" of nothing.
    std::string dump() const;
    /// As JSON text; "" where it has no value.
    std::string dump_if_any() const { return has_value() ? dump() : std::string(); }

  private:
    friend class JsonDocument;
    explicit JsonNode(const void* value) : value_(value) {}
    const void* value_ = nullptr;
};

/// JSON from outside, made fit for storing: ill-formed UTF-8, lone surrogates and U+0000 have become U+FFFD.
class JsonDocument {
  public:
    /// Fails with "webhook.bad_json" where `bytes` are not JSON, or hold a number beyond any double. A
    /// document nested deeper than anything that providers send becomes one string holding its text, so that
    /// nobody recurses into it.
    static Result<JsonDocument> parse(std::string_view bytes);
    JsonDocument(JsonDocument&&) noexcept;
    ~JsonDocument();
    /// Valid as long as the document.
    JsonNode root() const;

  private:
    struct Tree;
    explicit JsonDocument(std::unique_ptr<Tree> tree);
    std::unique_ptr<Tree> tree_;
};

}  // namespace relevo
