#include "core/record.hpp"

namespace relevo {

std::string_view fairness_key(std::string_view key) {
    return key.substr(0, key.find(':'));
}

}  // namespace relevo
