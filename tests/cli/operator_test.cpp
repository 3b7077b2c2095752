// The operator's commands as they are typed, over books in memory.

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/audit_text.hpp"
#include "cli/command_line.hpp"

using namespace relevo;

namespace {

struct FakeLetters final : LetterBook {
    std::vector<Letter> letters;
    std::vector<std::string>& done;
    LetterFilter& asked;
    static constexpr std::int64_t refused = 4'000;
    FakeLetters(std::vector<Letter> its_letters, std::vector<std::string>& its_done, LetterFilter& its_asked)
        : letters(std::move(its_letters)), done(its_done), asked(its_asked) {}
    std::vector<Letter> list(const LetterFilter& filter, std::int64_t after, int) override {
        asked = filter;
        return after == 0 ? letters : std::vector<Letter>{};
    }
    std::vector<UnknownAccount> unknown_accounts() override { return {{"whatsapp", "9", 2, 1, {}, {}}}; }
    std::string value(std::int64_t) override { return "{}"; }
    std::vector<RefusedLetter> redrive(TenantId, const std::vector<std::int64_t>& ids, const std::string& by,
                                       std::optional<SysTime> expires, SysTime) override {
        done.push_back("redrive " + std::to_string(ids.size()) + " by " + by + (expires ? " extended" : ""));
        if (std::ranges::find(ids, refused) != ids.end()) return {{refused, "its bytes are no text"}};
        return {};
    }
    std::int64_t drop(TenantId, const std::vector<std::int64_t>& ids, const std::string&,
                      const std::string& reason, SysTime) override {
        done.push_back("drop " + std::to_string(ids.size()) + " " + reason);
        return static_cast<std::int64_t>(ids.size());
    }
    bool edit(TenantId, std::int64_t, const std::string& value, const std::string&, SysTime) override {
        done.push_back("edit " + value);
        return true;
    }
};

struct FakeAudit final : AuditBook {
    Audit result;
    explicit FakeAudit(Audit its_result) : result(std::move(its_result)) {}
    Audit audit(const AuditRequest&, const std::function<void(double, const Audit&)>&) override {
        return result;
    }
};

struct Bench {
    Bench() {
        const auto folder =
            std::filesystem::temp_directory_path() / ("relevo_operator_" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder);
        config = (folder / "relevo.yaml").string();
        fixed = (folder / "fixed.json").string();
        std::ofstream(folder / "pipeline.yaml")
            << "pipeline: one\ntopics:\n  a: {partitions: 1}\nstages: {}\n";
        std::ofstream(config)
            << "kafka: {brokers: b}\npostgres: {url: u}\nredis: {url: r}\nmaster_key_file: m\n"
            << "pipelines: " << folder.string() << "\nmigrations: m\nconsole: c\n";
        Letter letter;
        letter.id = 12;
        letter.topic = "turns.ready";
        letter.status = "dead";
        letters = {letter};
        backend.letters = [this](const Config&) {
            return std::make_unique<FakeLetters>(letters, done, asked);
        };
        backend.audits = [this](const Config&) { return std::make_unique<FakeAudit>(books); };
        backend.cluster = [](const Config&) -> std::unique_ptr<Cluster> {
            throw Failure({Fault::transient, "kafka.unavailable", "away"});
        };
        backend.now = [] { return from_millis(1'780'000'000'000); };
        backend.user = "ana";
    }
    ~Bench() { std::filesystem::remove_all(std::filesystem::path(config).parent_path()); }
    int type(std::vector<const char*> words) {
        words.insert(words.begin(), {"relevo", "--config", config.c_str()});
        return run_command_line(static_cast<int>(words.size()), words.data(), backend);
    }
    Backend backend;
    std::string config, fixed;
    std::vector<Letter> letters;
    std::vector<std::string> done;
    LetterFilter asked;
    Audit books;
};

}  // namespace

