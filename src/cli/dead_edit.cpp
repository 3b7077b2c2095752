#include "cli/dead_edit.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/usage.hpp"
#include "domain/topic_value.hpp"

namespace relevo {
namespace {

std::string read_all(std::istream& in) {
    return {std::istreambuf_iterator<char>(in), {}};
}

// A file that only this user can read, gone at the end.
class PrivateFile {
  public:
    PrivateFile() : fd_(::mkstemp(path_.data())) {}
    PrivateFile(const PrivateFile&) = delete;
    PrivateFile& operator=(const PrivateFile&) = delete;
    ~PrivateFile() {
        if (fd_ < 0) return;
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    bool usable() const { return fd_ >= 0; }
    const std::string& path() const { return path_; }

  private:
    std::string path_ = "/tmp/relevo-letter-" + std::string(6, 'X');  // which mkstemp replaces
    int fd_;
};

bool run_editor(const char* editor, const std::string& file) {
    const pid_t child = ::fork();
    if (child == 0) {
        // the shell takes an editor with options: "code --wait"
        const std::string command = std::string(editor) + " \"$1\"";
        ::execl("/bin/sh", "sh", "-c", command.c_str(), "sh", file.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

[[noreturn]] void not_edited(std::string text) {
    throw Failure({Fault::permanent, "dead.not_edited", std::move(text)});
}

}  // namespace

std::string read_value(const std::string& file) {
    if (file == "-") return read_all(std::cin);
    std::ifstream in(file, std::ios::binary);
    if (!in) throw misused("--from " + file + ": cannot be read");
    return read_all(in);
}

std::string edit_in_editor(const std::string& value) {
    const char* editor = std::getenv("EDITOR");
    if (editor == nullptr || *editor == '\0') {
        not_edited("$EDITOR is not set; give the new value with --from FILE, or --from - for standard input");
    }
    PrivateFile file;
    if (!file.usable()) not_edited("no file can be made in /tmp");
    std::ofstream(file.path(), std::ios::binary) << value;
    if (!run_editor(editor, file.path()))
        not_edited(std::string(editor) + " failed; the letter stays as it was");
    std::string edited = read_value(file.path());
    // what editors end a file with is no part of the record
    while (edited.ends_with('\n') && !value.ends_with('\n')) edited.pop_back();
    if (edited == value) not_edited("the value is the same; the letter stays as it was");
    return edited;
}

void require_readable(std::string_view topic, std::string_view value) {
    if (const auto error = unreadable(topic, value)) {
        throw Failure({Fault::permanent, error->code,
                       "the new value would be dead again: " + error->text + "; the letter stays as it was"});
    }
}

}  // namespace relevo
