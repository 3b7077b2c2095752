#include <sys/mman.h>
#include <unistd.h>

#include "cli/agent_file.hpp"
#include "cli/config.hpp"
#include "cli/price_file.hpp"
#include "cli/shop_file.hpp"
#include "runtime/pipeline.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

/// A file without a place on disk.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view content) : descriptor_(::memfd_create("fuzz", 0)) {
        require(descriptor_ >= 0, "a memory file");
        require(::write(descriptor_, content.data(), content.size()) == static_cast<ssize_t>(content.size()),
                "written");
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(descriptor_); }
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

template <class T>
void check(const Result<T>& read, std::string_view code, const std::string& path) {
    if (read) return;
    require(read.error().code == code, "a mistake has a code");
    require(read.error().text.starts_with(path), "a mistake names its file");
}

}  // namespace

/// Which kind of file, and its content.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(text_of(data, size));
    const auto kind = input.below(3);
    if (input.rest().find("file:") != std::string_view::npos) return 0;  // reads what is on this machine
    const MemoryFile file(input.rest());
    const AgentMeans means{{{"offline", ""}, {"openai", "openai"}}, {"web", "whatsapp"}};
    if (kind == 0) check(load_shop(file.path(), means), "shop.invalid", file.path());
    if (kind == 0) check(load_agent(file.path(), means, {}), "agent.invalid", file.path());
    if (kind == 0) check(load_prices(file.path(), means.provider_names()), "prices.invalid", file.path());
    if (kind == 1) check(load_pipeline(file.path()), "pipeline.invalid", file.path());
    if (kind == 2) check(load_config(file.path()), "config.invalid", file.path());
    return 0;
}
