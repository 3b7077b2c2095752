#include "postgres/request_database.hpp"

#include <utility>

#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/json.hpp"

namespace relevo {
namespace {

bool reads(std::string_view op) {
    return op.starts_with("list_") || op.starts_with("get_");
}

[[noreturn]] void refuse(const std::string& why) {
    if (why == "in_flight") {
        throw Failure({Fault::transient, "request.in_flight",
                       "the same request is being done right now; wait, and send it again", Millis{1'000}});
    }
    if (why == "another") {
        throw Failure({Fault::permanent, "request.another",
                       "this Idempotency-Key stands for another request of the last 24 hours; send each new "
                       "request with a new one"});
    }
    throw Failure({Fault::permanent, "request.changed",
                   "somebody changed it since it was read; read it again, and decide anew what to change"});
}

}  // namespace

Task<std::string> RequestDatabase::call(std::string op, TenantId tenant, std::string request,
                                        std::optional<Millis> deadline) {
    if (!actor_.empty() && Json::parse(request)["actor"].null()) {
        request = actor_ + (request == "{}" ? "}" : "," + request.substr(1));
    }
    // what is read after a change is a step too: the answer to a repetition shows what was then
    if (once_ && (steps_ > 0 || !reads(op))) {
        auto done = guarded(std::move(op), tenant, std::move(request), deadline);
        co_return co_await std::move(done);
    }
    if (!reads(op)) {
        auto done = seen_.empty() ? real_.call(std::move(op), tenant, std::move(request), deadline)
                                  : guarded(std::move(op), tenant, std::move(request), deadline);
        co_return co_await std::move(done);
    }
    auto asked = real_.call(op, tenant, request, deadline);
    std::string result = co_await std::move(asked);
    if (held_) {
        seen_.push_back(JsonObject().text("op", op).raw("request", request).raw("result", result).str());
    }
    co_return result;
}

void RequestDatabase::act_as(const Actor& actor) {
    actor_ = JsonObject().raw("actor", actor_json(actor)).str();
    actor_.pop_back();  // other members follow
}

Task<std::vector<std::string>> RequestDatabase::call_all(
    std::string op, std::vector<std::pair<TenantId, std::string>> requests) {
    return real_.call_all(std::move(op), std::move(requests));
}

Task<std::string> RequestDatabase::guarded(std::string op, TenantId tenant, std::string request,
                                           std::optional<Millis> deadline) {
    JsonObject call;
    call.text("op", op).raw("request", request);
    const Json actor = Json::parse(request)["actor"];
    if (!actor.null()) call.raw("actor", actor.source());
    if (once_) {
        const std::string once = JsonObject()
                                     .text("caller", once_->caller)
                                     .text("key", once_->key)
                                     .text("request", once_->request)
                                     .number("step", steps_++)
                                     .time("now", once_->now)
                                     .str();
        call.raw("once", once);
    }
    if (!seen_.empty()) call.raw("seen", json_array(std::exchange(seen_, {})));
    held_ = false;
    auto asked = real_.call("guarded", tenant, call.str(), deadline);
    const Json result = Json::parse(co_await std::move(asked));
    if (!result["refused"].null()) refuse(result.text("refused"));
    // of the last change: one that came to nothing is made anew, though the ones before it are repeated
    if (!reads(op)) repeated_ = result.flag("repeated");
    co_return result["done"].source();
}

}  // namespace relevo
