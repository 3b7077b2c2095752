#pragma once

#include <cstdint>
#include <string>

#include "cli/config.hpp"

namespace relevo::faults {

/// What tells an isolated installation from the one that lends it its servers.
struct Isolated {
    std::string id;              ///< eight hexadecimal digits
    std::uint16_t provider = 0;  ///< the port of the fake provider and model, on this machine

    std::string database() const { return "relevo_prove_" + id; }
    std::string prefix() const { return "relevo-prove." + id + "."; }
};

/// The configuration of the isolated installation on the servers of `config`.
Config isolate(Config config, const Isolated& isolated);

/// One worker process: every stage and ingress, on this HTTP port, until SIGTERM. It reads lines
/// "NTH POINT,POINT…" from its standard input, and before it dies at a point writes that point's name to its
/// standard output. It does not outlive its parent.
int work(const Config& config, std::uint16_t http_port);

}  // namespace relevo::faults
