#pragma once

#include <memory>

#include "domain/money_book.hpp"
#include "postgres/database.hpp"
#include "postgres/operator_books.hpp"

namespace relevo {

/// As the process's own role.
std::unique_ptr<MoneyBook> make_money_book(DatabaseConfig config);
/// As relevo_operator.
std::unique_ptr<UsageBook> make_usage_book(const OperatorUrls& urls);

}  // namespace relevo
