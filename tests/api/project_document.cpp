#include "tests/api/project_document.hpp"

namespace relevo::testing {

const ApiDocument& project_document() {
    static const ApiDocument document =
        ApiDocument::load(std::string(RELEVO_SOURCE_DIR) + "/schemas/openapi.yaml");
    return document;
}

}  // namespace relevo::testing
