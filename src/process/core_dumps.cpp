#include "process/core_dumps.hpp"

#include <sys/resource.h>

#include <fstream>

namespace relevo {

void forbid_core_dumps() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    // a core_pattern that pipes to a program takes no notice of the limit: it gets none of the memory
    std::ofstream("/proc/self/coredump_filter") << "0x0";
}

}  // namespace relevo
