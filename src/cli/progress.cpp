#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace relevo {
namespace {

constexpr Millis every{5'000};  // a file wants few lines

}  // namespace

Progress::Progress() : Progress([] { return SystemClock().now(); }, ::isatty(STDERR_FILENO) == 1) {}

Progress::Progress(std::function<SysTime()> now, bool watched)
    : now_(std::move(now)), watched_(watched), told_(now_()) {}

Progress::~Progress() {
    if (width_ > 0) fmt::print(stderr, "\n");
}

void Progress::tell(const std::string& text) {
    if (watched_) {
        fmt::print(stderr, "\r{:<{}}", text, width_);  // nothing of a longer one before it stays
        width_ = std::max(width_, text.size());
        return;
    }
    const SysTime now = now_();
    if (now - told_ < every) return;
    told_ = now;
    fmt::print(stderr, "{}\n", text);
}

}  // namespace relevo
