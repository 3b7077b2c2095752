#include "vault/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/error.hpp"

namespace relevo {
namespace {

constexpr std::size_t longest_text = 64 << 10;
constexpr std::chrono::seconds longest_command{10};

[[noreturn]] void refuse(const std::string& where, std::string_view text) {
    throw Failure({Fault::permanent, "vault.bad_key", fmt::format("{}: {}", where, text)});
}

std::string read_file(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) refuse(file.string(), "cannot be read; relevo keygen makes such a file");
    return text;
}

// What the command prints until its end; -1 as exit code where it took too long or printed too much.
std::pair<std::string, int> output_of(const std::string& command) {
    std::FILE* pipe = ::popen(command.c_str(), "re");
    if (!pipe) return {{}, -1};
    std::string text;
    const auto until = std::chrono::steady_clock::now() + longest_command;
    bool whole = false;
    while (!whole && text.size() <= longest_text) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd wait{::fileno(pipe), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
        char part[4096];
        const ssize_t got = ::read(wait.fd, part, sizeof part);
        if (got <= 0)
            whole = true;
        else
            text.append(part, static_cast<std::size_t>(got));
    }
    const int status = ::pclose(pipe);
    return {std::move(text), whole && WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

// A file that nobody else can be writing, gone again unless it was put in place.
class NewFile {
  public:
    explicit NewFile(std::filesystem::path path)
        : path_(std::move(path)),
          descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
        if (descriptor_ < 0) {
            refuse(path_.string(), errno == EEXIST
                                       ? "somebody else changes the keys; remove it if nobody does"
                                       : std::strerror(errno));
        }
    }
    ~NewFile() {
        if (descriptor_ < 0) return;
        ::close(descriptor_);
        ::unlink(path_.c_str());
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    void write(std::string_view text) {
        while (!text.empty()) {
            const ssize_t written = ::write(descriptor_, text.data(), text.size());
            if (written < 0) refuse(path_.string(), std::strerror(errno));
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    void put(const std::filesystem::path& place) {
        if (::fsync(descriptor_) != 0 || ::rename(path_.c_str(), place.c_str()) != 0) {
            refuse(place.string(), std::strerror(errno));
        }
        ::close(std::exchange(descriptor_, -1));
        const std::filesystem::path folder = place.has_parent_path() ? place.parent_path() : ".";
        const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0) return;
        ::fsync(opened);
        ::close(opened);
    }

  private:
    std::filesystem::path path_;
    int descriptor_;
};

}  // namespace

MasterKeySource master_key_file(std::filesystem::path file) {
    std::string name = file.string();
    return {std::move(name), [file = std::move(file)] { return read_file(file); }};
}

MasterKeySource master_key_command(std::string command) {
    return {"master_key_command", [command = std::move(command)] {
                auto [text, code] = output_of(command);
                if (code == 0) return std::move(text);
                wipe(text);
                refuse("master_key_command", code < 0 ? "did not end within 10 s, or printed more than 64 KiB"
                                                      : fmt::format("ended with exit code {}", code));
            }};
}

void change_key_file(const std::filesystem::path& file,
                     const std::function<std::string(const std::string&)>& change) {
    NewFile next(file.string() + ".new");
    const Secret text(std::filesystem::exists(file) ? read_file(file) : std::string());
    const Secret changed(change(text.reveal()));
    next.write(changed.reveal());
    next.put(file);
}

void new_key_file(const std::filesystem::path& file, const Secret& line) {
    change_key_file(file, [&](const std::string&) {
        if (std::filesystem::exists(file)) refuse(file.string(), "is there already");
        return line.reveal() + '\n';
    });
}

}  // namespace relevo
