#include "tests/faults/books.hpp"

#include <doctest/doctest.h>

namespace relevo::faults {
namespace {

// Ana says "one" and "two", the agent answers both in a turn of two bubbles; Ben says "hi" and is answered.
struct Story {
    std::vector<Said> said{{Said::Kind::message, "e1", "shop/ana", "one"},
                           {Said::Kind::message, "e2", "shop/ana", "two"},
                           {Said::Kind::message, "e3", "shop/ben", "hi"}};
    std::vector<Bubble> bubbles{
        {"shop/ana", "re one", "r1"}, {"shop/ben", "re hi", "r3"}, {"shop/ana", "re two", "r2"}};
    Rows rows{
        {{"e1", "c1", 1, "t1"}, {"e2", "c1", 2, "t1"}, {"e3", "c2", 1, "t2"}},
        {{"c1", 0}, {"c2", 0}},
        {{"t1", "answered", "", ""}, {"t2", "answered", "", ""}},
        {{"r1", "c1", "t1", "re one", "sent", "", 2, 0},
         {"r2", "c1", "t1", "re two", "sent", "", 2, 1},
         {"r3", "c2", "t2", "re hi", "sent", "", 1, 0}},
        {},
        {},
    };
    Books books() const { return balance(said, bubbles, rows); }
};

}  // namespace

TEST_CASE("when all is well every message is answered and nothing is found") {
    const Books books = Story().books();
    CHECK(books.balance());
    CHECK(books.accepted == 3);
    CHECK(books.answered == 3);
    CHECK(books.bubbles == 3);
    CHECK(books.findings.empty());
}

TEST_CASE("a message that was acknowledged and never stored is lost") {
    Story story;
    story.rows.messages.erase(story.rows.messages.begin());
    CHECK(story.books().lost == 1);
    CHECK(story.books().findings.front() == "lost: e1 of shop/ana: was never stored");
}

TEST_CASE("a message that no turn claimed is lost, unless a human had the conversation") {
    Story story;
    story.rows.messages[1].turn = "";
    CHECK(story.books().lost == 1);
    story.rows.conversations[0].handled_seq = 2;
    CHECK(story.books().lost == 0);
    CHECK(story.books().human_handled == 1);
}

TEST_CASE("a turn that never ended loses its messages") {
    Story story;
    story.rows.turns[0].status = "open";
    CHECK(story.books().lost == 2);
}

TEST_CASE("a message that its turn's answer leaves out is lost") {
    Story story;
    story.rows.replies[1].text = "re something else";
    story.bubbles[2].text = "re something else";
    CHECK(story.books().lost == 1);
}

TEST_CASE("a bubble that still waits is lost, and so is its message") {
    Story story;
    story.rows.replies[1].status = "pending";
    story.bubbles.pop_back();
    CHECK(story.books().lost == 2);
}

TEST_CASE("a bubble that is noted as sent and that the provider never saw is lost") {
    Story story;
    story.bubbles.pop_back();
    CHECK(story.books().lost == 1);
}

TEST_CASE("a bubble that the provider accepted twice is a duplicate") {
    Story story;
    story.bubbles.push_back(story.bubbles.back());
    const Books books = story.books();
    CHECK(books.duplicated == 2);  // the bubble, and the message that it answers
    CHECK(books.lost == 0);
}

TEST_CASE("a message that two turns answer is a duplicate, unless one supersedes the other") {
    Story story;
    story.rows.turns.push_back({"t3", "answered", "", ""});
    story.rows.replies.push_back({"r4", "c1", "t3", "re one", "sent", "", 3, 0});
    story.bubbles.push_back({"shop/ana", "re one", "r4"});
    CHECK(story.books().duplicated == 1);
    story.rows.turns[0] = {"t1", "superseded", "", "t3"};
    story.rows.replies.push_back({"r5", "c1", "t3", "re two", "sent", "", 3, 1});
    story.bubbles.push_back({"shop/ana", "re two", "r5"});
    CHECK(story.books().duplicated == 0);
    CHECK(story.books().superseded == 2);
}

TEST_CASE("a bubble that was dropped and sent all the same is a duplicate") {
    Story story;
    story.rows.replies[1].status = "dropped";
    story.rows.replies[1].reason = "human";
    CHECK(story.books().duplicated == 1);
    CHECK(story.books().human_handled == 1);
}

TEST_CASE("a bubble that nobody decided on is a duplicate") {
    Story story;
    story.bubbles.push_back({"shop/ana", "boo", "r99"});
    CHECK(story.books().duplicated == 1);
}

TEST_CASE("bubbles that change places are reordered") {
    Story story;
    std::swap(story.bubbles[0], story.bubbles[2]);
    CHECK(story.books().reordered == 1);
}

TEST_CASE("messages that change places are reordered, those of two people are not") {
    Story story;
    std::swap(story.rows.messages[0].seq, story.rows.messages[1].seq);
    CHECK(story.books().reordered == 1);
    Story others;
    std::swap(others.said[1], others.said[2]);
    CHECK(others.books().reordered == 0);
}

TEST_CASE("an unknown bubble is counted, whether or not the customer has it") {
    Story story;
    story.rows.replies[1].status = "unknown";
    CHECK(story.books().unknown == 1);
    CHECK(story.books().balance());
    story.bubbles.pop_back();
    CHECK(story.books().balance());
    CHECK(story.books().answered == 3);
}

TEST_CASE("what is no message ends as dropped, in the archive, or as a dead letter") {
    Story story;
    story.said.push_back({Said::Kind::reaction, "e4", "shop/ana", "+"});
    story.said.push_back({Said::Kind::echo, "e5", "shop/ana", "I am here"});
    story.said.push_back({Said::Kind::strange, "e6", "shop/ana", ""});
    story.said.push_back({Said::Kind::stray, "e7", "nobody/ana", "hello"});
    CHECK(story.books().lost == 4);
    story.rows.messages.push_back({"e4", "c1", 3, ""});
    story.rows.messages.push_back({"e5", "c1", 4, ""});
    story.rows.archived.push_back("e6");
    story.rows.letters.push_back({"resolve", "resolve.unknown_account", R"({"event_id":"e7"})"});
    const Books books = story.books();
    CHECK(books.lost == 0);
    CHECK(books.dead == 1);
    CHECK(books.dropped ==
          std::map<std::string, std::int64_t>{{"archived", 1}, {"owner's echo", 1}, {"reaction", 1}});
}

TEST_CASE("a failed turn's messages are dead, a dropped one's have its reason") {
    Story story;
    story.rows.turns[0] = {"t1", "failed", "model.refused", ""};
    story.rows.turns[1] = {"t2", "dropped", "human", ""};
    const Books books = story.books();
    CHECK(books.dead == 2);
    CHECK(books.human_handled == 1);
}

}  // namespace relevo::faults
