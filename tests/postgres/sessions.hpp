#pragma once

#include "tests/postgres/people.hpp"

namespace relevo::testing {

inline NewProof password(const std::string& hash) {
    return {hash, "", ""};
}

/// Whose users all have the password "h1".
struct Sessions : PeopleFixture {
    void sign_up(int n, const std::string& email) { add_with_password(ballet, n, email, "h1"); }
    std::optional<Person> begin(int session, int user = 1, SysTime now = at(0),
                                const std::string& proven = "h1") {
        const NewSession begun{nth<SessionId>(session),
                               hash_of("session " + std::to_string(session)),
                               "last",
                               now,
                               now + Millis{1'000'000},
                               proven};
        return run(sign_in->begin_session(ballet, nth<UserId>(user), begun));
    }
    std::optional<StoredSession> open(int session, SysTime now, Millis idle = Millis{100'000}) {
        return run(sign_in->find_session(hash_of("session " + std::to_string(session)), now, idle));
    }
};

}  // namespace relevo::testing
