#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/api.hpp"
#include "api/list.hpp"
#include "channels/list.hpp"
#include "channels/meta_connect.hpp"
#include "postgres/persons.hpp"
#include "postgres/request_stores.hpp"
#include "tests/api/project_document.hpp"
#include "tests/isolation/two_shops.hpp"

namespace relevo::testing {

/// Knows callers by their bearer token; nobody signs in. Invitations are rows.
class KnownCallers final : public Identity {
  public:
    std::map<std::string, Principal> callers;
    PeopleStore* people = nullptr;

    Task<Result<Principal>> authenticate(Credentials credentials) override {
        if (!credentials.internal.empty()) co_return Principal::service();
        const auto found = callers.find(credentials.bearer.reveal());
        if (found == callers.end()) co_return denied();
        co_return found->second;
    }
    Task<Result<SignedIn>> sign_in(std::string, Secret, std::string) override { co_return denied(); }
    Task<void> sign_out(Principal) override { co_return; }
    Task<Result<SignedIn>> redeem_with_password(Secret, Secret) override { co_return denied(); }
    Task<Result<Principal>> redeem_with_token(Secret, Secret) override { co_return denied(); }
    Task<Result<Secret>> issue_ticket(Principal by, UserId user, std::string trace) override {
        std::string ticket = "ticket of " + user.to_string();
        auto asked = people->add_ticket(by.tenant().value(), user, hash_of(ticket), at(100), at(200),
                                        actor_of(by, std::move(trace)));
        const auto outcome = co_await std::move(asked);
        if (outcome == PeopleStore::Outcome::done) co_return Secret(std::move(ticket));
        const bool beyond = outcome == PeopleStore::Outcome::beyond_actor;
        co_return Error{Fault::permanent, beyond ? "identity.not_yours" : "identity.no_user", "refused"};
    }

  private:
    static Error denied() { return {Fault::permanent, "identity.unknown_secret", "nobody"}; }
};

struct NoPace final : Pace {
    Task<Millis> take(std::vector<PaceBucket>, Millis) override { co_return Millis{0}; }
};

struct StillClock final : Clock {
    SysTime now() const override { return at(100); }
    Task<void> sleep_until(SysTime) override { co_return; }
};

/// Meta is away.
struct NoMeta final : HttpClient {
    Task<boost::system::result<HttpResponse, HttpFault>> send(HttpCall, BodySink) override {
        co_return HttpFault{Reached::no, "not connected"};
    }
};

/// As the process erases, but for the log.
struct ErasureOfRows final : PersonErasure {
    ErasureOfRows(Database& its_database, PostgresVault& its_vault, Random& its_random)
        : database(its_database), vault(its_vault), random(its_random) {}
    Task<Result<Erased>> erase(TenantId tenant, CrmId contact, Actor) override {
        const std::string id = contact.to_string();
        const PersonName name{id, {}, {}};
        auto looked_up = find_contacts(database, tenant, name);
        if ((co_await std::move(looked_up)).empty())
            co_return Error{Fault::permanent, "person.unknown", "there is none"};
        auto read = read_person(database, tenant, name, id, false);
        const KnownPerson person = co_await std::move(read);
        auto drawn = ensure_erasure_key(database, vault, tenant, random);
        const Secret key = co_await std::move(drawn);
        const ErasureNote note{
            tenant, format_uuid(hash_uuid("erasure", {random.hex(16)})), SystemClock().now(), "tester", {}};
        auto erased = erase_person(
            database, note, person, key, [](const ErasureNote&) {}, [](double) {});
        co_return co_await std::move(erased);
    }
    Database& database;
    PostgresVault& vault;
    Random& random;
};

/// /v1 as the process serves it, on real rows; but for who is calling, and how often.
struct RealApi : TwoShops {
    RealApi() {
        identity.people = people.get();
        auto& known = identity.callers;
        for (const auto& role : run(people->roles(attacker))) roles.emplace(role.name, role.permissions);
        for (const auto& [name, permissions] : roles) {
            known.emplace(name,
                          Principal::user(attacker, nth<UserId>(20), name, permissions, nth<SessionId>(20)));
        }
        known.emplace("nothing", Principal::user(attacker, nth<UserId>(21), "nothing", Permissions()));
        known.emplace("key", Principal::api_key(attacker, nth<ApiKeyId>(20), "key", Permissions::all(),
                                                Permissions::all()));
        known.emplace("empty key", Principal::api_key(attacker, nth<ApiKeyId>(20), "key", Permissions(),
                                                      Permissions::all()));
        known.emplace("operator", Principal::platform_operator("token", "the operator's token"));
        api.add_routes(router);
    }

    HttpResponse ask(HttpRequest request) {
        boost::asio::io_context io;
        std::optional<HttpResponse> answer;
        boost::asio::co_spawn(
            io,
            [](const Router& its_router, HttpRequest its_request,
               std::optional<HttpResponse>& its_answer) -> Task<void> {
                HttpRequest head = its_request;
                head.body.clear();
                its_answer = co_await its_router.check(std::move(head));
                if (!its_answer) its_answer = co_await its_router.handle(std::move(its_request));
            }(router, std::move(request), answer),
            [](std::exception_ptr error) {
                if (error) std::rethrow_exception(error);
            });
        io.run();
        return std::move(answer.value());
    }

    KnownCallers identity;
    std::map<std::string, Permissions> roles;
    NoPace pace;
    StillClock clock;
    NoMeta nowhere;
    MetaSettings settings = [] {
        MetaSettings made;
        made.facebook = {"4242", Secret("secret")};
        made.redirect_uri = "https://relevo.example/connected";
        return made;
    }();
    MetaGraph graph{settings, nowhere};
    std::unique_ptr<MetaStore> connections = make_meta_store(database, masters);
    MetaConnect connect{{settings, graph, *connections, clock, random, {}}};
    std::unique_ptr<RequestBook> book = make_request_book(database, masters, "the installation");
    const Channels channels{make_channels({}, nowhere)};
    ErasureOfRows erasure{database, vault, random};
    Api api{
        project_document(),
        api_handlers(project_document(),
                     {connect, erasure, channels, {{{"offline", ""}}, {"whatsapp"}}, "https://own.example"}),
        {identity, *book, pace, clock, random, "https://own.example", {}}};
    Router router;
};

}  // namespace relevo::testing
