#include "tests/simulation/world.hpp"

#include <algorithm>

#include "channels/list.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "stages/ingress.hpp"
#include "tests/simulation/process.hpp"

namespace relevo {
namespace {

constexpr std::string_view installation = "sim";

// Nothing stays unsettled for longer than two minutes; a member that died is missed after its session's
// timeout.
constexpr Millis longest_unsettled{120'000 + SimLog::session_timeout.count()};

const PipelineSpec& conversation_pipeline() {
    static const PipelineSpec loaded =
        load_pipeline(std::string(RELEVO_SOURCE_DIR) + "/pipelines/conversation.yaml").value();
    return loaded;
}

std::vector<std::string> all_stages(const PipelineSpec& pipeline) {
    std::vector<std::string> names;
    for (const auto& stage : pipeline.stages) names.push_back(stage.name);
    return names;
}

std::string alias_kind(const std::string& channel) {
    if (channel == "telegram") return "telegram_chat";
    return channel == "web" ? "web_visitor" : "wa_id";
}

}  // namespace

SimWorld::SimWorld(SimSettings its_settings)
    : settings(std::move(its_settings)),
      trace(clock, settings.keeps_trace),
      random(settings.seed),
      pipeline(conversation_pipeline()),
      log(clock, trace, pipeline.topics),
      database_owner(settings.parts->database()),
      database(*database_owner),
      provider(clock) {
    faces_refusal = settings.rates.model_gives_up > 0;
    set_log_level(LogLevel::off);  // a world is full of what operators are told of
    SimHttp no_http(provider, nullptr);
    for (const auto& channel : make_channels({}, no_http)) {
        const std::string name(channel->name());
        database.spacings[name] = channel->limits().spacing;
        if (channel->limits().unknown == ChannelLimits::Unknown::resend) database.resending.insert(name);
    }
    database.shown = [this](const SimConversation& conversation, const SimReply& reply) {
        if (conversation.account.channel != "web") return;
        SimBubble bubble{clock.now(),
                         conversation.account.external_id,
                         conversation.to.value,
                         reply.text,
                         "token-of-tenant-" + conversation.account.tenant.to_string(),
                         {},
                         {},
                         true};
        bubble.tag = {reply.id, static_cast<int>(reply.deliveries.size()), 0};
        provider.bubbles.push_back(std::move(bubble));
    };
    provider.accepted = [this](SimBubble& bubble) { send_receipts(bubble); };
    processes_.resize(static_cast<std::size_t>(settings.processes));
}

SimWorld::~SimWorld() = default;

// What is counted is no part of a world, and costly to make.
Metrics& SimWorld::metrics() {
    static Metrics all;
    return all;
}

StageMetrics& SimWorld::stage_metrics(const std::string& stage) {
    static std::map<std::string, std::unique_ptr<StageMetrics>> all;
    auto& made = all[stage];
    if (!made) made = std::make_unique<StageMetrics>(metrics().registry(), stage);
    return *made;
}

Account SimWorld::add_shop(std::int64_t tenant, const std::string& external_id, BurstPolicy window,
                           const std::string& channel) {
    Account account;
    account.tenant = {tenant};
    account.id = account_id(channel, external_id);
    account.channel = channel;
    account.external_id = external_id;
    account.endpoint = {static_cast<std::int64_t>(database.accounts.size()) + 1};
    account.window = window;
    database.accounts.push_back(account);
    if (channel != "web") database.limited.insert(channel);
    const std::string own = channel == "whatsapp" ? std::string() : external_id;  // a Meta app has several
    database.endpoints["key-" + account.endpoint.to_string()] = {account.endpoint, account.tenant, channel,
                                                                 own};
    if (channel == "telegram") provider.bots["token-of-tenant-" + account.tenant.to_string()] = external_id;
    return account;
}

Inbound SimWorld::inbound(const std::string& who, const std::string& text, const std::string& event_id) {
    Inbound out;
    out.kind = InboundKind::message;
    out.event_id = event_id;
    out.aliases = {{"wa_id", who}};
    out.type = "text";
    out.text = text;
    return out;
}

void SimWorld::write(const Account& account, const std::string& who, const std::string& text,
                     const std::string& event_id) {
    Inbound written =
        inbound(who, text, event_id.empty() ? "event-" + std::to_string(++last_event_) : event_id);
    written.aliases.front().kind = alias_kind(account.channel);
    tell(account, written);
}

void SimWorld::tell(const Account& account, const Inbound& told) {
    const Endpoint endpoint{account.endpoint, account.tenant, account.channel, account.external_id};
    Parsed parsed;
    parsed.inbound.push_back(told);
    parsed.inbound.back().account = account.external_id;
    for (auto& record : ingest(endpoint, parsed, std::string(installation), new_traceparent(random),
                               clock.now(), pipeline.expires_after)) {
        log.append(std::move(record));
    }
}

const Account* SimWorld::find_account(const std::string& external_id) const {
    for (const auto& account : database.accounts) {
        if (account.external_id == external_id) return &account;
    }
    return nullptr;
}

ConversationId SimWorld::conversation(const Account& account, const std::string& who) const {
    const ContactId contact = contact_id(account.tenant, alias_kind(account.channel), who);
    return conversation_id(account.tenant, contact, account.id);
}

SimConversation& SimWorld::row(const Account& account, const std::string& who) {
    return database.tenants.at(account.tenant).conversations.at(conversation(account, who));
}

std::vector<SimBubble> SimWorld::bubbles(const Account& account, const std::string& who) const {
    std::vector<SimBubble> out;
    for (const auto& bubble : provider.bubbles) {
        if (bubble.account == account.external_id && bubble.to == who) out.push_back(bubble);
    }
    return out;
}

void SimWorld::take_over(const Account& account, const std::string& who) {
    database.begin(clock.now());
    database.take_over(account.tenant, conversation(account, who), clock.now());
}

void SimWorld::give_back(const Account& account, const std::string& who) {
    database.begin(clock.now());
    database.give_back(account.tenant, conversation(account, who));
}

void SimWorld::reply_as_human(const Account& account, const std::string& who, const std::string& client_id,
                              const std::string& text) {
    const ConversationId id = conversation(account, who);
    database.begin(clock.now());
    const auto reply = database.request_reply(account.tenant, id, client_id, text, clock.now());
    std::vector<Record> records;
    records.push_back(to_record(ReplyReady{account.tenant, id, reply.value(), std::nullopt}));
    stamp_ingress(records, std::string(installation), new_traceparent(random), clock.now(),
                  pipeline.expires_after);
    log.append(std::move(records.front()));
    promised.insert(reply.value());
}

// ---- the processes

void SimWorld::start() {
    for (std::size_t place = 0; place < processes_.size(); ++place) {
        if (!processes_[place]) start_one(place);
    }
}

void SimWorld::start_one(std::size_t place) {
    const Millis skew = up_to(settings.largest_skew * 2) - settings.largest_skew;
    const int number = ++last_process_;
    const auto stages = settings.layout.empty() ? all_stages(pipeline) : settings.layout[place];
    trace.tell(number, "starts in place {}, its clock {} ms off", place, skew.count());
    processes_[place] =
        std::make_unique<SimProcess>(*this, number, settings.seed + random.below(1u << 30), skew, stages);
}

void SimWorld::kill(std::size_t place) {
    if (!processes_[place]) return;
    bury(place);
}

void SimWorld::stop(std::size_t place) {
    if (processes_[place]) processes_[place]->stop();
}

void SimWorld::pause(std::size_t place, Millis time) {
    if (!processes_[place] || processes_[place]->is_paused()) return;
    trace.tell(processes_[place]->number(), "stands still for {} ms", time.count());
    ++disturbances;
    processes_[place]->pause(time);
}

void SimWorld::bury(std::size_t place) {
    ++crashes_;
    trace.tell(processes_[place]->number(), "is dead");
    processes_[place].reset();
    clock.after(settings.restart_after, [this, place] {
        if (!processes_[place]) start_one(place);
    });
}

std::size_t SimWorld::alive() const {
    return static_cast<std::size_t>(std::count_if(processes_.begin(), processes_.end(),
                                                  [](const auto& process) { return process != nullptr; }));
}

void SimWorld::crash_at(const std::string& point, int nth) {
    crash_points_[point] = nth;
}

bool SimWorld::dies_at(const std::string& point) {
    if (settings.kill_at_point > 0 && random.uniform() < settings.kill_at_point) return true;
    const auto armed = crash_points_.find(point);
    if (armed == crash_points_.end() || --armed->second > 0) return false;
    crash_points_.erase(armed);
    return true;
}

void SimWorld::expel(const std::string& stage, Millis delay) {
    ++disturbances;
    log.expel(pipeline.find_stage(stage)->group, random.below(16), delay);
}

void SimWorld::settled(const Settlement& it) {
    trace.tell(0, "{} settled {}:{} and {} more: {} {}", it.stage.name, it.records.front().partition,
               it.records.front().offset.value, it.records.size() - 1, it.outcome, it.reason);
    if (it.stage.input == timers_input) return;
    for (const auto& record : it.records) log.finished(it.stage.group, record.partition, record.offset);
}

// ---- time

Millis SimWorld::up_to(Millis longest) {
    if (longest.count() <= 0) return Millis{0};
    return Millis{static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(longest.count()) + 1))};
}

