#include "domain/secret.hpp"

#include <sodium.h>

namespace relevo {

void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // what it held before it was shortened, too
    sodium_memzero(text.data(), text.size());
    text.clear();
}

}  // namespace relevo
