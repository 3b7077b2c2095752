#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/record.hpp"

namespace relevo {

/// A record as it would have been read, owning what its views show.
inline Envelope make_envelope(std::string key, std::int64_t offset, SysTime appended,
                              std::string value = "{}", std::string id = {}, std::int32_t partition = 0) {
    struct Owner {
        std::string key;
        std::string value;
        std::string id;
    };
    auto owner = std::make_shared<const Owner>(Owner{std::move(key), std::move(value), std::move(id)});
    Envelope record;
    record.topic = "input";
    record.partition = partition;
    record.offset = {offset};
    record.appended = appended;
    record.key = owner->key;
    record.value = owner->value;
    record.headers.id = owner->id;
    record.owner = std::move(owner);
    return record;
}

}  // namespace relevo
