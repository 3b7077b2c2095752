#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "domain/http.hpp"

namespace relevo {

/// A folder's files, read once at the start: a request touches no disk and cannot leave the folder. Files
/// whose name starts with a dot are not served.
class StaticFiles {
  public:
    /// `headers` go with every file, e.g. a Content-Security-Policy. Throws Failure "http.static_files" where
    /// the folder cannot be read or holds more than 16 MiB.
    explicit StaticFiles(const std::filesystem::path& folder, HttpHeaders headers = {});
    /// Adds one file from elsewhere under `name`.
    void add(const std::string& name, const std::filesystem::path& file);

    /// `name` is relative to the folder, with slashes; "" and "x/" mean their index.html. 404 where there is
    /// none, 304 where the client has it already. Browsers ask again each time: a new version shows at once.
    HttpResponse serve(const HttpRequest& request, std::string_view name) const;

  private:
    struct File {
        std::string body;
        std::string content_type;
        std::string etag;
    };
    std::map<std::string, File, std::less<>> files_;
    HttpHeaders headers_;
    std::size_t bytes_ = 0;
};

}  // namespace relevo
