#include "core/json_object.hpp"
#include "postgres/ask.hpp"
#include "postgres/identity_stores.hpp"

namespace relevo {
namespace {

Permissions parse_permissions(const Json& json) {
    return Permissions::known(json.texts());
}

std::optional<Person> parse_person(const Json& json) {
    if (json.null()) return std::nullopt;
    return Person{{json.number("tenant")},
                  json.id<UserId>("user"),
                  json.text("email"),
                  json.text("name"),
                  parse_permissions(json["permissions"])};
}

std::string identity_of(const std::string& issuer, const std::string& subject) {
    return JsonObject().text("issuer", issuer).text("subject", subject).str();
}

class PostgresSignInStore final : public SignInStore {
  public:
    explicit PostgresSignInStore(Database& database) : database_(database) {}

    Task<std::optional<OperatorRow>> find_operator(std::string issuer, std::string subject) override {
        const Json found = co_await ask(database_, "find_operator", TenantId{}, identity_of(issuer, subject));
        if (found.null()) co_return std::nullopt;
        co_return OperatorRow{found.text("id"), found.text("name")};
    }

    Task<std::optional<SysTime>> begin_attempt(AttemptId attempt, std::vector<AttemptLimit> limits,
                                               SysTime now) override {
        std::vector<std::string> json;
        for (const auto& limit : limits) {
            json.push_back(JsonObject()
                               .text("kind", limit.kind)
                               .text("of", limit.of)
                               .number("most", limit.most)
                               .number("within_ms", limit.within.count())
                               .str());
        }
        std::string request =
            JsonObject().id("id", attempt).raw("limits", json_array(json)).time("now", now).str();
        const Json room_at = co_await ask(database_, "begin_attempt", TenantId{}, std::move(request));
        if (room_at.null()) co_return std::nullopt;
        co_return from_millis(room_at.number());
    }

    Task<void> forgive_attempt(AttemptId attempt) override {
        co_await ask(database_, "forgive_attempt", TenantId{}, JsonObject().id("id", attempt).str());
    }

    Task<std::optional<Person>> find_person(std::string issuer, std::string subject) override {
        co_return parse_person(
            co_await ask(database_, "find_person", TenantId{}, identity_of(issuer, subject)));
    }

    Task<std::optional<StoredPassword>> find_password(std::string email) override {
        const Json found =
            co_await ask(database_, "find_password", TenantId{}, JsonObject().text("email", email).str());
        if (found.null()) co_return std::nullopt;
        co_return StoredPassword{{found.number("tenant")}, found.id<UserId>("user"), found.text("hash")};
    }

    Task<std::optional<StoredSession>> find_session(SecretHash hash, SysTime now, Millis idle) override {
        std::string request =
            JsonObject().text("hash", hash.hex).time("now", now).number("idle_ms", idle.count()).str();
        const Json found = co_await ask(database_, "find_session", TenantId{}, std::move(request));
        auto person = parse_person(found["person"]);
        if (!person) co_return std::nullopt;
        co_return StoredSession{found.id<SessionId>("id"), std::move(*person)};
    }

    Task<std::optional<StoredKey>> find_key(SecretHash hash, SysTime now) override {
        const Json found = co_await ask(database_, "find_api_key", TenantId{},
                                        JsonObject().text("hash", hash.hex).time("now", now).str());
        if (found.null()) co_return std::nullopt;
        co_return StoredKey{{found.number("tenant")},
                            found.id<ApiKeyId>("id"),
                            found.text("name"),
                            parse_permissions(found["scopes"]),
                            found.flag("owned") ? parse_permissions(found["owner"]) : Permissions::all()};
    }

    Task<std::optional<Person>> begin_session(TenantId tenant, UserId user, NewSession session) override {
        std::string request = JsonObject()
                                  .id("user", user)
                                  .id("id", session.id)
                                  .text("hash", session.hash.hex)
                                  .text("last4", session.last4)
                                  .time("now", session.now)
                                  .time("expires_at", session.expires_at)
                                  .text("password_hash", session.password_hash)
                                  .str();
        co_return parse_person(co_await ask(database_, "begin_session", tenant, std::move(request)));
    }

    Task<void> end_session(TenantId tenant, SessionId session, SysTime now) override {
        std::string request = JsonObject().id("session", session).time("now", now).str();
        co_await ask(database_, "end_session", tenant, std::move(request));
    }

    Task<void> rehash(TenantId tenant, UserId user, std::string before, std::string after) override {
        std::string request = JsonObject().id("user", user).text("before", before).text("after", after).str();
        co_await ask(database_, "rehash", tenant, std::move(request));
    }

    Task<bool> find_ticket(SecretHash hash, SysTime now) override {
        std::string request = JsonObject().text("hash", hash.hex).time("now", now).str();
        const Json found = co_await ask(database_, "find_ticket", TenantId{}, std::move(request));
        co_return found.flag();
    }

    Task<std::optional<Person>> redeem_ticket(SecretHash hash, NewProof proof, SysTime now) override {
        std::string request = JsonObject()
                                  .text("hash", hash.hex)
                                  .text_if_any("password_hash", proof.password_hash)
                                  .text_if_any("issuer", proof.issuer)
                                  .text_if_any("subject", proof.subject)
                                  .time("now", now)
                                  .str();
        co_return parse_person(co_await ask(database_, "redeem_ticket", TenantId{}, std::move(request)));
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<SignInStore> make_sign_in_store(Database& database) {
    return std::make_unique<PostgresSignInStore>(database);
}

}  // namespace relevo
