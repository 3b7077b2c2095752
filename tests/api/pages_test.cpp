// Lists: every row once, whatever comes and goes meanwhile.

#include <doctest/doctest.h>

#include "tests/api/server.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

void fill(Rows& rows, int count, SeededRandom& random) {
    for (int n = 0; n < count; ++n) {
        const auto tenant = TenantId{n % 3 == 0 ? 2 : 1};
        const auto user = UserId{draw_uuid(random)};
        const auto number = static_cast<std::int64_t>(rows.audit.size()) + 1;
        const std::string name = "n" + std::to_string(number);
        // many at one moment
        const SysTime when = at(static_cast<std::int64_t>(random.below(5)));
        rows.users[{tenant, user}] = {user, name + "@example.com", "", "active", {"viewer"}, when};
        const auto session = SessionId{draw_uuid(random)};
        rows.sessions[{tenant, session}] = {session, user, "abcd", when, when, at(900), std::nullopt};
        const auto key = ApiKeyId{draw_uuid(random)};
        KeyRow row;
        row.id = key;
        row.name = name;
        row.created_at = when;
        rows.keys[{tenant, key}] = row;
        rows.roles[{tenant, name}] = {name, false, {}};
        rows.credentials[{tenant, "openai/" + name}] = {"openai", name, "", "f", true, when};
        const auto company = CrmId{draw_uuid(random)};
        rows.crm[{tenant, CrmKind::company, company}] = crm_members(CrmKind::company, company);
        rows.crm[{tenant, CrmKind::company, company}]["name"] = json_text(name);
        AuditRow audit;
        audit.id = number;
        audit.at = when;
        audit.action = "user.add";
        audit.subject = n % 2 == 0 ? "user:even" : "user:odd";
        rows.audit.emplace_back(tenant, audit);
        ConversationRow conversation;
        conversation.id = ConversationId{draw_uuid(random)};
        conversation.channel = "web";
        conversation.standing = "agent";
        conversation.active_minute = to_millis(when) / 60'000;
        rows.talk.conversations[{tenant, conversation.id}] = conversation;
        UsageRow usage;
        usage.line.key = format_uuid(draw_uuid(random));
        rows.talk.usage.emplace_back(tenant, usage);
        BudgetRow budget{{number, "day"}, {}};
        budget.line.budget.currency = "USD";
        rows.talk.budgets[tenant].push_back(budget);
    }
}

std::vector<std::string> items_of(const std::string& body) {
    std::vector<std::string> items;
    const std::string start = R"({"items":[)";
    REQUIRE(body.starts_with(start));
    int depth = 0;
    std::size_t from = start.size();
    for (std::size_t i = from; i < body.size(); ++i) {
        if (body[i] == '{' && depth++ == 0) from = i;
        if (body[i] == '}' && --depth == 0) items.push_back(body.substr(from, i + 1 - from));
        if (body[i] == ']' && depth == 0) break;
    }
    return items;
}

struct Reading {
    std::vector<std::string> items;
    int pages = 0;
};

Reading read_all(Server& server, const std::string& path, int limit,
                 const std::function<void()>& meanwhile = {}) {
    Reading reading;
    std::string cursor;
    do {
        std::string target =
            path + (path.find('?') == path.npos ? "?" : "&") + "limit=" + std::to_string(limit);
        if (!cursor.empty()) target += "&cursor=" + cursor;
        const auto answer = server.ask("GET", target);
        REQUIRE_MESSAGE(answer.status == 200, answer.body);
        const auto items = items_of(answer.body);
        CHECK(std::ssize(items) <= limit);
        reading.items.insert(reading.items.end(), items.begin(), items.end());
        cursor = member(answer, "next");
        ++reading.pages;
        server.clock.time += Millis{1'000};
        if (meanwhile) meanwhile();
    } while (!cursor.empty());
    return reading;
}

const std::vector<std::string> lists{"/v1/users",         "/v1/sessions",
                                     "/v1/api-keys",      "/v1/roles",
                                     "/v1/credentials",   "/v1/audit-log",
                                     "/v1/conversations", "/v1/usage?by=turn&since=2026-05-28T00:00:00.000Z",
                                     "/v1/budgets",       "/v1/companies"};

}  // namespace

