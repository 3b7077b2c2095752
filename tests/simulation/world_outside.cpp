#include "tests/simulation/process.hpp"
#include "tests/simulation/sim_webhooks.hpp"
#include "tests/simulation/world.hpp"

namespace relevo {
namespace {

constexpr Millis patience{5'000};  // how long a provider waits for our answer
constexpr Millis longest_pause{6'000};

}  // namespace

// Something that is said to a process's gateway until one takes it.
struct SimWorld::Webhook {
    std::function<void(SimProcess&, std::function<void(int status)>)> send;
    std::function<void()> accepted;
    int attempts = 0;
    bool answered = false;  // the last attempt was
    bool over = false;
};

SimProcess* SimWorld::any_process() {
    std::vector<SimProcess*> alive;
    for (const auto& process : processes_) {
        if (process && !process->doomed()) alive.push_back(process.get());
    }
    return alive.empty() ? nullptr : alive[random.below(alive.size())];
}

void SimWorld::again(const std::shared_ptr<Webhook>& webhook) {
    clock.after(Millis{500} + up_to(longest_pause), [this, webhook] { deliver(webhook); });
}

void SimWorld::deliver(const std::shared_ptr<Webhook>& webhook) {
    SimProcess* process = any_process();
    if (!process) return again(webhook);
    const int attempt = ++webhook->attempts;
    webhook->answered = false;
    webhook->send(*process, [this, webhook, attempt](int status) {
        if (status == 200 && webhook->accepted) webhook->accepted();
        if (attempt != webhook->attempts) return;  // given up meanwhile
        webhook->answered = true;
        const bool repeats = status == 200 && random.uniform() < settings.rates.webhook_twice;
        if (status >= 500 || repeats) return again(webhook);
        if (!std::exchange(webhook->over, true)) --under_way_;
    });
    clock.after(patience, [this, webhook, attempt] {
        if (attempt == webhook->attempts && !webhook->answered) deliver(webhook);
    });
}

void SimWorld::post_webhook(const Account& through, std::string body, std::function<void()> accepted) {
    const std::string secret = "token-of-tenant-" + through.tenant.to_string();
    HttpRequest request;
    request.method = "POST";
    request.path = "/webhooks/" + through.channel + "/key-" + through.endpoint.to_string();
    request.target = request.path;
    if (through.channel == "telegram") {
        request.headers.emplace_back("X-Telegram-Bot-Api-Secret-Token", secret);
    } else {
        request.headers.emplace_back("X-Hub-Signature-256", hub_signature(secret, body));
    }
    request.body = std::move(body);
    auto webhook = std::make_shared<Webhook>();
    webhook->send = [request](SimProcess& process, std::function<void(int)> answered) {
        process.serve(request, std::move(answered));
    };
    webhook->accepted = std::move(accepted);
    ++under_way_;
    deliver(webhook);
}

void SimWorld::hear_visitor(const Account& account, Inbound inbound, std::function<void()> accepted) {
    const Endpoint endpoint{account.endpoint, account.tenant, account.channel, account.external_id};
    auto webhook = std::make_shared<Webhook>();
    webhook->send = [endpoint, inbound](SimProcess& process, std::function<void(int)> answered) {
        process.hear(endpoint, inbound, std::move(answered));
    };
    webhook->accepted = std::move(accepted);
    ++under_way_;
    deliver(webhook);
}

void SimWorld::ask_desk(SimDesk what, const Account& account, const std::string& who,
                        const std::string& client_id, const std::string& text) {
    const ConversationId id = conversation(account, who);
    auto webhook = std::make_shared<Webhook>();
    webhook->send = [=](SimProcess& process, std::function<void(int)> answered) {
        process.handle_desk(what, account.tenant, id, client_id, text, std::move(answered));
    };
    if (what == SimDesk::reply) {
        webhook->accepted = [this, reply = requested_reply_id(id, client_id)] { promised.insert(reply); };
    }
    ++under_way_;
    deliver(webhook);
}

// WhatsApp's only; they come late, twice and out of order, or not at all.
void SimWorld::send_receipts(SimBubble& bubble) {
    const Account* account = find_account(bubble.account);
    if (!account || account->channel != "whatsapp") return;
    const SimRates& rates = settings.rates;
    const auto happens = [this](double probability) { return random.uniform() < probability; };
    if (happens(rates.provider_loses_receipt)) return;
    std::vector<ReceiptStatus> statuses{ReceiptStatus::delivered};
    if (rates.longest_receipt > Millis{0}) {
        statuses = {ReceiptStatus::sent, ReceiptStatus::delivered, ReceiptStatus::read};
        bubble.arrived = !happens(rates.provider_fails_later);
        if (!bubble.arrived) statuses = {ReceiptStatus::sent, ReceiptStatus::failed};
    }
    for (const auto status : statuses) {
        for (int copies = happens(rates.receipt_twice) ? 2 : 1; copies > 0; --copies) {
            const std::string body = whatsapp_webhook({whatsapp_status(
                bubble.account, bubble.to, bubble.provider_id, bubble.reply().to_string(), status)});
            ++under_way_;
            clock.after(settings.receipt_after + up_to(rates.longest_receipt),
                        [this, through = *account, body, id = bubble.provider_id, status] {
                            --under_way_;
                            post_webhook(through, body, [this, id, status] { receipts[id].insert(status); });
                        });
        }
    }
}

}  // namespace relevo
