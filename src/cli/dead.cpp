#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/dead_edit.hpp"
#include "cli/dead_plan.hpp"
#include "cli/dead_text.hpp"
#include "cli/moments.hpp"
#include "cli/progress.hpp"
#include "cli/usage.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

constexpr int page = 1'000;
constexpr std::size_t at_once = 200;  // of one transaction, which locks what they are about

struct DeadOptions {
    LetterFilter filter;
    std::string since, until;
    int limit = 100;
    bool all = false, yes = false, show_text = false;
    std::string extend, reason, from;
};

class Dead {
  public:
    Dead(const Commands& commands, DeadOptions options)
        : options_(std::move(options)),
          json_(commands.json()),
          now_(commands.backend().now()),
          user_(commands.backend().user),
          book_(commands.backend().letters(commands.config())) {
        LetterFilter& filter = options_.filter;
        if (!options_.since.empty()) filter.since = parse_moment(options_.since, now_);
        if (!options_.until.empty()) filter.until = parse_moment(options_.until, now_);
    }

    int list() {
        if (options_.filter.unknown_accounts) return list_unknown_accounts();
        if (options_.filter.status == "all") options_.filter.status.clear();
        const auto letters = book_->list(options_.filter, 0, options_.limit);
        if (json_) {
            std::vector<std::string> items;
            for (const auto& letter : letters) items.push_back(letter_json(letter));
            fmt::print("{}\n", json_array(items));
        } else if (letters.empty()) {
            fmt::print("no dead letters\n");
        } else {
            fmt::print("{}", letters_table(letters));
            if (letters.size() == static_cast<std::size_t>(options_.limit)) {
                fmt::print("the first {}; --limit shows more\n", options_.limit);
            }
        }
        return 0;
    }

    int show() {
        const Letter letter = the_one();
        const std::string value = options_.show_text ? book_->value(letter.id) : "";
        if (json_) {
            const std::string page_json = letter_json(letter);
            fmt::print("{}\n", options_.show_text ? page_json.substr(0, page_json.size() - 1) +
                                                        ",\"value\":" + json_text(value) + "}"
                                                  : page_json);
            return 0;
        }
        fmt::print("{}", letter_page(letter, now_));
        fmt::print("{}\n", options_.show_text ? "\n" + value : "value      --show-text shows it");
        return 0;
    }

    int retry() {
        std::optional<SysTime> expires;
        if (!options_.extend.empty()) expires = now_ + parse_span(options_.extend);
        const DeadPlan plan = plan_retry(selected(), expires.has_value(), now_);
        std::vector<RefusedLetter> refused;  // so far
        return carry_out(plan, "retry", [&](DeadBatch batch) {
            auto stay = hold_back(batch, plan, refused);
            for (auto& letter : book_->redrive(batch.tenant, batch.ids, user_, expires, now_)) {
                stay.push_back(std::move(letter));
            }
            refused.insert(refused.end(), stay.begin(), stay.end());
            return stay;
        });
    }

    int drop() {
        return carry_out(plan_drop(selected()), "drop", [&](const DeadBatch& batch) {
            const auto dropped = book_->drop(batch.tenant, batch.ids, user_, options_.reason, now_);
            std::vector<RefusedLetter> refused;
            if (dropped < static_cast<std::int64_t>(batch.ids.size())) {
                refused.push_back({batch.ids.front(), "some of its batch were not dead any more"});
            }
            return refused;
        });
    }

    int edit() {
        const Letter letter = the_one();
        const std::string value =
            options_.from.empty() ? edit_in_editor(book_->value(letter.id)) : read_value(options_.from);
        require_readable(letter.topic, value);
        if (!book_->edit(letter.tenant, letter.id, value, user_, now_)) {
            fmt::print(stderr, "relevo: letter {} is {} already\n", letter.id, letter.status);
            return 1;
        }
        fmt::print("letter {} has its new value; relevo dead retry {} --yes sends it\n", letter.id,
                   letter.id);
        return 0;
    }

  private:
    int list_unknown_accounts() {
        const auto accounts = book_->unknown_accounts();
        if (json_) {
            fmt::print("{}\n", unknown_accounts_json(accounts));
        } else if (accounts.empty()) {
            fmt::print("nothing came in for an account that no shop has\n");
        } else {
            fmt::print("{}", unknown_accounts_table(accounts));
        }
        return 0;
    }

    Letter the_one() {
        LetterFilter filter;
        filter.ids = options_.filter.ids;
        filter.status.clear();
        auto found = book_->list(filter, 0, 1);
        if (!found.empty()) return std::move(found.front());
        throw Failure(
            {Fault::permanent, "dead.unknown",
             fmt::format("there is no dead letter {}; relevo dead list shows them", filter.ids.front())});
    }

    std::vector<Letter> selected() {
        const LetterFilter& f = options_.filter;
        const bool any = !f.ids.empty() || !f.stage.empty() || !f.code.empty() || !f.tenant.empty() ||
                         f.since || f.until || !f.topic.empty() || !f.key.empty();
        if (!any && !options_.all) {
            throw misused("name letters by id or by a filter, or all of them with --all");
        }
        std::vector<Letter> all;
        for (;;) {
            auto some = book_->list(f, all.empty() ? 0 : all.back().id, page);
            const bool last = some.size() < static_cast<std::size_t>(page);
            for (auto& letter : some) all.push_back(std::move(letter));
            if (last) break;
        }
        for (const auto id : f.ids) {
            if (std::ranges::find(all, id, &Letter::id) == all.end()) {
                throw Failure(
                    {Fault::permanent, "dead.unknown",
                     fmt::format("letter {} is not there, or not dead any more: relevo dead show {}", id,
                                 id)});
            }
        }
        return all;
    }