TEST_CASE("the pages of every list hold every row of the shop once, whatever their size") {
    SeededRandom random{11};
    for (int round = 0; round < 5; ++round) {
        Server server;
        fill(server.requests.rows, static_cast<int>(random.below(40)), random);
        for (const auto& path : lists) {
            CAPTURE(path);
            const auto whole = read_all(server, path, 200).items;
            for (const int limit : {1, 2, 7, static_cast<int>(random.below(50)) + 1}) {
                CAPTURE(limit);
                const auto reading = read_all(server, path, limit);
                CHECK(reading.items == whole);
                const auto full = (std::ssize(whole) + limit - 1) / limit;
                CHECK(reading.pages == std::max<std::ptrdiff_t>(1, full));
            }
        }
    }
}

TEST_CASE("rows that come meanwhile move none of those that were there") {
    SeededRandom random{12};
    for (const auto& path : lists) {
        CAPTURE(path);
        Server server;
        fill(server.requests.rows, 30, random);
        const auto before = read_all(server, path, 200).items;
        const auto reading = read_all(server, path, 3, [&] { fill(server.requests.rows, 3, random); });
        for (const auto& item : before) {
            CAPTURE(item);
            CHECK(std::ranges::count(reading.items, item) == 1);
        }
    }
}

TEST_CASE("a cursor is good for its own list, filter and shop only") {
    SeededRandom random{13};
    Server server;
    fill(server.requests.rows, 30, random);
    const auto first = server.ask("GET", "/v1/audit-log?subject=user:even&limit=2");
    const std::string cursor = member(first, "next");
    REQUIRE_FALSE(cursor.empty());
    CHECK(server.ask("GET", "/v1/audit-log?subject=user:even&limit=5&cursor=" + cursor).status == 200);
    CHECK(server.ask("GET", "/v1/audit-log?subject=user:odd&cursor=" + cursor).status == 400);
    CHECK(server.ask("GET", "/v1/audit-log?cursor=" + cursor).status == 400);
    CHECK(server.ask("GET", "/v1/users?cursor=" + cursor).status == 400);
    CHECK(server.ask("GET", "/v1/audit-log?subject=user:even&cursor=" + cursor, "other").status == 400);
}

TEST_CASE("the audit log is exported line by line, with a cursor where more is left") {
    SeededRandom random{14};
    Server server;
    fill(server.requests.rows, 12'000 * 3 / 2, random);
    const auto first = server.ask("GET", "/v1/audit-log/export");
    CHECK(first.content_type == "application/x-ndjson");
    CHECK(std::ranges::count(first.body, '\n') == 10'000);
    const std::string cursor = header(first, "Next-Cursor");
    REQUIRE_FALSE(cursor.empty());
    const auto rest = server.ask("GET", "/v1/audit-log/export?cursor=" + cursor);
    CHECK(std::ranges::count(rest.body, '\n') == 2'000);
    CHECK(header(rest, "Next-Cursor") == "");
}

TEST_CASE("fewer lines are exported at once where they are long, as an agent's with its prompts are") {
    SeededRandom random{15};
    Server server;
    fill(server.requests.rows, 900, random);
    for (auto& [tenant, row] : server.requests.rows.audit) row.after = '"' + std::string(50'000, 'p') + '"';
    const auto first = server.ask("GET", "/v1/audit-log/export");
    CHECK(first.body.size() < 16 << 20);
    const std::string cursor = header(first, "Next-Cursor");
    REQUIRE_FALSE(cursor.empty());
    CHECK(server.ask("GET", "/v1/audit-log/export?cursor=" + cursor).status == 200);
}

TEST_CASE("the installation's shops come in pages too") {
    Server server;
    for (int n = 3; n <= 9; ++n) {
        const TenantId id{n};
        server.requests.rows.tenants[id] = {id, "s" + std::to_string(n), "S", "es", {}, at(0)};
    }
    std::string cursor;
    std::size_t seen = 0;
    do {
        const auto page =
            server.ask("GET", "/v1/tenants?limit=4" + (cursor.empty() ? std::string() : "&cursor=" + cursor),
                       "operator");
        REQUIRE(page.status == 200);
        seen += items_of(page.body).size();
        cursor = member(page, "next");
    } while (!cursor.empty());
    CHECK(seen == 9);
}
