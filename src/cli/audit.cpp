#include <fmt/format.h>

#include <optional>
#include <utility>

#include "cli/audit_text.hpp"
#include "cli/commands.hpp"
#include "cli/moments.hpp"
#include "cli/progress.hpp"
#include "cli/stage_lag.hpp"

namespace relevo {
namespace {

struct AuditOptions {
    std::string tenant, since;
};

int audit_books(const Commands& commands, const AuditOptions& options) {
    AuditRequest request;
    request.tenant = options.tenant;
    request.bound = in_flight_bound;
    if (!options.since.empty()) request.since = parse_moment(options.since, commands.backend().now());
    // The log first: what it no longer has when the database is read has its row by then.
    request.lagging = lagging_stages(stage_lags(commands));
    request.now = commands.backend().now();
    std::optional<Progress> progress(std::in_place);
    const auto tell = [&](double done, const Audit& so_far) {
        const auto spent = commands.backend().now() - request.now;
        const auto left =
            Millis{static_cast<std::int64_t>(static_cast<double>(spent.count()) * (1 - done) / done)};
        progress->tell(fmt::format("{:3.0f} %, {} messages, {} left", done * 100, human_count(total(so_far)),
                                   human_span(left)));
    };
    const auto book = commands.backend().audits(commands.config());
    const Audit audit = book->audit(request, tell);
    progress.reset();  // its line ends before the table
    fmt::print("{}", commands.json() ? audit_json(audit) + "\n" : audit_table(audit, request.now));
    return audit.counts.contains("unexplained") ? 1 : 0;
}

}  // namespace

void add_audit(Commands& commands) {
    auto options = std::make_shared<AuditOptions>();
    auto* audit =
        commands.add(commands.root(), "audit",
                     "How every inbound message ended; exit code 1: some stand still and nothing holds them",
                     "audit --tenant pointe --since 24h",
                     [&commands, options] { return audit_books(commands, *options); });
    audit->add_option("--tenant", options->tenant, "The shop with this slug only");
    audit->add_option("--since", options->since, "Not older: a time (UTC) or 24h");
    commands.takes_json(audit);
}

}  // namespace relevo
