#include "core/json_object.hpp"
#include "postgres/actor_json.hpp"
#include "postgres/ask.hpp"
#include "postgres/request_stores.hpp"

namespace relevo {
namespace {

// op_export_contact of migrations/0052_person_contacts.sql.
class PostgresPersonStore final : public PersonStore {
  public:
    explicit PostgresPersonStore(Database& database) : database_(database) {}

    Task<Result<PersonPage>> export_page(TenantId tenant, CrmId contact, std::string after, int limit,
                                         Actor actor) override {
        std::string request = JsonObject()
                                  .raw("actor", actor_json(actor))
                                  .id("contact", contact)
                                  .text_if_any("after", after)
                                  .number("limit", limit)
                                  .str();
        const Json found = co_await ask(database_, "export_contact", tenant, std::move(request));
        if (found.null()) {
            co_return Error{Fault::permanent, "person.unknown", "there is no contact " + contact.to_string()};
        }
        if (!found["contacts"].null()) co_return too_many_contacts();
        PersonPage page;
        for (const auto& item : found["items"].items()) page.items.push_back(item.source());
        page.next = found.text("next");
        page.log_subject = found.text("log_subject");
        co_return page;
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<PersonStore> make_person_store(Database& database) {
    return std::make_unique<PostgresPersonStore>(database);
}

}  // namespace relevo