TEST_CASE("a change of dead letters shows what it would do, and does it only when told so") {
    Bench it;
    CHECK(it.type({"dead", "retry", "12"}) == 0);
    CHECK(it.type({"dead", "drop", "--all", "--reason", "spam"}) == 0);
    CHECK(it.done.empty());
    CHECK(it.type({"dead", "retry", "12", "--yes"}) == 0);
    CHECK(it.type({"dead", "retry", "--code", "x", "--extend", "1h", "--yes"}) == 0);
    CHECK(it.type({"dead", "drop", "--stage", "infer", "--reason", "spam", "--yes"}) == 0);
    CHECK(it.done ==
          std::vector<std::string>{"redrive 1 by ana", "redrive 1 by ana extended", "drop 1 spam"});
}

TEST_CASE("a change that names no letters is refused, and so is a drop without its reason") {
    Bench it;
    CHECK(it.type({"dead", "retry", "--yes"}) == 2);
    CHECK(it.type({"dead", "drop", "12", "--yes"}) == 2);
    CHECK(it.type({"dead", "retry", "--since", "yesterday", "--yes"}) == 2);
    CHECK(it.type({"dead", "retry", "12", "--extend", "long", "--yes"}) == 2);
    CHECK(it.type({"audit", "--since", "nonsense"}) == 2);
    CHECK(it.type({"dead", "retry", "13", "--yes"}) == 1);  // rightly asked, but it is not there
    CHECK(it.done.empty());
}

TEST_CASE("a letter behind an earlier one of its key stays, and the exit code says so") {
    Bench it;
    it.letters[0].earlier = 1;
    CHECK(it.type({"dead", "retry", "12", "--yes"}) == 1);
    CHECK(it.done.empty());
}

TEST_CASE("behind a refused letter the later ones of its key stay, also those of the next transaction") {
    Bench it;
    it.letters.assign(300, it.letters[0]);
    for (std::size_t i = 0; i < it.letters.size(); ++i) {
        it.letters[i].id = FakeLetters::refused + static_cast<std::int64_t>(i);
        it.letters[i].offset = static_cast<std::int64_t>(i);
        it.letters[i].key = i % 2 == 0 ? "even" : "odd";
    }
    CHECK(it.type({"dead", "retry", "--all", "--yes"}) == 1);
    CHECK(it.done == std::vector<std::string>{"redrive 200 by ana", "redrive 50 by ana"});
}

TEST_CASE("filters reach the book") {
    Bench it;
    CHECK(it.type({"dead", "list", "--tenant", "pointe", "--since", "1h", "--key", "7:x", "--status",
                   "all"}) == 0);
    CHECK(it.asked.tenant == "pointe");
    CHECK(it.asked.since == from_millis(1'779'996'400'000));
    CHECK(it.asked.key == "7:x");
    CHECK(it.asked.status.empty());
    CHECK(it.type({"dead", "list", "--unknown-accounts"}) == 0);
}

TEST_CASE("an edit that would be dead again is refused") {
    Bench it;
    std::ofstream(it.fixed) << "{}";
    CHECK(it.type({"dead", "edit", "12", "--from", it.fixed.c_str()}) == 1);
    CHECK(it.done.empty());
    std::ofstream(it.fixed) << R"({"tenant":7,"conversation":"0af76519-16cd-83dd-8448-eb211c80319c",)"
                            << R"("turn":"0af76519-16cd-83dd-8448-eb211c80319c","step":0})";
    CHECK(it.type({"dead", "edit", "12", "--from", it.fixed.c_str()}) == 0);
    CHECK(it.done.size() == 1);
}

TEST_CASE("the books are 0 while all is explained, and 1 when it is not, and Kafka may be away") {
    Bench it;
    it.books.counts = {{"answered", {{"", 1'200}, {"with the fallback", 3}}}, {"dropped", {{"expired", 1}}}};
    CHECK(it.type({"audit"}) == 0);
    it.books.counts["unexplained"]["waits at infer"] = 1;
    it.books.unexplained = {{"m-1", "pointe", "waits at infer", from_millis(1'779'996'400'000)}};
    CHECK(it.type({"audit", "--json"}) == 1);
    const std::string table = audit_table(it.books, from_millis(1'780'000'000'000));
    CHECK(
        table.find(
            "inbound messages            1,205\n  answered                  1,203   with the fallback 3\n") ==
        0);
    CHECK(table.find("m-1  pointe  waits at infer for 1 h: relevo why m-1\n") != std::string::npos);
}
