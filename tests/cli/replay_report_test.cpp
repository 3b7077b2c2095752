#include <doctest/doctest.h>

#include <fstream>

#include "cli/command_line.hpp"
#include "cli/replay.hpp"

using namespace relevo;

namespace {

ReplayedTurn turn(std::string before, std::string after) {
    ReplayedTurn out;
    out.shop = "pointe";
    out.question = "¿hay <b>puntas</b>?";
    out.before = {"openai", "old", std::move(before), "stop", {}, {100, 20, true}};
    out.after = {"openai", "new", std::move(after), "stop", {}, {90, 30, true}};
    out.before.cost.unpriced = 1;
    out.after.cost.micros = {{"USD", 1'250}};
    if (out.before.text != out.after.text) out.differences = {"answer"};
    return out;
}

TurnReport report(bool text) {
    TurnReport out{
        "model new", {turn("Sí, claro.", "Sí, claro."), turn("Sí.", "<script>alert(1)</script>")}, 4, text};
    ReplayedTurn failed = turn("Sí.", "");
    failed.differences.clear();
    failed.failed = Error{Fault::transient, "model.unavailable", "no answer"};
    out.turns.push_back(std::move(failed));
    return out;
}

}  // namespace

TEST_CASE("a replay's report counts what is the same, what differs and what failed") {
    const auto sum = total(report(false).turns);
    CHECK(sum.same == 1);
    CHECK(sum.different == 1);
    CHECK(sum.failed == 1);
    CHECK(sum.before.input_tokens == 200);
    CHECK(sum.after.output_tokens == 60);
    const std::string text = show_turns(report(false));
    CHECK(text.find("interrupted after 3 of 4 turns") != std::string::npos);
    CHECK(text.find("1 the same, 1 different, 1 failed") != std::string::npos);
    CHECK(text.find("cost before not known, after 0.0025 USD") != std::string::npos);
    CHECK(turns_json(report(false)).find(R"("cost":{"amounts":[],"unpriced_calls":2})") != std::string::npos);
    CHECK(turns_json(report(false))
              .find(R"("cost":{"amounts":[{"currency":"USD","amount_micros":2500}],"unpriced_calls":0})") !=
          std::string::npos);
    CHECK(turns_page(report(false)).find("0.0025 USD") != std::string::npos);
}

TEST_CASE("nobody's words are in a report that was not asked for them") {
    for (const auto& shown :
         {show_turns(report(false)), turns_json(report(false)), turns_page(report(false))}) {
        CHECK(shown.find("claro") == std::string::npos);
        CHECK(shown.find("puntas") == std::string::npos);
    }
    for (const auto& shown : {show_turns(report(true)), turns_json(report(true)), turns_page(report(true))}) {
        CHECK(shown.find("claro") != std::string::npos);
        CHECK(shown.find("puntas") != std::string::npos);
    }
}

TEST_CASE("the page loads nothing, runs nothing, and no text becomes markup") {
    const std::string page = turns_page(report(true));
    CHECK(page.find("<script") == std::string::npos);
    CHECK(page.find("&lt;script&gt;alert(1)&lt;/script&gt;") != std::string::npos);
    CHECK(page.find("<b>puntas") == std::string::npos);
    for (const auto* foreign : {"http:", "https:", "src=", "href=", "url(", "@import"}) {
        CAPTURE(foreign);
        CHECK(page.find(foreign) == std::string::npos);
    }
}

TEST_CASE("a replayed record shows what would have followed, and its text only where that was asked for") {
    ReplayedWork work;
    work.records = {{3, Offset{17}, "1:c", "id-1", from_millis(0), "{\"text\":\"hola\"}"}};
    work.outcome = "failure";
    work.reason = "model.refused";
    work.emitted.push_back({"replies.ready", "1:c", "{}", {.id = "r1"}});
    work.effects = {{"send whatsapp", "{\"text\":\"hola\"}"}};
    const std::string shown = show_work(work, false);
    CHECK(shown.find("3:17") != std::string::npos);
    CHECK(shown.find("failure: model.refused, would be a dead letter") != std::string::npos);
    CHECK(shown.find("would emit replies.ready  1:c  r1") != std::string::npos);
    CHECK(shown.find("asked for send whatsapp") != std::string::npos);
    CHECK(shown.find("hola") == std::string::npos);
    CHECK(work_json(work, false).find("hola") == std::string::npos);
    CHECK(show_work(work, true).find("hola") != std::string::npos);
    CHECK(work_json(work, true).find("hola") != std::string::npos);
}
