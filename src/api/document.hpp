#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/shape.hpp"
#include "core/rate.hpp"
#include "domain/principal.hpp"

namespace relevo {

struct ApiParameter {
    enum class In { path, query, header };
    std::string name;
    In in = In::query;
    bool required = false;
    std::string type;  ///< "string", "integer" or "boolean": how its text is read
    Shape shape;
};

/// What the document says of one method of one path.
struct ApiOperation {
    std::string id;
    std::string method;  ///< "GET"
    std::string path;    ///< "/v1/users/{user}"
    std::vector<ApiParameter> parameters;
    std::optional<Shape> body;
    std::size_t max_body_bytes = 0;
    std::set<Principal::Kind> callers;      ///< whom it serves; empty: anybody, unasked
    std::optional<Permissions> permission;  ///< within a shop
    std::string permission_name;
    bool of_installation = false;  ///< whoever runs that may ask without naming a shop
    std::set<int> statuses;  ///< that it may be answered with
    std::string rate_name;   ///< the shop's rate for what this asks of others; empty: it asks nobody
    std::optional<Rate> rate;

    const ApiParameter* parameter(ApiParameter::In in, std::string_view name) const;
};

/// schemas/openapi.yaml, read once.
class ApiDocument {
  public:
    /// Throws Failure "api.bad_document" for what is no such document, or asks for something that would not
    /// be done: an unknown security scheme or permission, a parameter in a cookie, a keyword that the
    /// validator does not know. `name` is for the text of that.
    static ApiDocument parse(std::string yaml, const std::string& name);
    static ApiDocument load(const std::filesystem::path& file);

    const std::vector<ApiOperation>& operations() const { return operations_; }
    /// Of each caller that is known, of all callers of a shop together, and of each network that nobody
    /// signed in from.
    Rate caller_rate() const { return caller_rate_; }
    Rate tenant_rate() const { return tenant_rate_; }
    Rate stranger_rate() const { return stranger_rate_; }
    const std::string& yaml() const { return yaml_; }
    const std::string& json() const { return json_; }
    /// The schema at this JSON pointer ("/components/schemas/User"), compiled.
    Shape shape(const std::string& pointer) const;

  private:
    std::string name_;
    std::string yaml_;
    std::string json_;
    std::vector<ApiOperation> operations_;
    Rate caller_rate_;
    Rate tenant_rate_;
    Rate stranger_rate_;
};

}  // namespace relevo