// One handler of one thread, or one thing that the world does: whichever the seed says.
bool SimWorld::step() {
    ready_.clear();
    for (const auto& process : processes_) {
        if (!process || process->is_paused()) continue;
        const auto& loops = process->loops();
        for (std::size_t n = 0; n < loops.size(); ++n) {
            if (loops[n]->is_ready()) ready_.push_back({process.get(), n});
        }
    }
    const std::size_t all = ready_.size() + clock.due();
    if (all == 0) return false;
    const std::size_t chosen = all == 1 ? 0 : random.below(all);
    if (chosen < ready_.size()) {
        run_ready(ready_[chosen]);
    } else {
        trace.chose(0);
        clock.happen(chosen - ready_.size());
    }
    for (std::size_t place = 0; place < processes_.size(); ++place) {
        if (!processes_[place]) continue;
        if (processes_[place]->doomed()) {
            bury(place);
        } else if (processes_[place]->ended()) {
            trace.tell(processes_[place]->number(), "has ended");
            processes_[place].reset();
        }
    }
    return true;
}

void SimWorld::run_ready(const Ready& chosen) {
    ++handlers_;
    trace.chose(static_cast<std::uint64_t>(chosen.process->number()) << 8 | (chosen.loop + 1));
    try {
        chosen.process->loops()[chosen.loop]->run_one();
    } catch (const std::exception& broken) {
        problems.push_back(std::string("a worker broke: ") + broken.what());
    }
    if (settings.kill_rate == 0 || random.uniform() >= settings.kill_rate) return;
    for (std::size_t place = 0; place < processes_.size(); ++place) {
        if (processes_[place].get() == chosen.process) return kill(place);
    }
}

