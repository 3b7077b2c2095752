#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/json.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

using Outcome = PeopleStore::Outcome;

SessionRow parse_session(const Json& json) {
    SessionRow row;
    row.id = json.id<SessionId>("id");
    row.user = json.id<UserId>("user");
    row.last4 = json.text("last4");
    row.created_at = json.time("created_at");
    row.used_at = json.time("used_at");
    row.expires_at = json.time("expires_at");
    if (!json["ended_at"].null()) row.ended_at = json.time("ended_at");
    return row;
}

class PostgresSessionStore final : public SessionStore {
  public:
    explicit PostgresSessionStore(Database& database) : database_(database) {}

    Task<std::vector<SessionRow>> list(TenantId tenant, std::optional<UserId> user,
                                       std::optional<SessionPlace> after, int limit) override {
        JsonObject request;
        request.number("limit", limit);
        if (user) request.id("user", *user);
        if (after) request.id("after", after->id).time("after_at", after->created_at);
        auto asked = database_.call("list_sessions", tenant, request.str());
        const Json found = Json::parse(co_await std::move(asked));
        std::vector<SessionRow> rows;
        for (const auto& session : found.items()) rows.push_back(parse_session(session));
        co_return rows;
    }

    Task<Outcome> end(TenantId tenant, SessionId session, SysTime now, Actor actor) override {
        JsonObject request;
        request.raw("actor", actor_json(actor)).id("session", session).time("now", now);
        auto asked = database_.call("stop_session", tenant, request.str());
        const std::string outcome = Json::parse(co_await std::move(asked)).text();
        if (outcome == "done") co_return Outcome::done;
        co_return outcome == "beyond_actor" ? Outcome::beyond_actor : Outcome::not_found;
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<SessionStore> make_session_store(Database& database) {
    return std::make_unique<PostgresSessionStore>(database);
}

}  // namespace relevo
