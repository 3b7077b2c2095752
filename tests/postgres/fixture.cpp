#include "tests/postgres/fixture.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <pqxx/pqxx>

#include "postgres/migrations.hpp"
#include "postgres/shops.hpp"

namespace relevo::testing {
namespace {

std::string superuser_url() {
    const char* url = std::getenv("RELEVO_TEST_POSTGRES");
    REQUIRE_MESSAGE(url != nullptr, "set RELEVO_TEST_POSTGRES to a superuser's URL; ./dev test does");
    return url;
}

// postgresql://user:password@host:port/database?options, with another database and role. The role is what
// row-level security goes by, whoever logged in.
std::string url_of(const std::string& database, const std::string& role = "") {
    std::string url = superuser_url();
    url = url.substr(0, url.find('?'));
    const auto host = url.find("://") + 3;
    url = url.substr(0, url.find('/', host)) + "/" + database;
    return role.empty() ? url : url + "?options=-c%20role%3D" + role;
}

std::string query_as(const std::string& url, std::string_view sql) {
    pqxx::connection connection(url);
    pqxx::nontransaction work(connection);
    std::string out;
    for (const auto& row : work.exec(sql)) {
        if (!out.empty()) out += '\n';
        for (const auto& field : row) {
            if (field.num() > 0) out += '|';
            out += field.c_str();
        }
    }
    return out;
}

std::filesystem::path migrations() {
    return std::filesystem::path(RELEVO_SOURCE_DIR) / "migrations";
}

void ensure_roles(pqxx::nontransaction& work) {
    for (const auto* role :
         {"relevo_owner", "relevo_app", "relevo_operator", "relevo_operator_text", "relevo_router"}) {
        work.exec(
            fmt::format("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{0}')"
                        " THEN CREATE ROLE {0} NOLOGIN; END IF; END $$",
                        role));
    }
    work.exec("GRANT relevo_router TO relevo_owner");
    work.exec("GRANT relevo_operator TO relevo_operator_text");
}

void create_database(pqxx::nontransaction& work, const std::string& name) {
    work.exec(fmt::format("CREATE DATABASE {} OWNER relevo_owner", name));
    pqxx::connection inside(url_of(name));
    pqxx::nontransaction setup(inside);
    setup.exec("CREATE EXTENSION unaccent");
}

std::string own_name() {
    return fmt::format("relevo_test_{}_{}", ::getpid(), SystemRandom().hex(4));
}

void drop(const std::string& name) {
    pqxx::connection connection(url_of("postgres"));
    pqxx::nontransaction work(connection);
    work.exec(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name));
}

// Migrated once for each state of the folder; every test gets a copy.
std::string ensure_template(pqxx::nontransaction& work) {
    std::string sums;
    for (const auto& file : std::filesystem::directory_iterator(migrations())) {
        std::error_code error;
        sums += fmt::format("{}:{}:{};", file.path().filename().string(), file.file_size(),
                            file.last_write_time(error).time_since_epoch().count());
    }
    const std::string name = fmt::format("relevo_template_{:x}", std::hash<std::string>{}(sums));
    if (work.query_value<bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)",
                               pqxx::params{name})) {
        return name;
    }
    ensure_roles(work);
    work.exec(fmt::format("DROP DATABASE IF EXISTS {}", name));
    create_database(work, name);
    migrate_up(url_of(name, "relevo_owner"), migrations());
    work.exec(fmt::format("ALTER DATABASE {} IS_TEMPLATE true", name));
    return name;
}

std::string copy_template() {
    pqxx::connection connection(url_of("postgres"));
    pqxx::nontransaction work(connection);
    // tests run side by side, and a template that is being copied must not be touched
    work.exec("SELECT pg_advisory_lock(7283550115)");
    std::string name = own_name();
    const std::string source = ensure_template(work);
    work.exec(fmt::format("CREATE DATABASE {} TEMPLATE {} OWNER relevo_owner", name, source));
    // nobody needs its rows after a loss of power, and every call waits for its commit
    work.exec(fmt::format("ALTER DATABASE {} SET synchronous_commit = off", name));
    return name;
}

}  // namespace

TestDatabase::TestDatabase() : name_(copy_template()) {}

TestDatabase::~TestDatabase() {
    drop(name_);
}

std::string TestDatabase::app_url() const {
    return url_of(name_, "relevo_app");
}

std::string TestDatabase::owner_url() const {
    return url_of(name_, "relevo_owner");
}

std::string TestDatabase::operator_url() const {
    return url_of(name_, "relevo_operator");
}

std::string TestDatabase::operator_text_url() const {
    return url_of(name_, "relevo_operator_text");
}

std::string TestDatabase::query(std::string_view sql) const {
    return query_as(url_of(name_), sql);
}

EmptyDatabase::EmptyDatabase() : name_(own_name()) {
    pqxx::connection connection(url_of("postgres"));
    pqxx::nontransaction work(connection);
    work.exec("SELECT pg_advisory_lock(7283550115)");
    ensure_roles(work);
    create_database(work, name_);
}

EmptyDatabase::~EmptyDatabase() {
    drop(name_);
}

