// Runs every file of the folders that are given through the target, without libFuzzer: keeps corpora and
// targets alive in the ordinary tests.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "tests/fuzz/target.hpp"

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
    }
    if (files.empty()) {
        std::cerr << "no files to replay\n";
        return 1;
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        std::cerr << file.filename().string() << std::endl;  // the last one named is the one that failed
        std::ifstream in(file, std::ios::binary);
        const std::vector<char> bytes(std::istreambuf_iterator<char>(in), {});
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    std::cerr << files.size() << " files\n";
    return 0;
}
