#include "core/random.hpp"

#include <sodium.h>

namespace relevo {
namespace {

std::string to_hex(const std::string& bytes) {
    std::string out(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size());
    out.pop_back();
    return out;
}

}  // namespace

double SystemRandom::uniform() {
    return randombytes_random() * 0x1.0p-32;
}

std::string SystemRandom::hex(std::size_t bytes) {
    std::string raw(bytes, '\0');
    randombytes_buf(raw.data(), raw.size());
    return to_hex(raw);
}

double SeededRandom::uniform() {
    return static_cast<double>(engine_() >> 11) * 0x1.0p-53;
}

std::uint64_t SeededRandom::below(std::uint64_t below) {
    return engine_() % below;
}

std::string SeededRandom::hex(std::size_t bytes) {
    std::string raw(bytes, '\0');
    std::uint64_t drawn = 0;
    for (std::size_t i = 0; i < bytes; ++i, drawn >>= 8) {
        if (i % sizeof drawn == 0) drawn = engine_();
        raw[i] = static_cast<char>(drawn);
    }
    return to_hex(raw);
}

}  // namespace relevo
