#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "domain/personal_kind.hpp"

namespace relevo {

// What a shop may state of itself, in its file and by the API alike.

/// Days. Until then the log or a provider may bring a message again, and its row is what tells.
inline constexpr int least_kept_days = 30;
inline constexpr int most_kept_days = 3'650;

/// Of a sentence that customers read: within one message of each channel, some of which count in UTF-16.
inline constexpr std::size_t most_sentence_characters = 2'000;
std::size_t characters_of(std::string_view text);

/// Of a time zone that PostgreSQL does not know.
inline constexpr std::string_view no_such_time_zone =
    "there is no such time zone; one is named as America/Argentina/Buenos_Aires";

/// As files and rows write them; names of no kind are passed over.
std::vector<std::string> names_of(const PersonalKinds& kinds);
PersonalKinds kinds_of(const std::vector<std::string>& names);

}  // namespace relevo
