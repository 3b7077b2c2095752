#include "runtime/lag.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/commands.hpp"
#include "cli/watch.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct LagOptions {
    bool partitions = false;
    bool watch = false;
    double interval = -1;
    Millis every() const {
        return Millis{static_cast<std::int64_t>(1'000 * (interval >= 0 ? interval : watch ? 2 : 1))};
    }
};

// What the database knows of it; nothing while it is away.
struct Told {
    std::optional<std::vector<Pause>> pauses;
    std::optional<std::int64_t> due_timers;
};

std::string duration(std::optional<Millis> time) {
    if (!time) return "-";
    const double seconds = std::chrono::duration<double>(*time).count();
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    if (seconds < 120) return fmt::format("{:.0f} s", seconds);
    if (seconds < 7'200) return fmt::format("{:.0f} min", seconds / 60);
    if (seconds < 172'800) return fmt::format("{:.0f} h", seconds / 3'600);
    return fmt::format("{:.0f} d", seconds / 86'400);
}

// "paused", or the shops that are: nothing where the stage takes all there is.
std::string paused(const std::string& stage, const Told& told) {
    if (!told.pauses) return "?";
    std::string shops;
    for (const auto& pause : *told.pauses) {
        if (pause.stage != stage) continue;
        if (pause.shop.empty()) return "paused";
        shops += (shops.empty() ? "paused: " : ", ") + pause.shop;
    }
    return shops;
}

class Lag {
  public:
    Lag(const Backend& backend, const Config& config, std::vector<PipelineSpec> pipelines)
        : cluster_(backend.cluster(config)),
          pauses_(backend.pauses(config)),
          pipelines_(std::move(pipelines)) {}

    void look() {
        before_ = std::exchange(sample_, {clock_.now(), {}});
        for (const auto& pipeline : pipelines_) {
            for (auto& row : cluster_->lag(pipeline)) sample_.rows.push_back(std::move(row));
        }
        cluster_->find_oldest(sample_.rows);
    }

    // The database is asked once for what is shown.
    void ask() {
        told_ = {};
        try {
            told_.pauses = pauses_->list();
            told_.due_timers = pauses_->due_timers();
        } catch (const Failure& failure) {
            fmt::print(stderr, "pauses and timers are not known: {} ({})\n", failure.error().text,
                       failure.error().code);
        }
    }

    std::string json() const {
        std::vector<std::string> items;
        for (const auto& row : measure_lag(sample_, before())) {
            const auto& now = row.now;
            JsonObject item;
            item.text("stage", now.stage)
                .text("group", now.group)
                .text("topic", now.topic)
                .number("partition", now.partition)
                .number("end", now.end)
                .number("committed", now.committed)
                .number("behind", now.behind)
                .number("held", now.held);
            if (now.workers) item.number("workers", *now.workers);
            if (row.oldest_age) item.number("oldest_age_ms", row.oldest_age->count());
            if (row.rate) item.real("rate", *row.rate);
            if (row.drains_in) item.number("drains_in_ms", row.drains_in->count());
            items.push_back(item.text("paused", paused(now.stage, told_)).str());
        }
        for (const auto* stage : timer_stages()) {
            if (!told_.due_timers) continue;
            items.push_back(JsonObject()
                                .text("stage", stage->name)
                                .text("group", stage->group)
                                .text("topic", timers_input)
                                .number("partition", 0)
                                .number("behind", *told_.due_timers)
                                .number("held", 0)
                                .text("paused", paused(stage->name, told_))
                                .str());
        }
        return json_array(items);
    }

    std::string table(bool partitions) const {
        std::string out =
            fmt::format("{:<18} {:<22}{} {:>9} {:>8} {:>8} {:>9} {:>9}\n", "group", "topic",
                        partitions ? " partition" : "", "behind", "held", "oldest", "settled/s", "drains in");
        const auto line = [&](const PartitionLag& now, const std::string& oldest, const std::string& rate,
                              const std::string& drains) {
            const std::string place = partitions ? fmt::format(" {:>9}", now.partition) : "";
            std::string text =
                fmt::format("{:<18} {:<22}{} {:>9} {:>8} {:>8} {:>9} {:>9}  {}", now.group, now.topic, place,
                            now.behind, now.held, oldest, rate, drains, paused(now.stage, told_));
            if (now.workers == 0) text += fmt::format("  no worker: relevo run {}", now.stage);
            text.erase(text.find_last_not_of(' ') + 1);
            out += text + "\n";
        };
        const auto rows = partitions ? measure_lag(sample_, before()) : by_group(sample_, before());
        for (const auto& row : rows) {
            line(row.now, duration(row.oldest_age), row.rate ? fmt::format("{:.1f}", *row.rate) : "-",
                 duration(row.drains_in));
        }
        for (const auto* stage : timer_stages()) {
            PartitionLag timers{stage->name, stage->group, std::string(timers_input), 0, 0, 0, 0, 0, {}, {}};
            timers.behind = told_.due_timers.value_or(0);
            line(timers, told_.due_timers ? "" : "not known", "", "");
        }
        return out;
    }

  private:
    std::optional<LagSample> before() const {
        return before_.rows.empty() ? std::nullopt : std::optional(before_);
    }
    std::vector<const StageSpec*> timer_stages() const {
        std::vector<const StageSpec*> out;
        for (const auto& pipeline : pipelines_) {
            for (const auto& stage : pipeline.stages) {
                if (stage.input == timers_input) out.push_back(&stage);
            }
        }
        return out;
    }

    SystemClock clock_;
    std::unique_ptr<Cluster> cluster_;
    std::unique_ptr<PauseBook> pauses_;
    std::vector<PipelineSpec> pipelines_;
    LagSample sample_;
    LagSample before_;
    Told told_;
};

int show_lag(const Commands& commands, const LagOptions& options) {
    Lag lag(commands.backend(), commands.config(), commands.pipelines());
    const bool redraw = options.watch && !commands.json() && ::isatty(STDOUT_FILENO) != 0;
    bool first = true;
    const auto look = [&] {
        lag.look();
        const bool last = !options.watch && (!first || options.every() == Millis{0});
        if (options.watch || last) {
            lag.ask();
            // home, the table, and whatever stood below it goes
            fmt::print("{}{}{}", redraw ? (first ? "\x1b[2J\x1b[H" : "\x1b[H") : "",
                       commands.json() ? lag.json() + "\n" : lag.table(options.partitions),
                       redraw                              ? "\x1b[J"
                       : options.watch && !commands.json() ? "\n"
                                                           : "");
            std::fflush(stdout);
        }
        first = false;
        return !last;
    };
    watch(options.every(), look);
    return 0;
}

}  // namespace

void add_lag(Commands& commands) {
    auto options = std::make_shared<LagOptions>();
    auto* lag =
        commands.add(commands.root(), "lag",
                     "How late each stage is: behind (in the log), held (taken, not settled), the oldest "
                     "of these, records settled a second, and when it will have caught up",
                     "lag --watch", [&commands, options] { return show_lag(commands, *options); });
    lag->add_flag("-p,--partitions", options->partitions, "A line for each partition");
    lag->add_flag("-w,--watch", options->watch, "Again and again, until Ctrl-C");
    lag->add_option(
           "-i,--interval", options->interval,
           "Seconds between two looks, over which the rate is measured (1, watching 2); 0: one look, no rate")
        ->check(CLI::Range(0.0, 3'600.0));
    commands.takes_json(lag);
}

}  // namespace relevo
