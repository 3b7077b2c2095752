#include "domain/data_block.hpp"

#include "core/json_object.hpp"
#include "tests/domain/data_block_law.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

namespace {

void check(const std::string& json) {
    const std::string block = data_block("metadata", json);
    require(relevo::testing::broken_law(block, "metadata").empty(),
            "a block is lines between its own fences");
    require(data_block("metadata", json) == block, "the same data makes the same block");
}

}  // namespace

/// As an array that came with messages, as the text of an entry, and as its name.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(text_of(data, size));
    check(text);
    check("[" + JsonObject().text("note", text).str() + "]");
    check("[" + JsonObject().text(text, "x").str() + "]");
    return 0;
}