void SimWorld::run_for(Millis time) {
    const SysTime until = clock.now() + time;
    for (;;) {
        while (step()) {
        }
        look_for_late();
        const auto next = clock.next();
        if (!next || *next > until) break;
        clock.set(*next);
    }
    clock.set(until);
}

void SimWorld::look_for_late() {
    if (clock.now() < looked_at_ + Millis{1'000}) return;
    looked_at_ = clock.now();
    for (const auto& stage : pipeline.stages) {
        if (stage.input == timers_input) continue;
        const auto oldest = log.oldest_open(stage.group, stage.input);
        if (oldest && clock.now() - *oldest > longest_unsettled + excused) late_.insert(stage.name);
    }
}

bool SimWorld::settle(Millis limit) {
    const SysTime until = clock.now() + limit;
    while (clock.now() < until) {
        run_for(Millis{1'000});
        if (quiet()) {
            run_for(Millis{1'000});  // receipts that are still on their way
            if (quiet()) return true;
        }
    }
    return false;
}

bool SimWorld::quiet() const {
    if (under_way_ > 0 || !database.timers.empty()) return false;
    return std::all_of(pipeline.stages.begin(), pipeline.stages.end(), [this](const StageSpec& stage) {
        return stage.input == timers_input || log.is_done(stage.group, stage.input);
    });
}

}  // namespace relevo
