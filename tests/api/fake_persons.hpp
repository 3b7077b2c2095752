#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/person_store.hpp"

namespace relevo::testing {

/// What is kept of contacts, and who asked for it.
struct PersonRows {
    std::map<std::pair<TenantId, CrmId>, std::vector<std::string>> rows;  ///< JSON
    std::optional<Error> refusal;
    std::vector<Actor> actors;
};

class FakePersonStore final : public PersonStore {
  public:
    explicit FakePersonStore(PersonRows& rows) : rows_(rows) {}

    Task<Result<PersonPage>> export_page(TenantId tenant, CrmId contact, std::string after, int limit,
                                         Actor actor) override {
        if (rows_.refusal) co_return *rows_.refusal;
        const auto found = rows_.rows.find({tenant, contact});
        if (found == rows_.rows.end()) co_return Error{Fault::permanent, "person.unknown", "there is none"};
        PersonPage page;
        rows_.actors.push_back(actor);
        page.log_subject = "contact:drawn";
        std::size_t from = after.empty() ? 0 : std::stoul(after);
        for (; from < found->second.size() && std::ssize(page.items) < limit; ++from) {
            page.items.push_back(R"({"table":"messages","row":)" + found->second[from] + "}");
        }
        if (from < found->second.size()) page.next = std::to_string(from);
        co_return page;
    }

  private:
    PersonRows& rows_;
};

/// Erases whom a test has put there; afterwards it says so again.
class FakeErasure final : public PersonErasure {
  public:
    std::map<std::pair<TenantId, CrmId>, bool> contacts;  ///< whether they are gone
    std::optional<Error> refusal;
    std::optional<Failure> broken;
    std::vector<Actor> actors;

    Task<Result<Erased>> erase(TenantId tenant, CrmId contact, Actor actor) override {
        if (broken) throw Failure(*broken);
        if (refusal) co_return *refusal;
        const auto found = contacts.find({tenant, contact});
        if (found == contacts.end()) co_return Error{Fault::permanent, "person.unknown", "there is none"};
        if (!found->second) actors.push_back(actor);
        found->second = true;
        co_return Erased{
            "00000000-0000-4000-8000-0000000000ee", from_millis(1'780'000'000'000), {{"messages", 3}}};
    }
};

}  // namespace relevo::testing
