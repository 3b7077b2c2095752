#include "tests/cli/healthy.hpp"

using namespace relevo;
using namespace relevo::testing;

TEST_CASE_FIXTURE(Healthy, "of shops, Redis and what waits nothing is said while all is well") {
    CHECK(complaints(redis_checks(), cache, *this) == "");
    CHECK(complaints(pause_checks(), stopped, *this) == "");
    CHECK(complaints(waiting_checks(), held, *this) == "");
    CHECK(complaints(credential_checks(), sealed, *this) == "");
    CHECK(complaints(account_checks(), known, *this) == "");
    CHECK(complaints(address_checks(), healthz, *this) == "");
}

TEST_CASE_FIXTURE(Healthy, "a Redis that is too old, or that refuses when it is full, is told") {
    cache.version = "6.2.1";
    check_one(complaints(redis_checks(), cache, *this), "Redis version: wrong: ", {"6.2.1"});
    cache.version = "8.0.0";
    cache.eviction = "noeviction";
    check_one(complaints(redis_checks(), cache, *this), "Redis memory: warning: ", {"allkeys-lru"});
    cache.max_memory = 0;
    CHECK(complaints(redis_checks(), cache, *this) == "");
}

TEST_CASE_FIXTURE(Healthy,
                  "a pause is told with its time, who made it and why, and the command that ends it") {
    stopped = {{"relay", "", "ana", "wrong prices", from_millis(1'780'000'000'000)}};
    check_one(complaints(pause_checks(), stopped, *this), "pauses: warning: ",
              {"relay is paused for all shops since 2026-05-28T20:26:40", " by ana: wrong prices",
               "> relevo resume relay\n"});
    stopped = {{"infer", "ballet", "root", "", {}}};
    check_one(complaints(pause_checks(), stopped, *this), "pauses: warning: ",
              {"infer is paused for ballet since ", "relevo resume infer --tenant ballet"});
}

TEST_CASE_FIXTURE(Healthy, "dead letters are told by stage, with the command that lists them") {
    held.dead_letters = {{"infer", 3}};
    check_one(complaints(waiting_checks(), held, *this),
              "dead letters: warning: ", {"3 dead letters of infer", "relevo dead list --stage infer"});
}

TEST_CASE_FIXTURE(Healthy, "timers that nobody wakes are wrong after a minute") {
    held.overdue_timers = 2;
    held.longest_overdue = Millis{59'000};
    CHECK(complaints(waiting_checks(), held, *this) == "");
    held.longest_overdue = Millis{600'000};
    check_one(complaints(waiting_checks(), held, *this),
              "timers: wrong: ", {"2 timers", "600 s", "relevo run wake"});
}

TEST_CASE_FIXTURE(Healthy, "a connection that Meta refuses, or that nobody renews, is wrong") {
    held.connections = {{"ballet", "facebook", "meta.bad_token"}};
    check_one(complaints(waiting_checks(), held, *this), "connections to Meta: wrong: ",
              {"ballet's facebook", "meta.bad_token", "/v1/meta-connections"});
    held.connections = {{"ballet", "instagram", ""}};
    check_one(complaints(waiting_checks(), held, *this),
              "connections to Meta: wrong: ", {"ballet's instagram", "relevo run ingress"});
}

TEST_CASE_FIXTURE(Healthy, "an operator's role that may do more than read is wrong") {
    held.role.bypasses_policies = true;
    check_one(complaints(waiting_checks(), held, *this), "operator's role: wrong: ", {"relevo_operator"});
}

TEST_CASE_FIXTURE(Healthy, "a credential that does not open is named by shop, category and name") {
    sealed.push_back({"ferreteria", "whatsapp_cloud", "ACCESS_TOKEN", false});
    check_one(complaints(credential_checks(), sealed, *this), "credentials: wrong: ",
              {"ferreteria's credential whatsapp_cloud ACCESS_TOKEN", "relevo shops apply"});
}

TEST_CASE_FIXTURE(Healthy, "a token that is missing, refused or not to be asked about is told") {
    known.front().has_token = false;
    check_one(complaints(account_checks(), known, *this),
              "tokens: wrong: ", {"ballet's telegram account 777"});
    known.front().has_token = true;
    known.front().check.token = AccountCheck::Token::refused;
    known.front().check.text = "401: Unauthorized";
    check_one(complaints(account_checks(), known, *this), "tokens: wrong: ", {"401: Unauthorized", "renew"});
    known.front().check.token = AccountCheck::Token::unknown;
    check_one(complaints(account_checks(), known, *this), "tokens: warning: ", {"cannot be said"});
}

TEST_CASE_FIXTURE(Healthy,
                  "offline a token and a webhook's address are skipped, and a missing token is wrong") {
    offline = true;
    known.front().check = {};
    known.push_back({"ballet", "web", "ballet", "", true, {}});  // nobody to ask
    CHECK(complaints(account_checks(), known, *this) ==
          "tokens: skipped: 1 tokens: nobody was asked > relevo doctor without --offline\n"
          "webhooks: skipped: 1 webhook addresses: nobody was asked > relevo doctor without --offline\n");
    known.front().has_token = false;
    CHECK(complaints(account_checks(), known, *this).starts_with("tokens: wrong: "));
    known.erase(known.begin());
    CHECK(complaints(account_checks(), known, *this) == "");
}

TEST_CASE_FIXTURE(
    Healthy, "a webhook that goes elsewhere, nowhere or not through is told without showing an address") {
    known.front().check.webhook = "https://old.example/webhooks/telegram/secret-key";
    const std::string elsewhere = complaints(account_checks(), known, *this);
    check_one(elsewhere, "webhooks: wrong: ", {"another address", "relevo shops list"});
    CHECK(elsewhere.find("secret-key") == std::string::npos);
    known.front().check.webhook = "";
    check_one(complaints(account_checks(), known, *this), "webhooks: wrong: ", {"nowhere"});
    known.front().check.webhook = "https://relevo.example/webhooks/telegram/k";
    known.front().check.webhook_problem = "Connection refused";
    check_one(complaints(account_checks(), known, *this), "webhooks: warning: ", {"Connection refused"});
    known.front().check = {AccountCheck::Token::unknown, "no route", {}, {}};
    const std::string unheard = complaints(account_checks(), known, *this);
    CHECK(unheard.find("webhooks: skipped: 1 webhook addresses: their providers do not answer") !=
          unheard.npos);
}

TEST_CASE_FIXTURE(Healthy, "a public address at which something else answers, or a stuck process, is wrong") {
    healthz.status = 404;
    check_one(complaints(address_checks(), healthz, *this), "public address answers: wrong: ", {"404"});
    healthz.status = 503;
    check_one(complaints(address_checks(), healthz, *this), "public address answers: wrong: ", {"stuck"});
}
