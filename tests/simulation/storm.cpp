#include "tests/simulation/storm.hpp"

#include <algorithm>

#include "tests/simulation/sim_webhooks.hpp"

namespace relevo {
namespace {

constexpr Millis busy{30'000};                 // customers write and things break
constexpr Millis stormy{40'000};               // then nothing breaks any more
constexpr Millis longest_calm{4 * 3'600'000};  // what was refused may rest for long
constexpr std::array stages{"resolve", "buffer", "retrieve", "infer", "relay", "settle"};
constexpr std::array topics_of_stages{"messages.received",    "messages.resolved", "turns.ready",
                                      "inferences.requested", "replies.ready",     "receipts.received"};

std::int64_t draw_upto(SeededRandom& random, std::int64_t most) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most) + 1));
}

// Two processes share the stages, in twos, as on several machines.
std::vector<std::vector<std::string>> draw_layout(SeededRandom& random, int processes) {
    std::vector<std::vector<std::string>> layout(static_cast<std::size_t>(processes));
    if (processes < 3 || draw_upto(random, 1) == 0) return {};
    for (const auto* stage : {"resolve", "buffer", "retrieve", "infer", "relay", "settle", "wake"}) {
        const auto first = random.below(layout.size());
        layout[first].emplace_back(stage);
        layout[(first + 1) % layout.size()].emplace_back(stage);
    }
    return layout;
}

