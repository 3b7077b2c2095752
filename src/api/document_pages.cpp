#include "api/list.hpp"

namespace relevo {

void add_document_handlers(ApiHandlers& handlers, const ApiDocument& document) {
    const auto serve = [](std::string body, std::string content_type) {
        return [body = std::move(body), content_type = std::move(content_type)](ApiCall&) -> Task<ApiResult> {
            Answer answer;
            answer.body = body;
            answer.content_type = content_type;
            co_return answer;
        };
    };
    handlers["read_document_yaml"] = serve(document.yaml(), "application/yaml");
    handlers["read_document_json"] = serve(document.json(), "application/json");
}

}  // namespace relevo
