#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "domain/secret.hpp"
#include "postgres/json.hpp"

namespace relevo {

/// A connection of the operator's role, for reads only: one snapshot from the first question on. It blocks.
class OperatorSession {
  public:
    /// `setting` names where the configuration has the URL, for the error where it has none
    /// ("config.missing").
    OperatorSession(const Secret& url, std::string_view setting);
    ~OperatorSession();

    /// The result of op_`op`. Throws Failure "operator.refused" (permanent) where the role may not,
    /// "postgres.unavailable" (transient), "postgres.rejected" (permanent).
    Json ask(const std::string& op, const std::string& request);
    /// Throws Failure "operator.no_text_right" (permanent) where the role is not `role` and may not act as
    /// it.
    void require_role(const std::string& role);
    /// Throws Failure "shop.unknown" where no shop has the slug; an empty one means all shops.
    void require_shop(const std::string& slug);

  private:
    bool truth(const char* question, const std::string& about);

    struct Connection;
    std::unique_ptr<Connection> connection_;
    std::string setting_;
};

}  // namespace relevo