    int carry_out(const DeadPlan& plan, const std::string& verb,
                  const std::function<std::vector<RefusedLetter>(const DeadBatch&)>& change) {
        if (!json_) fmt::print("{}", describe(plan, options_.yes ? verb : "would " + verb));
        std::vector<RefusedLetter> refused;
        std::size_t done = 0;
        std::optional<Progress> progress(std::in_place);
        for (const auto& batch : options_.yes ? batches_of(plan, at_once) : std::vector<DeadBatch>{}) {
            for (auto& letter : change(batch)) refused.push_back(std::move(letter));
            done += batch.ids.size();
            if (plan.letters.size() > at_once)
                progress->tell(fmt::format("{} of {}", done, plan.letters.size()));
        }
        progress.reset();  // its line ends before what came of it
        const auto changed = static_cast<std::int64_t>(done - std::min(done, refused.size()));
        if (json_) {
            print_result(plan, changed, refused);
        } else {
            for (const auto& letter : refused) fmt::print(stderr, "relevo: {}: {}\n", letter.id, letter.why);
            fmt::print("{}\n", options_.yes ? fmt::format("done: {}", human_count(changed))
                                            : std::string("nothing was done; --yes does it"));
        }
        return refused.empty() && plan.held_back.empty() ? 0 : 1;
    }

    void print_result(const DeadPlan& plan, std::int64_t changed,
                      const std::vector<RefusedLetter>& refused) const {
        std::vector<std::string> held, not_done;
        for (const auto& letter : plan.held_back) held.push_back(std::to_string(letter.id));
        for (const auto& letter : refused) {
            not_done.push_back(JsonObject().number("id", letter.id).text("why", letter.why).str());
        }
        fmt::print("{}\n", JsonObject()
                               .number("selected", static_cast<std::int64_t>(plan.letters.size()))
                               .number("expired", plan.expired)
                               .raw("held_back", json_array(held))
                               .flag("dry_run", !options_.yes)
                               .number("done", changed)
                               .raw("refused", json_array(not_done))
                               .str());
    }

    DeadOptions options_;
    bool json_;
    SysTime now_;
    std::string user_;
    std::unique_ptr<LetterBook> book_;
};

void takes_filter(CLI::App* command, DeadOptions& options) {
    LetterFilter& filter = options.filter;
    command->add_option("--stage", filter.stage, "Of this stage");
    command->add_option("--code", filter.code, "With this code");
    command->add_option("--tenant", filter.tenant, "Of the shop with this slug");
    command->add_option("--topic", filter.topic, "Of this topic");
    command->add_option("--key", filter.key, "With this whole key");
    command->add_option("--since", options.since, "Not older: a time (UTC) or 2h");
    command->add_option("--until", options.until, "Older: a time (UTC) or 2h");
}

}  // namespace

void add_dead(Commands& commands) {
    auto* dead = commands.add_group("dead", "Records that could not be handled: read, mend, send again");
    auto options = std::make_shared<DeadOptions>();
    const auto action = [&commands, options](int (Dead::*what)()) {
        return [&commands, options, what] { return (Dead(commands, *options).*what)(); };
    };
    auto* list = commands.add(*dead, "list", "Dead letters, oldest first",
                              "dead list --code record.malformed --since 2h", action(&Dead::list));
    takes_filter(list, *options);
    list->add_option("--status", options->filter.status, "dead, redriven, dropped or all")
        ->check(CLI::IsMember({"dead", "redriven", "dropped", "all"}))
        ->capture_default_str();
    list->add_option("--limit", options->limit, "At most")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    list->add_flag("--unknown-accounts", options->filter.unknown_accounts,
                   "Accounts that no shop has, with what waits until one does");
    auto* show = commands.add(*dead, "show", "All of one letter", "dead show 12", action(&Dead::show));
    show->add_flag("--show-text", options->show_text, "The record's value too, with what people wrote");
    auto* retry = commands.add(
        *dead, "retry", "Send letters back into their topics, in their order; shows first what it would do",
        "dead retry --code resolve.unknown_account --yes", action(&Dead::retry));
    retry->add_option("--extend", options->extend, "A fresh expiry, so that old ones are still answered: 1h");
    auto* drop = commands.add(*dead, "drop", "Give letters up, for a reason; shows first what it would do",
                              "dead drop 12 --reason 'spam' --yes", action(&Dead::drop));
    drop->add_option("--reason", options->reason, "Why: it stands in the books")
        ->required()
        ->check(not_empty());
    auto* edit = commands.add(*dead, "edit", "Replace a letter's value, in $EDITOR or from a file",
                              "dead edit 12 --from fixed.json", action(&Dead::edit));
    edit->add_option("--from", options->from, "A file with the new value, or - for standard input");
    for (auto* command : {show, edit}) {
        command->add_option("id", options->filter.ids, "The letter")->required()->expected(1);
    }
    for (auto* command : {retry, drop}) {
        command->add_option("id", options->filter.ids, "Letters");
        takes_filter(command, *options);
        command->add_flag("--all", options->all, "Without ids and filters: every dead letter");
        command->add_flag("-y,--yes", options->yes, "Do it");
        commands.takes_json(command);
    }
    commands.takes_json(list);
    commands.takes_json(show);
}

}  // namespace relevo
