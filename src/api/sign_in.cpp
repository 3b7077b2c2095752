#include "api/list.hpp"

namespace relevo {
namespace {

JsonObject& add_person(JsonObject& object, const Principal& who) {
    object.text("user", who.id())
        .text("name", who.name())
        .number("tenant", who.tenant().value_or(TenantId{}).value);
    return object.raw("permissions", json_texts(who.permissions().names()));
}

Answer signed_in(const SignedIn& session) {
    JsonObject body;
    Answer answer{.status = 201};
    if (const auto id = session.principal.session()) {
        body.id("id", *id);
        answer.headers.emplace_back("Location", "/v1/sessions/" + id->to_string());
    }
    body.text("secret", session.secret.reveal());
    add_time(body, "expires_at", session.expires_at);
    answer.body = add_person(body, session.principal).str();
    return answer;
}

Task<ApiResult> begin(ApiCall& call) {
    auto asked =
        call.identity.sign_in(call.body.text("email"), Secret(call.body.text("password")), call.client);
    const auto session = co_await std::move(asked);
    if (!session) co_return problem_of(session.error(), 401);
    co_return signed_in(*session);
}

Task<ApiResult> end(ApiCall& call) {
    auto asked = call.identity.sign_out(*call.who);
    co_await std::move(asked);
    co_return Answer{.status = 204};
}

Problem not_redeemed(const Error& error) {
    if (error.code == "identity.weak_password") {
        Problem problem = problem_of(error, 422);
        problem.flaws.push_back({"#/password", {}, error.text});
        return problem;
    }
    return problem_of(error, 401);
}

Task<ApiResult> redeem(ApiCall& call) {
    const Secret ticket(call.body.text("ticket"));
    if (const auto token = call.body.text_if_any("token")) {
        auto asked = call.identity.redeem_with_token(ticket, Secret(*token));
        const auto who = co_await std::move(asked);
        if (!who) co_return not_redeemed(who.error());
        JsonObject body;
        co_return Answer{.status = 201, .body = add_person(body, *who).str()};
    }
    auto asked = call.identity.redeem_with_password(ticket, Secret(call.body.text("password")));
    const auto session = co_await std::move(asked);
    if (!session) co_return not_redeemed(session.error());
    co_return signed_in(*session);
}

Task<ApiResult> read_me(ApiCall& call) {
    JsonObject body;
    body.text("kind", name_of(call.who->kind())).text("id", call.who->id()).text("name", call.who->name());
    if (const auto tenant = call.who->tenant()) body.number("tenant", tenant->value);
    body.raw("permissions", json_texts(call.who->permissions().names()));
    co_return Answer{.body = body.str()};
}

}  // namespace

void add_sign_in_handlers(ApiHandlers& handlers) {
    handlers["read_me"] = read_me;
    handlers["sign_in"] = begin;
    handlers["sign_out"] = end;
    handlers["redeem_ticket"] = redeem;
}

}  // namespace relevo
