#include "tests/simulation/world.hpp"

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

PipelineSpec load_conversation() {
    return load_pipeline(std::string(RELEVO_SOURCE_DIR) + "/pipelines/conversation.yaml").value();
}

}  // namespace

SimWorld::SimWorld(SimSettings its_settings)
    : settings(std::move(its_settings)),
      random(settings.seed),
      pipeline(load_conversation()),
      log(clock, pipeline.topics) {
    set_log_level(LogLevel::error);  // a world is full of what is warned of
    for (const auto& stage : pipeline.stages) {
        stage_metrics_[stage.name] = std::make_unique<StageMetrics>(metrics.registry(), stage.name);
    }
    provider.accepted = [this](const SimBubble& bubble, const std::string& id) { send_receipt(bubble, id); };
    processes_.resize(static_cast<std::size_t>(settings.processes));
}

SimWorld::~SimWorld() = default;

Account SimWorld::add_shop(std::int64_t tenant, const std::string& external_id, BurstPolicy window) {
    Account account;
    account.tenant = {tenant};
    account.id = account_id("sim", external_id);
    account.channel = "sim";
    account.external_id = external_id;
    account.endpoint = {static_cast<std::int64_t>(database.accounts.size()) + 1};
    account.window = window;
    database.accounts.push_back(account);
    database.limited.insert(account.channel);
    return account;
}

Inbound SimWorld::inbound(const std::string& who, const std::string& text, const std::string& event_id) {
    Inbound out;
    out.kind = InboundKind::message;
    out.event_id = event_id;
    out.aliases = {{"sim_user", who}};
    out.type = "text";
    out.text = text;
    return out;
}

void SimWorld::write(const Account& account, const std::string& who, const std::string& text,
                     const std::string& event_id) {
    tell(account, inbound(who, text, event_id.empty() ? "event-" + std::to_string(++last_event_) : event_id));
}

void SimWorld::tell(const Account& account, const Inbound& said) {
    const Endpoint endpoint{account.endpoint, account.tenant, account.channel, account.external_id};
    Parsed parsed;
    parsed.inbound.push_back(said);
    parsed.inbound.back().account = account.external_id;
    for (auto& record : ingest(endpoint, parsed, std::string(installation), new_traceparent(random),
                               clock.now(), pipeline.expires_after)) {
        log.append(std::move(record));
    }
}

void SimWorld::send_receipt(const SimBubble& bubble, const std::string& provider_id) {
    clock.after(settings.receipt_after, [this, bubble, provider_id] {
        const Account& account = *find_account(bubble.account);
        const Endpoint endpoint{account.endpoint, account.tenant, account.channel, account.external_id};
        Parsed parsed;
        Receipt receipt;
        receipt.account = bubble.account;
        receipt.provider_id = provider_id;
        receipt.reply = bubble.reply.to_string();
        receipt.status = ReceiptStatus::delivered;
        parsed.receipts.push_back(receipt);
        for (auto& record : ingest(endpoint, parsed, std::string(installation), new_traceparent(random),
                                   clock.now(), pipeline.expires_after)) {
            log.append(std::move(record));
        }
    });
}

const Account* SimWorld::find_account(const std::string& external_id) const {
    for (const auto& account : database.accounts) {
        if (account.external_id == external_id) return &account;
    }
    return nullptr;
}

ConversationId SimWorld::conversation(const Account& account, const std::string& who) const {
    return conversation_id(account.tenant, contact_id(account.tenant, "sim_user", who), account.id);
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

void SimWorld::reply_as_human(const Account& account, const std::string& who, const std::string& client_id,
                              const std::string& text) {
    const ConversationId id = conversation(account, who);
    const ReplyId reply = database.request_reply(account.tenant, id, client_id, text, clock.now()).value();
    std::vector<Record> records;
    records.push_back(to_record(ReplyReady{account.tenant, id, reply, std::nullopt}));
    stamp_ingress(records, std::string(installation), new_traceparent(random), clock.now(),
                  pipeline.expires_after);
    log.append(std::move(records.front()));
}

void SimWorld::start() {
    for (std::size_t place = 0; place < processes_.size(); ++place) start_one(place);
}

void SimWorld::start_one(std::size_t place) {
    processes_[place] =
        std::make_unique<SimProcess>(*this, ++last_process_, settings.seed + random.below(1u << 30));
}

void SimWorld::kill(std::size_t place) {
    if (!processes_[place]) return;
    bury(place);
}

void SimWorld::stop(std::size_t place) {
    if (processes_[place]) processes_[place]->stop();
}

void SimWorld::bury(std::size_t place) {
    ++crashes_;
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
    const auto armed = crash_points_.find(point);
    if (armed == crash_points_.end() || --armed->second > 0) return false;
    crash_points_.erase(armed);
    return true;
}

void SimWorld::expel(const std::string& stage, Millis delay) {
    log.expel(pipeline.find_stage(stage)->group, random.below(16), delay);
}

void SimWorld::poll() {
    for (bool ran = true; ran;) {
        ran = false;
        for (std::size_t place = 0; place < processes_.size(); ++place) {
            if (!processes_[place]) continue;
            if (processes_[place]->poll() > 0) ran = true;
            if (processes_[place]->doomed()) {
                bury(place);
            } else if (processes_[place]->ended()) {
                processes_[place].reset();
            }
        }
    }
}

void SimWorld::run_for(Millis time) {
    const SysTime until = clock.now() + time;
    poll();
    while (clock.next() && *clock.next() <= until) {
        clock.advance();
        poll();
        look_for_late();
    }
    clock.set(until);
}

void SimWorld::look_for_late() {
    if (clock.now() < looked_at_ + Millis{1'000}) return;
    looked_at_ = clock.now();
    for (const auto& stage : pipeline.stages) {
        if (stage.input == timers_input) continue;
        const auto oldest = log.oldest_open(stage.group, stage.input);
        if (oldest && clock.now() - *oldest > longest_unsettled) late_.insert(stage.name);
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
    if (!database.timers.empty()) return false;
    return std::all_of(pipeline.stages.begin(), pipeline.stages.end(), [this](const StageSpec& stage) {
        return stage.input == timers_input || log.is_done(stage.group, stage.input);
    });
}

}  // namespace relevo
