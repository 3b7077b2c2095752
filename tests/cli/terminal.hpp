#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
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
    std::string err;
};

/// Turns a stream into a file and back.
class Redirection {
  public:
    Redirection(std::FILE* stream, std::filesystem::path file) : stream_(stream), file_(std::move(file)) {
        std::fflush(stream_);
        saved_ = ::dup(::fileno(stream_));
        REQUIRE(std::freopen(file_.c_str(), "w", stream_) != nullptr);
    }
    ~Redirection() { end(); }
    Redirection(const Redirection&) = delete;
    Redirection& operator=(const Redirection&) = delete;
    /// What was written to it.
    std::string end() {
        if (saved_ < 0) return {};
        std::fflush(stream_);
        ::dup2(saved_, ::fileno(stream_));
        ::close(std::exchange(saved_, -1));
        return read_file(file_);
    }

  private:
    std::FILE* stream_;
    std::filesystem::path file_;
    int saved_ = -1;
};

/// What `relevo WORDS` prints.
inline Printed run_relevo(const std::vector<std::string>& words, const Backend& backend) {
    std::vector<const char*> arguments{"relevo"};
    for (const auto& word : words) arguments.push_back(word.c_str());
    const Folder folder;
    Redirection out(stdout, folder.path() / "out");
    Redirection err(stderr, folder.path() / "err");
    Printed printed;
    printed.code = run_command_line(static_cast<int>(arguments.size()), arguments.data(), backend);
    printed.err = err.end();
    printed.out = out.end();
    return printed;
}

}  // namespace relevo::testing
