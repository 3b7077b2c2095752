#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "domain/http.hpp"
#include "postgres/database.hpp"
#include "runtime/worker_parts.hpp"

namespace relevo {

/// What a program that embeds the process puts around it, as one that traces does. Everything may be left out;
/// what is given outlives the run.
struct Surroundings {
    Observer* observer = nullptr;            ///< of every worker, and of what comes in
    DatabaseObserver* database = nullptr;    ///< of every operation
    /// Gives what stands in the place of a stage's way to providers and models.
    std::function<std::unique_ptr<HttpClient>(std::string_view stage, std::unique_ptr<HttpClient>)> http{};
};

}  // namespace relevo
