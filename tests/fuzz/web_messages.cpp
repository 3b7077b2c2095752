#include "gateway/web_messages.hpp"

#include "core/utf8.hpp"
#include "tests/fuzz/target.hpp"

using namespace relevo;
using namespace relevo::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = text_of(data, size);
    if (const auto auth = parse_web_auth(json)) {
        require(!auth->key.empty(), "a visitor names the shop");
        require(auth->visitor.empty() || auth->visitor.size() == 32, "a visitor's name is one of ours");
    }
    if (const auto input = parse_web_input(json)) {
        require(!input->client_id.empty() && input->client_id.size() <= 64, "a message has a name");
        require(!input->text.empty() && count_code_points(input->text) <= 4'096, "a message has a text");
        require(clean_utf8(input->text) == input->text, "a message can be stored");
        require(clean_utf8(input->client_id) == input->client_id, "a message's name can be stored");
        require(input->metadata.size() <= 4'096, "what a page says has an end");
        require(clean_utf8(input->metadata) == input->metadata, "what a page says can be stored");
    }
    if (const auto draft = parse_live(json)) {
        require(clean_utf8(draft->text) == draft->text, "a draft can be sent");
        require(parse_live(web_delta(*draft))->text == draft->text, "a draft is itself");
    }
    return 0;
}
