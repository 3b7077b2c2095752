#include "gateway/web_widget.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "core/log.hpp"
#include "gateway/web_messages.hpp"

namespace relevo {
namespace {

constexpr std::string_view channel_name = "web";
constexpr std::string_view alias_kind = "web_visitor";
constexpr Millis read_again{1'000};

// As long as the visitor was not erased. Of one who was and is new again, resolve tells here as well.
ConversationId conversation_of(const Endpoint& endpoint, const std::string& visitor) {
    return conversation_id(endpoint.tenant, contact_id(endpoint.tenant, alias_kind, visitor),
                           account_id(channel_name, endpoint.account));
}

// One visitor cannot name another's message: the visitor is part of the event's id.
std::string event_id(const std::string& visitor, const std::string& client_id) {
    return visitor + "/" + client_id;
}

}  // namespace

// What one socket has seen so far.
struct WebWidget::Visit {
    Visit(WebStore& its_store, Live& its_live) : store(its_store), live(its_live) {}

    WebStore& store;
    Live& live;
    std::weak_ptr<Socket> socket;
    boost::asio::any_io_executor executor;
    Endpoint endpoint;
    std::string visitor;
    ConversationId conversation;
    std::int64_t seq = 0;
    std::int64_t epoch = 0;
    bool human = false;
    bool greeted = false;    // the history was sent
    bool following = false;  // rows are being read
    bool more = false;       // a nudge came meanwhile
    std::unique_ptr<Subscription> by_name;
    std::unique_ptr<Subscription> of_new_life;
};

Namespace WebWidget::name_space() {
    Namespace space;
    space.on_connect = [this](Sockets socket, std::string auth) {
        return connect(std::move(socket), std::move(auth));
    };
    space.on_event = [this](Sockets socket, std::string name, std::string args,
                            std::function<void(std::string)> ack) {
        return event(std::move(socket), std::move(name), std::move(args), std::move(ack));
    };
    space.on_disconnect = [this](Sockets socket) { visits_.erase(socket.get()); };
    return space;
}

Task<Result<void>> WebWidget::connect(Sockets socket, std::string auth) {
    const auto asked = parse_web_auth(auth);
    if (!asked) co_return asked.error();
    std::optional<KnownEndpoint> known;
    std::optional<Error> failed;
    try {
        known = co_await endpoints_.find(std::string(channel_name), asked->key);
    } catch (const Failure& failure) {
        failed = failure.error();
    }
    if (failed) co_return Error{Fault::transient, failed->code, "el chat no está disponible en este momento"};
    if (!known) {
        co_return Error{Fault::permanent, "web.unknown_key",
                        "ninguna tienda tiene esta clave (la muestra relevo shops list)"};
    }
    auto visit = std::make_shared<Visit>(store_, live_);
    visit->socket = socket;
    visit->executor = co_await boost::asio::this_coro::executor;
    visit->endpoint = known->endpoint;
    visit->visitor = asked->visitor.empty() ? random_.hex(16) : asked->visitor;
    visit->conversation = conversation_of(visit->endpoint, visit->visitor);
    visit->by_name = watch(visit);
    visits_[socket.get()] = visit;
    socket->emit("session", web_session(visit->visitor));
    nudge(visit, {});
    co_return boost::system::in_place_value;
}

std::unique_ptr<Subscription> WebWidget::watch(const std::shared_ptr<Visit>& visit) {
    const std::weak_ptr<Visit> weak = visit;
    return visit->live.subscribe(conversation_channel(visit->endpoint.tenant, visit->conversation),
                                 [weak](std::string_view payload) {
                                     if (const auto strong = weak.lock()) nudge(strong, payload);
                                 });
}

// The empty payload says that something may have been missed.
void WebWidget::nudge(const std::shared_ptr<Visit>& visit, std::string_view payload) {
    const auto socket = visit->socket.lock();
    if (!socket) return;
    const auto draft = payload.empty() ? std::nullopt : parse_live(payload);
    if (draft && draft->event == "delta") {
        // A draft of before a take-over is nobody's any more.
        if (!visit->human && draft->epoch >= visit->epoch) socket->emit("delta", web_delta(*draft));
        return;
    }
    if (draft && draft->event == "withdrawn") socket->emit("withdrawn", web_withdrawn(draft->turn));
    visit->more = true;
    if (visit->following) return;
    visit->following = true;
    boost::asio::co_spawn(visit->executor, follow(visit), boost::asio::detached);
}

// Reads the rows after the last one shown, until no nudge came meanwhile. While PostgreSQL is away it tries
// again.
Task<void> WebWidget::follow(std::weak_ptr<Visit> weak) {
    for (auto visit = weak.lock(); visit && visit->more; visit = weak.lock()) {
        visit->more = false;
        std::optional<WebConversation> read;
        try {
            read = co_await visit->store.read(visit->endpoint, visit->visitor, visit->seq);
        } catch (const Failure& failure) {
            visit->more = true;
            log_warn("web.unread", {{"code", failure.error().code}});
        }
        const auto socket = visit->socket.lock();
        if (!socket) co_return;
        if (!read) {
            boost::asio::steady_timer timer(visit->executor, read_again);
            visit.reset();
            co_await timer.async_wait(boost::asio::use_awaitable);
            continue;
        }
        if (read->conversation != ConversationId{} && read->conversation != visit->conversation) {
            visit->conversation = read->conversation;
            visit->of_new_life = watch(visit);
            visit->seq = 0;
            visit->more = true;
            continue;
        }
        const bool stands_otherwise = visit->human != read->human;
        visit->human = read->human;
        visit->epoch = read->epoch;
        if (!visit->greeted || stands_otherwise) socket->emit("standing", web_standing(visit->human));
        if (!visit->greeted) socket->emit("history", web_history(read->messages));
        for (const auto& message : read->messages) {
            if (visit->greeted) socket->emit("message", web_message(message));
            visit->seq = std::max(visit->seq, message.seq);
        }
        visit->greeted = true;
    }
    if (const auto visit = weak.lock()) visit->following = false;
}

Task<void> WebWidget::event(Sockets socket, std::string name, std::string args,
                            std::function<void(std::string)> ack) {
    const auto found = visits_.find(socket.get());
    if (name != "message" || found == visits_.end()) co_return;
    const auto visit = found->second;
    auto input = parse_web_input(args);
    if (!input) {
        if (ack) ack(web_refused(input.error()));
        co_return;
    }
    Inbound inbound;
    inbound.kind = InboundKind::message;
    inbound.event_id = event_id(visit->visitor, input->client_id);
    inbound.aliases = {{std::string(alias_kind), visit->visitor}};
    inbound.type = "text";
    inbound.text = std::move(input->text);
    inbound.metadata = std::move(input->metadata);
    const MessageId id = message_id(visit->endpoint.tenant, account_id(channel_name, visit->endpoint.account),
                                    inbound.event_id);
    Parsed parsed;
    parsed.inbound.push_back(std::move(inbound));
    std::optional<Error> failed;
    try {
        co_await intake_.take(visit->endpoint, std::move(parsed));
    } catch (const Failure& failure) {
        failed = failure.error();
    }
    if (failed) log_error("ingress.unavailable", {{"channel", channel_name}, {"code", failed->code}});
    if (!ack) co_return;
    if (failed) {
        ack(web_refused({Fault::transient, failed->code,
                         "no pudimos recibir el mensaje; lo enviamos de nuevo enseguida"}));
    } else {
        ack(web_accepted(id.to_string()));
    }
}

}  // namespace relevo
