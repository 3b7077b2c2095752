#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/shop_file.hpp"
#include "core/json_object.hpp"

namespace relevo {
namespace {

struct ShopOptions {
    std::vector<std::string> files;
    int quiet_ms = -1;  // replaces every agent's; -1: as the files say
    std::string model_url;
    std::string model;
    std::string model_key_file;
    std::string slug;
    bool all = false, yes = false, dry_run = false;
};

std::string webhook_json(const char* channel, const Config& config, const ShopListing::Address& address) {
    return JsonObject()
        .text("url", fmt::format("{}/webhooks/{}/{}", config.public_url, channel, address.key))
        .text_if_any("app_of", address.app_of)
        .text_if_any("secret", address.secret.reveal())
        .text_if_any("verify_token", address.verify_token.reveal())
        .text("account", address.accounts.front())
        .raw("accounts", json_texts(address.accounts))
        .str();
}

JsonObject shop_object(const ShopListing& shop, const Config& config) {
    JsonObject webhooks;
    if (shop.whatsapp) webhooks.raw("whatsapp", webhook_json("whatsapp", config, *shop.whatsapp));
    if (shop.telegram) webhooks.raw("telegram", webhook_json("telegram", config, *shop.telegram));
    JsonObject web;
    if (shop.web) web.text("url", config.public_url).text("key", shop.web->key);
    return JsonObject()
        .number("tenant", shop.tenant.value)
        .text("slug", shop.slug)
        .text("name", shop.name)
        .raw("web", web.str_if_any())
        .raw("webhooks", webhooks.str())
        .flag("retired", shop.retired)
        .flag("leaving", shop.leaving);
}

void print_json(const std::vector<ShopListing>& shops, const Config& config) {
    std::vector<std::string> items;
    for (const auto& shop : shops) items.push_back(shop_object(shop, config).str());
    fmt::print("{}\n", json_array(items));
}

void print_list(const std::vector<ShopListing>& shops, const Config& config) {
    for (const auto& shop : shops) {
        fmt::print("{} ({}), tenant {}{}\n", shop.name, shop.slug, shop.tenant.value,
                   shop.retired   ? ", removed"
                   : shop.leaving ? ", leaving: relevo shops remove again"
                                  : "");
        if (shop.web) fmt::print("  web       key {}\n", shop.web->key);
        const auto webhook = [&](const char* channel, const std::optional<ShopListing::Address>& address) {
            if (!address) return;
            fmt::print("  {:<9} account {}, {}/webhooks/{}/{}{}\n", channel,
                       fmt::join(address->accounts, ", "), config.public_url, channel, address->key,
                       address->app_of.empty() ? "" : ", the app of " + address->app_of);
        };
        webhook("whatsapp", shop.whatsapp);
        webhook("telegram", shop.telegram);
    }
}

Secret read_key(const std::string& file) {
    std::ifstream in(file);
    std::string key;
    if (!std::getline(in, key) || key.empty()) {
        throw Failure(
            {Fault::permanent, "shop.invalid", "--model-key-file " + file + ": no key on its first line"});
    }
    return Secret(key);
}

// What the command line states of it, in the place of its file.
void apply_options(ShopSpec& shop, const ShopOptions& options) {
    if (options.quiet_ms >= 0) {
        shop.agent.quiet_ms = options.quiet_ms;
        state_of_agent(shop, "quiet_ms");
    }
    if (options.model_url.empty()) return;
    shop.agent.provider = "openai";
    shop.agent.base_url = options.model_url;
    shop.agent.model = options.model;
    for (const auto* name : {"provider", "base_url", "model"}) state_of_agent(shop, name);
    if (!options.model_key_file.empty()) {
        shop.credentials.push_back({"openai", "API_KEY", read_key(options.model_key_file)});
    }
}

void check_model_url(const ShopOptions& options, const AgentMeans& means) {
    if (options.model_url.empty()) return;
    if (const auto mistake = means.address_mistake(options.model_url); !mistake.empty())
        throw Failure({Fault::permanent, "shop.invalid", "--model-url: " + mistake});
}

// Some of it went with the new account; also what an earlier `apply` was cut off from is left.
void redrive_waiting(ShopBook& shops, const std::string& slug, TenantId tenant) {
    std::int64_t redriven = 0;
    {
        Progress progress;
        while (const std::int64_t more = shops.redrive_waiting(tenant)) {
            redriven += more;
            progress.tell(fmt::format("{}: {} redriven so far", slug, redriven));
        }
    }
    if (redriven > 0) fmt::print(stderr, "{}: {} of what waited for its accounts redriven\n", slug, redriven);
}

std::string change_text(const ShopChange& change) {
    const std::string what = change.part + (change.name.empty() ? "" : " " + change.name);
    if (change.counts) {
        const auto& [all, added, changed, gone] = *change.counts;
        return fmt::format("{}: {}{}, {} new, {} changed, {} gone", what, all,
                           change.part == "catalogue" ? " products" : "", added, changed, gone);
    }
    constexpr std::size_t fits = 160;  // of two texts in a line or two
    const std::size_t size = change.before.size() + change.after.size();
    if (size > 0 && size <= fits) return fmt::format("{}: {}, was {}", what, change.after, change.before);
    const std::string fields = fmt::format("{}", fmt::join(change.fields, ", "));
    return fmt::format("{} {}{}{}", what, change.change, fields.empty() ? "" : ": ", fields);
}

std::string change_json(const ShopChange& change) {
    JsonObject object;
    object.text("part", change.part)
        .text_if_any("name", change.name)
        .text("change", change.change)
        .text_if_any("before", change.before)
        .text_if_any("after", change.after);
    if (!change.fields.empty()) object.raw("fields", json_texts(change.fields));
    if (change.counts) {
        object.number("all", change.counts->all)
            .number("new", change.counts->added)
            .number("changed", change.counts->changed)
            .number("gone", change.counts->gone);
    }
    return object.str();
}

std::string applied_json(const std::string& slug, const ShopApplied& applied,
                         const std::vector<ShopListing>& listed, const Config& config) {
    const auto shop = std::ranges::find(listed, slug, &ShopListing::slug);
    JsonObject object;
    if (shop != listed.end()) {
        object = shop_object(*shop, config);
    } else {
        object.text("slug", slug);
    }
    std::vector<std::string> changes;
    for (const auto& change : applied.changes) changes.push_back(change_json(change));
    return object.flag("applied", applied.done).raw("changes", json_array(changes)).str();
}

void print_applied(const std::string& slug, const ShopApplied& applied, ApplyMode mode) {
    for (const auto& change : applied.changes) fmt::print("{}: {}\n", slug, change_text(change));
    if (applied.changes.empty()) fmt::print("{}: nothing changes\n", slug);
    if (applied.done) return;
    fmt::print("{}: nothing was done{}\n", slug,
               mode == ApplyMode::dry_run
                   ? ""
                   : ": what comes in for a retired account is not answered any more, and its provider "
                     "must be told a moved one's new address; --yes does it");
}

// 1 where something was left undone.
int apply_shops(ShopBook& shops, const Commands& commands, const ShopOptions& options, bool json) {
    const Config config = commands.config();
    const Backend& backend = commands.backend();
    const auto templates = [&] { return backend.agents(config)->templates(); };
    const AgentMeans means = backend.agent_means(config);
    check_model_url(options, means);
    const ApplyMode mode = options.dry_run ? ApplyMode::dry_run
                           : options.yes   ? ApplyMode::all
                                           : ApplyMode::careful;
    std::vector<ShopSpec> stated;  // all of them, before the first is made
    for (const auto& file : options.files) {
        stated.push_back(load_shop(file, means, templates).value());
        apply_options(stated.back(), options);
    }
    std::vector<ShopApplied> applied;
    for (const auto& shop : stated) {
        applied.push_back(shops.apply(shop, mode));
        if (!json) print_applied(shop.slug, applied.back(), mode);
        if (const auto& remark = applied.back().remark; !remark.empty())
            fmt::print(stderr, "{}: warning: {}\n", shop.slug, remark);
        if (applied.back().done) redrive_waiting(shops, shop.slug, applied.back().tenant);
    }
    if (json) {
        const auto listed = shops.list();
        std::vector<std::string> items;
        for (std::size_t i = 0; i < stated.size(); ++i)
            items.push_back(applied_json(stated[i].slug, applied[i], listed, config));
        fmt::print("{}\n", json_array(items));
    }
    return options.dry_run || std::ranges::all_of(applied, &ShopApplied::done) ? 0 : 1;
}

int list_shops(ShopBook& shops, const Config& config, const ShopOptions& options, bool json) {
    auto listed = shops.list();
    if (!options.all) std::erase_if(listed, [](const auto& shop) { return shop.retired; });
    json ? print_json(listed, config) : print_list(listed, config);
    return 0;
}

void print_standing(const ShopOptions& options, const ShopStanding& standing) {
    if (standing.retired) {
        fmt::print("{} is removed: its accounts take nothing any more, its secrets are gone\n", options.slug);
        return;
    }
    fmt::print("{} {}: accounts {}, open conversations {}, replies to send {}, secrets {}\n",
               options.yes ? "removing" : "would remove", options.slug, standing.accounts,
               standing.conversations, standing.replies, standing.credentials);
    if (!options.yes) {
        fmt::print(
            "its accounts would take nothing any more; its secrets would go two minutes later, when no "
            "conversation is open, with a second call; its conversations stay for the books\n"
            "nothing was done; --yes does it\n");
    } else {
        fmt::print(
            "its accounts take nothing any more; its secrets answer what they took: run this again in two "
            "minutes, when no conversation is open. relevo dead list --tenant {} shows what waits for you\n",
            options.slug);
    }
}

// 1 where something is left to be done.
int remove_shop(ShopBook& shops, const ShopOptions& options, bool json) {
    const ShopStanding standing = options.yes ? shops.retire(options.slug) : shops.standing(options.slug);
    if (standing.guests) {
        throw Failure({Fault::permanent, "shop.has_guests",
                       "numbers of other shops stand under the app of " + options.slug +
                           ": in their files app_of names it; move or remove those first"});
    }
    if (json) {
        fmt::print("{}\n", JsonObject()
                               .text("shop", options.slug)
                               .number("accounts", standing.accounts)
                               .number("conversations", standing.conversations)
                               .number("replies", standing.replies)
                               .number("credentials", standing.credentials)
                               .flag("dry_run", !options.yes)
                               .flag("removed", standing.retired)
                               .str());
    } else {
        print_standing(options, standing);
    }
    return standing.retired || !options.yes ? 0 : 1;
}

}  // namespace

void add_shops(Commands& commands) {
    auto* shops = commands.add_group("shops", "Tenants with their accounts, agent, secrets and catalogue");
    const auto book = [&commands] { return commands.backend().shops(commands.config()); };
    auto options = std::make_shared<ShopOptions>();
    auto* apply = commands.add(
        *shops, "apply",
        "Make the shops of these files, or change what these files state of them: what a file does not state "
        "stays; a list that it states replaces the one that is there. It prints what changes. Accounts that "
        "an earlier file stated are retired where a file states their channel without them, any other bot "
        "too, and numbers move to the app that a file states: both only with --yes. Where no model answers "
        "the customer gets fallback_text; only with `on_failure: handoff` a person has it then. Exit code 1: "
        "something was left undone",
        "shops apply myshop.yaml",
        [&commands, book, options] { return apply_shops(*book(), commands, *options, commands.json()); });
    apply->add_option("file", options->files, "YAML, one shop each")->required()->check(CLI::ExistingFile);
    apply->add_flag("-y,--yes", options->yes,
                    "Retire and move accounts too; else nothing is done where it would");
    apply->add_flag("--dry-run", options->dry_run, "Print what would change, and change nothing");
    apply->add_option("--quiet-ms", options->quiet_ms, "Every agent's window of silence")
        ->check(CLI::Range(0, 120'000));
    apply->add_option("--model-url", options->model_url, "An OpenAI-compatible server answers for the agents")
        ->check([](const std::string& url) {
            return is_web_address(url) ? "" : "expected a web address without a user, as https://HOST/v1";
        });
    apply->add_option("--model", options->model, "The model's name there");
    apply->add_option("--model-key-file", options->model_key_file, "A file whose first line is its key");
    commands.takes_json(apply);
    auto* list = commands.add(*shops, "list",
                              "Addresses and keys; with --json also the tokens that were drawn for "
                              "Meta's and Telegram's webhooks. What is being removed is shown as leaving",
                              "shops list", [&commands, book, options] {
                                  return list_shops(*book(), commands.config(), *options, commands.json());
                              });
    list->add_flag("--all", options->all, "Removed ones too");
    auto* removing = commands.add(
        *shops, "remove",
        "Let a shop go: its accounts take nothing any more, and two minutes later, when all is answered, a "
        "second call removes its secrets. Its conversations stay, and its numbers stay its own; shops apply "
        "of a file that states accounts brings it back. Exit code 1: run it again",
        "shops remove myshop --yes",
        [&commands, book, options] { return remove_shop(*book(), *options, commands.json()); });
    removing->add_option("shop", options->slug, "Its slug")->required();
    removing->add_flag("-y,--yes", options->yes, "Do it; else it is only told what it would be");
    for (auto* command : {list, removing}) commands.takes_json(command);
}

}  // namespace relevo
