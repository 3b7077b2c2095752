#include "tests/faults/report.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "core/json_object.hpp"

namespace relevo::faults {
namespace {

constexpr int lines_a_page = 20;

std::string clock_of(Millis time) {
    const auto seconds = time.count() / 1'000;
    return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::string blow_line(const char* name, int count, bool available, const char* option) {
    if (available) return fmt::format("  {:<34}{:>8}\n", name, count);
    return fmt::format("  {:<34} skipped: {}\n", name, option);
}

void print_text(const Report& report) {
    const Books& books = report.books;
    const Blows& blows = report.blows;
    fmt::print("\nseed {}, {} minutes\n\nblows\n", report.seed, clock_of(report.took));
    fmt::print("  {:<34}{:>8}\n", "workers killed at random", blows.killed);
    fmt::print("  {:<34}{:>8}, at {} different ones\n", "workers killed at a point", blows.at_points,
               blows.points.size());
    if (!report.plan.each_point) {
        fmt::print("  {:<34}{:>8}\n", "workers stopped beyond a session", blows.stalled);
        fmt::print("  {:<34}{:>8}\n", "workers that left and joined again", blows.left);
        fmt::print("{}", blow_line("broker restarts", blows.kafka, !report.plan.restart_kafka.empty(),
                                   "--restart-kafka COMMAND is not given"));
        fmt::print("{}", blow_line("database restarts", blows.postgres, !report.plan.restart_postgres.empty(),
                                   "--restart-postgres COMMAND is not given"));
        fmt::print("  {:<34}{:>8}\n", "Redis wiped", blows.redis);
    }
    if (blows.ended > 0) fmt::print("  {:<34}{:>8}\n", "workers that ended by themselves", blows.ended);
    fmt::print("\nbooks\n");
    const auto line = [](const std::string& name, std::int64_t count) {
        fmt::print("  {:<34}{:>8}\n", name, count);
    };
    line("accepted", books.accepted);
    line("answered", books.answered);
    line("human-handled", books.human_handled);
    line("superseded", books.superseded);
    for (const auto& [reason, count] : books.dropped) line("dropped: " + reason, count);
    line("dead", books.dead);
    line("bubbles at the provider", books.bubbles);
    line("unknown", books.unknown);
    line("lost", books.lost);
    line("duplicated", books.duplicated);
    line("reordered", books.reordered);
    for (const auto& finding : books.findings) fmt::print("{}\n", finding);
    for (const auto& crash : blows.crashes) fmt::print("{}\n", crash);
    for (const auto& point : report.missed) fmt::print("nobody came to {}\n", point);
    if (!report.settled) fmt::print("something was still to be done when the patience was over\n");
    fmt::print("\n{}\n", !books.balance()  ? "THE BOOKS DO NOT BALANCE"
                         : report.passed() ? "the books balance"
                                           : "the books balance, and something else is wrong: see above");
}

std::string counts_json(const std::map<std::string, std::int64_t>& counts) {
    JsonObject out;
    for (const auto& [name, count] : counts) out.number(name, count);
    return out.str();
}

std::string texts_json(const std::vector<std::string>& texts) {
    std::vector<std::string> out;
    for (const auto& text : texts) out.push_back(json_text(text));
    return json_array(out);
}

void print_json(const Report& report) {
    const Books& books = report.books;
    const Blows& blows = report.blows;
    const std::map<std::string, std::int64_t> points(blows.points.begin(), blows.points.end());
    const std::string dealt = JsonObject()
                                  .number("killed", blows.killed)
                                  .number("at_points", blows.at_points)
                                  .number("stalled", blows.stalled)
                                  .number("left", blows.left)
                                  .number("kafka", blows.kafka)
                                  .number("postgres", blows.postgres)
                                  .number("redis", blows.redis)
                                  .number("ended", blows.ended)
                                  .raw("points", counts_json(points))
                                  .raw("crashes", texts_json(blows.crashes))
                                  .str();
    fmt::print("{}\n", JsonObject()
                           .number("seed", static_cast<std::int64_t>(report.seed))
                           .number("took_ms", report.took.count())
                           .flag("passed", report.passed())
                           .flag("settled", report.settled)
                           .raw("blows", dealt)
                           .number("retried", report.retried)
                           .number("accepted", books.accepted)
                           .number("answered", books.answered)
                           .number("human_handled", books.human_handled)
                           .number("superseded", books.superseded)
                           .raw("dropped", counts_json(books.dropped))
                           .number("dead", books.dead)
                           .number("bubbles", books.bubbles)
                           .number("unknown", books.unknown)
                           .number("lost", books.lost)
                           .number("duplicated", books.duplicated)
                           .number("reordered", books.reordered)
                           .raw("findings", texts_json(books.findings))
                           .str());
}

}  // namespace

void Table::line(const Moment& moment) {
    if (lines_++ % lines_a_page == 0) {
        fmt::print(stderr,
                   "\n{:>7} {:<9} {:>5} {:>6} {:>7} {:>5} {:>5} {:>6} {:>3} {:>5}  {:>8} {:>7} {:>6} {:>7} "
                   "{:>6} {:>6}\n",
                   "time", "", "alive", "killed", "at pts", "stops", "joins", "broker", "db", "redis",
                   "accepted", "bubbles", "open", "waiting", "parked", "lag");
    }
    const Blows& it = moment.blows;
    fmt::print(stderr, "{:>7} {:<9} {:>5} {:>6} {:>7} {:>5} {:>5} {:>6} {:>3} {:>5}  {:>8} {:>7} ",
               clock_of(moment.since), moment.phase, moment.alive, it.killed, it.at_points, it.stalled,
               it.left, it.kafka, it.postgres, it.redis, moment.accepted, moment.bubbles);
    if (moment.progress) {
        fmt::print(stderr, "{:>6} {:>7} {:>6} {:>6}\n",
                   moment.progress->open_turns + moment.progress->unclaimed, moment.progress->pending_bubbles,
                   moment.progress->timers, moment.progress->lag);
    } else {
        fmt::print(stderr, "{:>6} {:>7} {:>6} {:>6}\n", "-", "-", "-", "-");
    }
}

void print_report(const Report& report, bool json) {
    json ? print_json(report) : print_text(report);
}

}  // namespace relevo::faults
