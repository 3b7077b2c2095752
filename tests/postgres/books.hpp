#pragma once

#include <string>

#include "postgres/operator_books.hpp"
#include "tests/postgres/fixture.hpp"

namespace relevo::testing {

/// The fixture with the operator's books, and one message of each end.
struct BooksBench : Fixture {
    OperatorUrls urls{Secret(test.operator_url()), Secret(test.operator_text_url())};

    Audit audit(AuditRequest request = {}) {
        if (request.now == SysTime{}) request.now = at(100'000);
        request.bound = Millis{600'000};
        return make_audit_book(urls)->audit(request, [](double, const Audit&) {});
    }
    /// "answered 1, human 1"
    static std::string ends(const Audit& audit) {
        std::string out;
        for (const auto& [end, reasons] : audit.counts) {
            std::int64_t count = 0;
            for (const auto& [reason, of_reason] : reasons) count += of_reason;
            out += (out.empty() ? "" : ", ") + end + " " + std::to_string(count);
        }
        return out;
    }
    StoredMessage from(const std::string& person, SysTime when = at(0)) {
        return store("wamid." + person, "canary " + person, when, person);
    }
    ReplyId answered(const std::string& person, bool deliver = true) {
        const auto stored = from(person);
        const auto reply = answer(claim(stored, at(16)), {"canary out"}, at(17)).front();
        if (deliver) accept(ask(reply, at(18)), "out." + person, at(19));
        return reply;
    }
    /// `id`: the record's; empty for one that came without.
    void dead(const std::string& topic, const std::string& key, const std::string& value,
              const std::string& code) {
        dead(topic, key, value, code, std::to_string(offset + 1));
    }
    void dead(const std::string& topic, const std::string& key, const std::string& value,
              const std::string& code, const std::string& id) {
        DeadLetter letter;
        letter.stage = "buffer";
        letter.topic = topic;
        letter.key = key;
        letter.value = value;
        letter.offset = {++offset};
        letter.headers = id.empty() ? "{}" : "{\"ce_id\":\"" + id + "\"}";
        letter.code = code;
        letter.text = "what was wrong";
        run(make_dead_letters(database)->bury({letter}));
    }
    std::int64_t offset = 0;
};

}  // namespace relevo::testing
