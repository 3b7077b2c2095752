#include "tests/cli/healthy.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

using State = ModelCheck::State;

/// Whose one model is what a test changes.
struct Answering : Healthy {
    ModelFacts& model = answering.front();
    std::string complaint() const { return complaints(model_checks(), answering, *this); }
    std::string complaint(State state, std::string text) {
        model.check = {state, std::move(text)};
        return complaint();
    }
};

}  // namespace

TEST_CASE_FIXTURE(Answering, "of models nothing is said while they are there and take their keys") {
    CHECK(complaint() == "");
    answering.clear();
    CHECK(complaint() == "");
}

TEST_CASE_FIXTURE(Answering, "a key that the vault does not have is wrong, and the advice puts it there") {
    model.key = ModelFacts::Key::missing;
    for (const auto state : {State::unasked, State::refused, State::unknown}) {
        check_one(complaint(state, "401"), "models: wrong: ballet's model small of openai: ",
                  {"the vault has no openai API_KEY", "> relevo vault put ballet openai API_KEY < FILE\n"});
    }
    model.own_address = model.names_credentials = true;
    model.credentials = "other";
    check_one(complaint(), "models: wrong: ", {"relevo vault put ballet other API_KEY"});
}

TEST_CASE_FIXTURE(Answering, "a server of one's own may ask for no key, and where it does that is wrong") {
    model.own_address = true;
    model.key = ModelFacts::Key::missing;
    check_one(complaint(State::open, "10.0.0.1 shows its models"), "models: skipped: ", {"10.0.0.1"});
    check_one(complaint(State::refused, "10.0.0.1 answered 401"), "models: wrong: ",
              {"10.0.0.1 answered 401", "> relevo vault put ballet openai API_KEY < FILE\n"});
    model.credentials.clear();  // a fallback that names none
    check_one(complaint(), "models: wrong: ", {"10.0.0.1 answered 401", "credentials: CATEGORY"});
}

TEST_CASE_FIXTURE(Answering,
                  "a key that is refused is wrong, an unknown model or a silent provider a warning") {
    check_one(complaint(State::refused, "api.openai.com answered 401"),
              "models: wrong: ", {"answered 401", "> relevo vault put ballet openai API_KEY < FILE\n"});
    check_one(complaint(State::unlisted, "api.openai.com lists 40 models"),
              "models: warning: ", {"lists 40 models", "relevo shops apply"});
    check_one(complaint(State::unknown, "api.openai.com is not reachable"),
              "models: warning: ", {"is not reachable", "try again"});
    check_one(complaint(State::bad_address, "10.0.0.1 is no public address"),
              "models: wrong: ", {"10.0.0.1", "relevo shops apply"});
}

TEST_CASE_FIXTURE(Answering,
                  "an address that is none and a provider that nobody has are wrong, asked or not") {
    model.check = {};
    model.good_address = false;
    check_one(complaint(), "models: wrong: ", {"its base_url is no http or https URL"});
    model.known_provider = false;
    check_one(complaint(), "models: wrong: ", {"this installation has no such provider"});
}

TEST_CASE_FIXTURE(Answering,
                  "a model that a hard limit counts and that has no price is wrong, soon none a warning") {
    model.price = ModelFacts::Price::missing;
    check_one(complaint(), "prices: wrong: ballet's model small of openai", {"relevo prices apply"});
    model.price = ModelFacts::Price::ends;
    check_one(complaint(), "prices: warning: ", {"within a week", "relevo prices apply"});
    model.price = ModelFacts::Price::known;
    CHECK(complaint() == "");
}

TEST_CASE_FIXTURE(Answering, "what could not be asked is skipped, all that nobody asked in one line") {
    model.check = {};
    answering.push_back(model);
    check_one(complaint(), "models: skipped: 2 models: nobody was asked", {"without --offline"});
    answering.pop_back();
    answering.front().key = ModelFacts::Key::sealed;
    CHECK(complaints(model_checks(), answering, *this).starts_with("models: skipped: "));
}