SimRates draw_rates(SeededRandom& random) {
    const auto sometimes = [&](double most) { return draw_upto(random, 1) ? most * random.uniform() : 0.0; };
    SimRates rates;
    rates.store_refuses = sometimes(0.03);
    rates.store_loses_reply = sometimes(0.03);
    rates.sink_refuses = sometimes(0.03);
    rates.sink_writes_half = sometimes(0.03);
    rates.sink_loses_reply = sometimes(0.03);
    rates.commit_lost = sometimes(0.1);
    rates.source_pauses = sometimes(0.3);
    rates.model_fails = sometimes(0.2);
    rates.model_gives_up = draw_upto(random, 4) == 0 ? 0.1 : 0;
    rates.model_hangs = draw_upto(random, 9) == 0 ? 0.05 : 0;
    rates.provider_refuses = sometimes(0.15);
    rates.provider_rejects = draw_upto(random, 9) == 0 ? 0.1 : 0;
    rates.provider_breaks = sometimes(0.1);
    rates.provider_garbles = sometimes(0.05);
    rates.provider_hidden = sometimes(0.1);
    rates.provider_times_out = sometimes(0.05);
    rates.provider_loses_receipt = sometimes(0.3);
    rates.provider_fails_later = draw_upto(random, 9) == 0 ? 0.1 : 0;
    rates.receipt_twice = sometimes(0.3);
    rates.webhook_twice = sometimes(0.2);
    rates.longest_call = Millis{3 + (draw_upto(random, 2) == 0 ? draw_upto(random, 300) : 0)};
    rates.longest_commit = Millis{draw_upto(random, 500)};
    rates.longest_send = Millis{50 + draw_upto(random, 800)};
    rates.longest_model = Millis{100 + draw_upto(random, 4'000)};
    rates.longest_receipt = Millis{1 + draw_upto(random, 6'000)};
    return rates;
}

// What a world needs to come right: as long as before, and nothing wrong.
SimRates without_faults(const SimRates& of) {
    SimRates calm;
    calm.longest_call = of.longest_call;
    calm.longest_send = of.longest_send;
    calm.longest_model = of.longest_model;
    calm.longest_receipt = of.longest_receipt;
    return calm;
}

}  // namespace

SimSettings Storm::draw_settings(SeededRandom& random, std::uint64_t seed, bool keeps_trace,
                                 std::shared_ptr<const SimParts> parts) {
    SimSettings it;
    it.seed = seed;
    it.keeps_trace = keeps_trace;
    it.numbered_answers = true;
    if (parts) it.parts = std::move(parts);
    it.processes = static_cast<int>(1 + draw_upto(random, 2));
    it.layout = draw_layout(random, it.processes);
    it.restart_after = Millis{100 + draw_upto(random, 4'000)};
    it.max_open_turns = draw_upto(random, 3) == 0 ? static_cast<int>(1 + draw_upto(random, 1)) : 500;
    if (draw_upto(random, 9) == 0) return it;  // fair weather
    it.rates = draw_rates(random);
    constexpr std::array kill_rates{0.0, 0.0, 0.0002, 0.001, 0.004};
    constexpr std::array point_rates{0.0, 0.0, 0.002, 0.01, 0.03};
    it.kill_rate = kill_rates[random.below(kill_rates.size())];
    it.kill_at_point = point_rates[random.below(point_rates.size())];
    constexpr std::array skews{0, 0, 50, 1'000};
    it.largest_skew = Millis{skews[random.below(skews.size())]};
    return it;
}

Storm::Storm(std::uint64_t seed, bool keeps_trace, std::shared_ptr<const SimParts> parts)
    : random_(seed), world_(draw_settings(random_, seed, keeps_trace, std::move(parts))) {
    fair_ = world_.settings.rates.longest_receipt == Millis{0};
    if (world_.settings.rates.model_hangs > 0) world_.excused += Millis{600'000};
    world_.faces_rejection = world_.settings.rates.provider_rejects > 0;
    if (one_in(3)) draw_limits();
    if (one_in(6)) world_.pipeline.expires_after = Millis{30'000 + upto(60'000)};
    open_shops();
    draw_budgets(seed);
    disclose(seed);
    if (one_in(2)) world_.provider.sending = [this](const SimTag& tag) { take_over_in_flight(tag); };
    world_.start();
    world_.log.skew = [this] { return Millis{upto(20)}; };
}

// Caps are there to be filled.
void Storm::draw_limits() {
    world_.excused += Millis{600'000};  // lanes wait for one another
    for (auto& stage : world_.pipeline.stages) {
        stage.limits.running = static_cast<std::size_t>(1 + upto(2));
        stage.limits.running_per_tenant = static_cast<std::size_t>(1 + upto(1));
        stage.limits.records = static_cast<std::size_t>(2 + upto(8));
    }
}

// In every tenth life money is short. Drawn apart: all others are what they were before there were budgets.
void Storm::draw_budgets(std::uint64_t seed) {
    if (seed % 10 != 3) return;
    SeededRandom money(seed + 1'000'000);
    world_.database.prices = {{"*", 1'000'000, 500'000, 2'000'000}};
    for (const std::int64_t tenant : {1, 2}) {
        const auto hard = 5'000 + draw_upto(money, 20'000);  // one to some thirty answers
        world_.database.set_budget({tenant}, "day", hard, hard / 2, world_.clock.now());
    }
}

// In every tenth life the agents say what they are; all others are what they were.
void Storm::disclose(std::uint64_t seed) {
    if (seed % 10 != 0) return;
    for (const std::int64_t tenant : {1, 2}) world_.database.tenants[{tenant}].disclosure = "I am a program.";
}

// Two WhatsApp numbers of different tenants, and what else there may be.
void Storm::open_shops() {
    const auto window = [this] {
        const Millis quiet{1'000 + upto(3'000)};
        return BurstPolicy{quiet, quiet * 4, 6};
    };
    shops_.push_back(world_.add_shop(1, "1001", window()));
    shops_.push_back(world_.add_shop(2, "2001", window()));
    if (one_in(2)) shops_.push_back(world_.add_shop(1, "1002", window(), "telegram"));
    if (one_in(2)) shops_.push_back(world_.add_shop(2, "2002", window(), "web"));
    if (one_in(3)) shops_.push_back(world_.add_shop(1, "1003", window()));
    nobodys_ = shops_.front();
    nobodys_.external_id = "9999";
    nobodys_.id = account_id("whatsapp", "9999");
}

std::int64_t Storm::upto(std::int64_t most) {
    return draw_upto(random_, most);
}

// The same people write to all shops.
std::string Storm::any_customer() {
    return "54911555500" + std::to_string(10 + upto(2));
}

// ---- what is said

std::size_t Storm::note(const Account& account, const std::string& who, InboundKind kind,
                        const std::string& text, SimSaid::Fate fate) {
    SimSaid said;
    said.fate = fate;
    said.account = account;
    said.who = who;
    said.kind = kind;
    const std::string number = std::to_string(1'000 + ++last_event_);
    if (account.channel == "whatsapp") {
        said.event_id = "wamid.in" + number;
    } else {
        said.event_id = account.channel == "web" ? who + "/" + number : number;
    }
    // what no model may see, and the answer has again
    said.text = account.external_id + "/" + who + ": " + text + number + " c" + number + "@mail.example";
    world_.said.push_back(said);
    return world_.said.size() - 1;
}

std::function<void()> Storm::accepts(Said said) {
    return [this, said = std::move(said)] {
        for (const auto place : said) {
            auto& accepted = world_.said[place].accepted;
            if (!accepted) accepted = world_.clock.now();
        }
    };
}

std::string Storm::change_of(const SimSaid& said) const {
    if (said.fate == SimSaid::Fate::archived) return whatsapp_stranger(said.account, said.event_id);
    switch (said.kind) {
        case InboundKind::echo:
            return whatsapp_echo(said.account, said.who, said.event_id, said.text);
        case InboundKind::reaction:
            return whatsapp_reaction(said.account, said.who, said.event_id);
        default:
            return whatsapp_message(said.account, said.who, said.event_id, said.text);
    }
}

void Storm::say(std::size_t place) {
    SimSaid& said = world_.said[place];
    if (!said.first_sent) said.first_sent = world_.clock.now();
    if (said.account.channel == "whatsapp") return say_together({place});
    if (said.account.channel == "telegram") {
        std::string body = telegram_message(said.who, said.event_id, said.text);
        if (said.kind == InboundKind::reaction) body = telegram_reaction(said.who, said.event_id);
        if (said.fate == SimSaid::Fate::archived) body = telegram_stranger(said.event_id);
        return world_.post_webhook(said.account, std::move(body), accepts({place}));
    }
    Inbound inbound;
    inbound.kind = said.kind;
    inbound.event_id = said.event_id;
    inbound.aliases = {{"web_visitor", said.who}};
    inbound.type = "text";
    inbound.text = said.text;
    world_.hear_visitor(said.account, std::move(inbound), accepts({place}));
}

// Several parts in one webhook, through the address of the first one's shop.
void Storm::say_together(const Said& all) {
    std::vector<std::string> changes;
    for (const auto place : all) {
        SimSaid& said = world_.said[place];
        if (!said.first_sent) said.first_sent = world_.clock.now();
        changes.push_back(change_of(said));
    }
    // an account that is nobody's, or another shop's, is named through one's own address
    const SimSaid& first = world_.said[all.front()];
    const Account& through = first.fate == SimSaid::Fate::refused ? shops_.front() : first.account;
    world_.post_webhook(through, whatsapp_webhook(changes), accepts(all));
}

// ---- the plan

void Storm::plan_customers() {
    for (auto n = 3 + upto(3); n > 0; --n) plan_customer();
    for (auto n = upto(2); n > 0; --n) plan_handoff();
}

void Storm::plan_customer() {
    const Account& shop = any_shop();
    const std::string who = any_customer();
    Millis when{upto(5'000)};
    Said waiting;
    for (auto n = 1 + upto(5); n > 0; --n) {
        const auto said = note(shop, who, InboundKind::message, "m");
        if (one_in(10)) {
            const auto reaction = note(shop, who, InboundKind::reaction, "r");
            if (shop.channel != "web") at(when, [this, reaction] { say(reaction); });
        }
        if (one_in(10) && shop.channel != "web") {
            const auto strange = note(shop, who, InboundKind::archived, "s", SimSaid::Fate::archived);
            at(when, [this, strange] { say(strange); });
        }
        waiting.push_back(said);
        if (shop.channel == "whatsapp" && one_in(4)) continue;  // it comes with the next one
        at(when, [this, shop, waiting] {
            if (shop.channel == "whatsapp") return say_together(waiting);
            for (const auto place : waiting) say(place);
        });
        for (auto copies = one_in(20) ? upto(10) : upto(5) / 5; copies > 0; --copies) {
            at(when + Millis{upto(8'000)}, [this, said] { say(said); });
        }
        waiting.clear();
        when += Millis{one_in(4) ? upto(20'000) : upto(2'000)};
    }
    if (!waiting.empty()) at(when, [this, waiting] { say_together(waiting); });
}

void Storm::plan_handoff() {
    const Account shop = any_shop();
    const std::string who = any_customer();
    const std::string name = std::to_string(++last_event_);
    const Millis when{upto(busy.count())};
    if (shop.channel == "whatsapp" && one_in(2)) {
        const auto echo = note(shop, who, InboundKind::echo, "owner ");
        at(when, [this, echo] { say(echo); });
    } else {
        at(when, [this, shop, who] { world_.ask_desk(SimDesk::take_over, shop, who); });
    }
    for (auto n = upto(2); n > 0; --n) {
        at(when + Millis{upto(9'000)}, [this, shop, who, id = name + "." + std::to_string(n)] {
            world_.ask_desk(SimDesk::reply, shop, who, id, "a human " + id);
        });
    }
    if (one_in(4)) return;  // it stays the human's
    at(when + Millis{upto(15'000)}, [this, shop, who] { world_.ask_desk(SimDesk::give_back, shop, who); });
}

// A human takes over while a bubble is on its way: the moment that rule 7 is about.
void Storm::take_over_in_flight(const SimTag& tag) {
    if (!one_in(60)) return;
    for (const auto& [id, tenant] : world_.database.tenants) {
        const SimReply* reply = find_reply(tenant, tag.reply);
        if (!reply) continue;
        const SimConversation& conversation = tenant.conversations.at(reply->conversation);
        const Account shop = conversation.account;
        const std::string who = conversation.to.value;
        at(Millis{0}, [this, shop, who] { world_.ask_desk(SimDesk::take_over, shop, who); });
        if (one_in(2)) return;
        at(Millis{upto(9'000)}, [this, shop, who] { world_.ask_desk(SimDesk::give_back, shop, who); });
        return;
    }
}

void Storm::plan_troubles() {
    const auto any_place = [this] { return static_cast<std::size_t>(upto(world_.settings.processes - 1)); };
    const auto when = [this] { return Millis{upto(busy.count())}; };
    for (auto n = upto(2); n > 0; --n) at(when(), [this, any_place] { world_.kill(any_place()); });
    for (auto n = upto(2); n > 0; --n) {
        at(when(), [this] { world_.expel(stages[random_.below(stages.size())], Millis{500 + upto(8'000)}); });
    }
    for (auto n = upto(1); n > 0; --n) {
        at(when(), [this, any_place] {
            const auto place = any_place();
            world_.stop(place);
            world_.clock.after(Millis{10'000}, [this] { world_.start(); });
        });
    }
    if (one_in(3)) at(when(), [this, any_place] { world_.pause(any_place(), Millis{upto(30'000)}); });
    for (auto n = upto(1); n > 0; --n) plan_outage();
    for (auto n = one_in(3) ? 1 + upto(2) : 0; n > 0; --n) plan_poison();
}

// One thing is away for a while.
void Storm::plan_outage() {
    static constexpr std::array<double SimRates::*, 5> what{
        &SimRates::store_refuses, &SimRates::sink_refuses, &SimRates::provider_hidden,
        &SimRates::provider_refuses, &SimRates::model_fails};
    const auto chosen = random_.below(what.size());
    double SimRates::*rate = what[chosen];
    const Millis when{upto(busy.count())};
    const Millis length{1'000 + upto(chosen < 2 ? 20'000 : 60'000)};
    if (chosen < 2) world_.excused += length;
    at(when, [this, rate] {
        world_.settings.rates.*rate = 1;
        ++world_.disturbances;
    });
    at(when + length, [this, rate] { world_.settings.rates.*rate = 0; });
}

void Storm::plan_poison() {
    if (one_in(2)) {  // names an account that is nobody's, or another shop's, through one's own address
        Account account = one_in(2) ? nobodys_ : shops_[1];
        const auto said = note(account, any_customer(), InboundKind::message, "p", SimSaid::Fate::refused);
        at(Millis{upto(busy.count())}, [this, said] { say(said); });
        return;
    }
    world_.poisoned = true;
    Record poison;
    poison.topic = topics_of_stages[random_.below(topics_of_stages.size())];
    poison.key = "1:poison" + std::to_string(upto(3));
    poison.value = one_in(2) ? "{" : R"({"tenant":1})";
    poison.headers.id = "poison-" + std::to_string(++last_event_);
    poison.headers.installation = "sim";
    at(Millis{upto(busy.count())}, [this, poison] { world_.log.append(poison); });
}

// Nothing goes wrong any more, and everybody starts anew: what is left must come right by itself.
void Storm::calm_down() {
    world_.settings.rates = without_faults(world_.settings.rates);
    world_.settings.kill_rate = 0;
    world_.settings.kill_at_point = 0;
    world_.provider.sending = {};
    world_.trace.tell(0, "calm");
    if (fair_) return;
    for (int place = 0; place < world_.settings.processes; ++place)
        world_.kill(static_cast<std::size_t>(place));
    world_.start();
}

std::vector<std::string> Storm::run() {
    plan_customers();
    if (!fair_) plan_troubles();
    world_.run_for(stormy);
    calm_down();
    world_.settle(longest_calm);
    return find_problems(world_);
}

}  // namespace relevo