std::string EmptyDatabase::app_url() const {
    return url_of(name_, "relevo_app");
}

std::string EmptyDatabase::owner_url() const {
    return url_of(name_, "relevo_owner");
}

ShopSpec ballet_spec() {
    ShopSpec spec;
    spec.slug = "ballet";
    spec.name = "Danza Clásica";
    spec.synonyms.emplace();
    (*spec.synonyms)["zapatillas"] = {"puntas"};
    (*spec.synonyms)["mallas"] = {"leotardo"};
    spec.agent.prompt = "Sos la vendedora de {STORE_NAME}.";
    spec.web = WebSpec{};
    spec.whatsapp =
        WhatsappSpec{{{"1001", "+54 9 11 1234-5678"}}, {}, Secret("app secret"), {}, Secret("access token")};
    spec.telegram = TelegramSpec{"777", {}, Secret("777:token")};
    spec.catalogue = std::vector<ProductSpec>{
        {"P-1",
         "Puntas de satén",
         "Para clase y escenario.",
         "85.000",
         "ARS",
         "https://example.com/p1",
         {{"talles", "34 al 41"}}},
        {"L-1",
         "Leotardo de algodón",
         "Manga corta, niña.",
         "21.500",
         "ARS",
         "",
         {{"colores", "negro, rosa"}}},
        {"B-1", "Bolso de danza", "Con bolsillo para las puntas.", "30.000", "ARS", "", {}},
    };
    return spec;
}

ShopSpec other_spec() {
    ShopSpec spec;
    spec.slug = "ferreteria";
    spec.name = "Ferretería Sur";
    spec.web = WebSpec{};
    spec.whatsapp = WhatsappSpec{{{"2002", "+54 9 11 8765-4321"}}, {}, {}, {}, {}};
    spec.catalogue = std::vector<ProductSpec>{
        {"M-1", "Martillo", "De carpintero, mango de fresno.", "9.000", "ARS", "", {}}};
    return spec;
}

Inbound inbound(std::string event_id, std::string text, std::string person, InboundKind kind) {
    Inbound message;
    message.kind = kind;
    message.event_id = std::move(event_id);
    message.aliases = {{"wa_id", std::move(person)}};
    message.name = "Ana";
    message.type = "text";
    message.text = std::move(text);
    return message;
}

std::shared_ptr<MasterKeys> master_keys(std::string text) {
    return std::make_shared<MasterKeys>(MasterKeySource{"the test's keys", [text] { return text; }});
}

Fixture::Fixture(int connections)
    : database({test.app_url(), connections}),
      masters(master_keys()),
      vault(database, masters),
      ballet(run(apply_shop(database, vault, ballet_spec(), random)).tenant),
      other(run(apply_shop(database, vault, other_spec(), random)).tenant),
      resolve(make_resolve_store(database, vault)),
      buffer(make_buffer_store(database)),
      retrieve(make_retrieve_store(database)),
      infer(make_infer_store(database)),
      relay(make_relay_store(database, {{"whatsapp", {{}, Millis{4'000}, ChannelLimits::Unknown::hold}},
                                        {"web", {{}, Millis{4'000}, ChannelLimits::Unknown::resend}}})),
      settle(make_settle_store(database)),
      handoff(make_handoff_store(database)),
      web(make_web_store(database)),
      endpoints(make_endpoint_store(database)),
      demo(make_demo_store(database)) {}

Account Fixture::account(std::string channel, std::string external_id) {
    auto found = run(resolve->find_account(std::move(channel), std::move(external_id), {}, at(0)));
    REQUIRE(found);
    return *found;
}

StoredMessage Fixture::store(std::string event_id, std::string text, SysTime when, std::string person,
                             InboundKind kind) {
    return run(resolve->store_message(
        account(), inbound(std::move(event_id), std::move(text), std::move(person), kind), when, "trace"));
}

TurnId Fixture::claim(const StoredMessage& message, SysTime when) {
    const auto claimed =
        run(buffer->claim_turn(ballet, message.conversation, {message.message}, when, 1'000));
    REQUIRE(claimed.state == TurnClaim::State::claimed);
    return claimed.turn;
}

std::vector<ReplyId> Fixture::answer(TurnId turn, std::vector<std::string> bubbles, SysTime when) {
    run(retrieve->freeze_step(ballet, turn, {{"catalogue", "Puntas", "Puntas de satén", 0.5}}, when));
    Completion completion;
    completion.text = "answer";
    return run(infer->commit_answer(ballet, turn, 0, completion, std::move(bubbles), when));
}

void Fixture::accept(const ReplyClaim& claim, std::string provider_id, SysTime when) {
    REQUIRE(claim.permit);
    run(relay->finish(ballet, *claim.permit, {Sent::State::accepted, std::move(provider_id), {}}, {}, when));
}

std::string Fixture::turn_status(TurnId turn) const {
    return test.query(fmt::format("SELECT status FROM turns WHERE id = '{}'", turn.to_string()));
}

std::string Fixture::reply_status(ReplyId reply) const {
    return test.query(fmt::format("SELECT status FROM replies WHERE id = '{}'", reply.to_string()));
}

}  // namespace relevo::testing
