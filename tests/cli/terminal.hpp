#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "core/random.hpp"

namespace relevo::testing {

/// A folder of the test's own.
class Folder {
  public:
    Folder() : path_(std::filesystem::temp_directory_path() / ("relevo-cli-" + SystemRandom().hex(6))) {
        std::filesystem::create_directory(path_);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::filesystem::path write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
        return path_ / name;
    }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

struct Printed {
    int code = 0;
    std::string out;
};

/// What `relevo WORDS` prints to standard output.
inline Printed run_relevo(const std::vector<std::string>& words, const Backend& backend) {
    std::vector<const char*> arguments{"relevo"};
    for (const auto& word : words) arguments.push_back(word.c_str());
    const Folder folder;
    const auto file = folder.path() / "out";
    std::fflush(stdout);
    const int saved = ::dup(STDOUT_FILENO);
    REQUIRE(std::freopen(file.c_str(), "w", stdout) != nullptr);
    Printed printed;
    printed.code = run_command_line(static_cast<int>(arguments.size()), arguments.data(), backend);
    std::fflush(stdout);
    ::dup2(saved, STDOUT_FILENO);
    ::close(saved);
    printed.out = read_file(file);
    return printed;
}

}  // namespace relevo::testing
