#pragma once

#include <memory>

#include "domain/operator.hpp"
#include "domain/secret.hpp"
#include "postgres/database.hpp"

namespace relevo {

/// Of the configuration: whose eyes the books are read with. An empty one is refused when it is needed.
struct OperatorUrls {
    Secret plain;  ///< relevo_operator: everything but what people wrote
    Secret text;   ///< relevo_operator_text
};
inline constexpr auto operator_setting = "postgres.operator_url";
inline constexpr auto operator_text_setting = "postgres.operator_text_url";

/// Reads as the operator; `changes` is the process's own role, which changes one tenant's rows at a time.
std::unique_ptr<LetterBook> make_letter_book(OperatorUrls urls, DatabaseConfig changes);
/// `with_text`: stories hold what people wrote, and the role that may read it is used.
std::unique_ptr<StoryBook> make_story_book(const OperatorUrls& urls, bool with_text);
std::unique_ptr<AuditBook> make_audit_book(const OperatorUrls& urls);

}  // namespace relevo
