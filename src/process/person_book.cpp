#include "process/person_book.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/await.hpp"
#include "core/log.hpp"
#include "postgres/erasure_keys.hpp"
#include "postgres/operator_books.hpp"
#include "postgres/person_export.hpp"
#include "postgres/persons.hpp"
#include "postgres/request_database.hpp"
#include "postgres/shop_names.hpp"
#include "process/erasure_journal.hpp"
#include "process/shared.hpp"

namespace relevo {
namespace {

DatabaseConfig own_database(const Config& config, const std::string& user, Millis deadline) {
    DatabaseConfig out =
        user.empty() ? database_config(config.postgres_url) : operator_database(config.postgres_url, user);
    out.connections = 1;
    out.deadline = deadline;
    return out;
}

class PostgresPersonBook final : public PersonBook {
  public:
    PostgresPersonBook(const Config& config, const std::string& user, PersonLimits limits)
        : config_(config),
          database_(own_database(config, user, limits.database)),
          masters_(master_keys(config)),
          vault_(database_, masters_),
          journal_(kafka_settings(config), masters_, await(installation_id(database_)), limits.log) {}

    KnownPerson find(const std::string& shop, const PersonName& name) override {
        const TenantId tenant = tenant_of(shop);
        return await(read_person(database_, tenant, name, the_contact(tenant, name), true));
    }

    Erased erase(const std::string& shop, const PersonName& name, const std::string& by,
                 const TellLooked& tell) override {
        const TenantId tenant = tenant_of(shop);
        read_journal();
        apply_erasures({tenant, shop, {}});  // the key that the log knows, before another one is drawn
        const KnownPerson person =
            await(read_person(database_, tenant, name, the_contact(tenant, name), false));
        auto erased = erase_all(database_, tenant, person, by, tell);
        if (!erased) throw Failure(erased.error());
        return std::move(*erased);
    }

    // One who is gone was erased under the mark of their id.
    Result<Erased> erase_contact(TenantId tenant, const std::string& contact, const Actor& actor) {
        read_journal();
        apply_erasures({tenant, "shop " + tenant.to_string(), {}});
        const PersonName name{contact, {}, {}};
        if (await(find_contacts(database_, tenant, name)).empty()) {
            const Secret key =
                await(vault_.find(tenant, std::string(erasure_key_category), std::string(erasure_key_name)));
            const auto gone =
                key.empty() ? std::nullopt : await(find_erasure(database_, tenant, key, contact));
            if (gone) return *gone;
            return Error{Fault::permanent, "person.unknown", "there is no contact " + contact};
        }
        const KnownPerson person = await(read_person(database_, tenant, name, contact, false));
        RequestDatabase acting(database_, std::nullopt);
        acting.act_as(actor);
        return erase_all(acting, tenant, person, actor.kind + " " + actor.id, [](double) {});
    }

    void write(const std::string& shop, const PersonName& name, const WriteText& out) override {
        const TenantId tenant = tenant_of(shop);
        const std::string contact = the_contact(tenant, name);
        if (contact.empty()) {
            throw Failure({Fault::permanent, "person.unknown", "nobody is known by that name"});
        }
        export_person(config_.postgres_operator_text_url, tenant, shop, contact, out);
    }

    std::int64_t reapply() override {
        read_journal();
        std::int64_t applied = 0;
        std::optional<Failure> first;
        for (const auto& shop : await(list_shop_names(database_))) {
            try {
                applied += apply_erasures(shop);
            } catch (const Failure& failure) {
                if (failure.error().fault == Fault::transient) throw;
                if (!first) first = failure;  // one shop's own: the others' people are no less erased
            }
        }
        if (first) throw *first;
        return applied;
    }

  private:
    Result<Erased> erase_all(Database& database, TenantId tenant, const KnownPerson& person,
                             const std::string& by, const TellLooked& tell) {
        if (person.contacts.size() > most_contacts_of_person) {
            return too_many_contacts();
        }
        const Secret key = await(ensure_erasure_key(database, vault_, tenant, random_));
        const ErasureNote note{tenant, drawn_id(), SystemClock().now(), by, {}};
        return await(erase_person(database, note, person, key, keeping(key), tell));
    }

    void read_journal() {
        journaled_.clear();
        for (auto& entry : journal_.read()) {
            kept_[entry.note.erasure] = {entry.note.marks.size(), entry.note.erased_at};
            journaled_[entry.note.tenant].push_back(std::move(entry));
        }
    }

    // How many of the shop's were brought to their end.
    std::int64_t apply_erasures(const ShopName& shop) {
        learn(shop, journaled_[shop.tenant]);
        const auto open = await(open_erasures(database_, shop.tenant));
        if (open.empty()) return 0;
        const Secret key =
            await(vault_.find(shop.tenant, std::string(erasure_key_category), std::string(erasure_key_name)));
        if (key.empty()) {
            throw Failure({Fault::permanent, "person.no_key",
                           shop.slug + ": the key of its erasures is not in the vault: nobody can tell whom "
                                       "they are of. Restore the table credentials from a backup"});
        }
        return await(finish_erasures(database_, shop.tenant, open, key, keeping(key)));
    }

    TellNoted keeping(const Secret& key) {
        return [this, key](const ErasureNote& note) {
            const std::pair now{note.marks.size(), note.erased_at};
            if (kept_[note.erasure] == now) return;
            journal_.write(note, key);
            kept_[note.erasure] = now;
        };
    }

    // What the log knows of the shop, and the database not.
    void learn(const ShopName& shop, const std::vector<ErasureJournal::Entry>& entries) {
        if (entries.empty()) return;
        std::vector<ErasureNote> notes;
        for (const auto& entry : entries) notes.push_back(entry.note);
        const auto unknown = await(unknown_erasures(database_, shop.tenant, notes));
        if (unknown.empty()) return;
        restore_key(shop, entries);
        for (const auto& note : notes) {
            if (std::ranges::find(unknown, note.erasure) == unknown.end()) continue;
            await(note_erasure(database_, note));
            log_info("erasure.learned", {{"tenant", shop.tenant.value}, {"erasure", note.erasure}});
        }
    }

    void restore_key(const ShopName& shop, const std::vector<ErasureJournal::Entry>& entries) {
        for (const auto& entry : entries) {
            if (entry.key.empty()) continue;
            if (await(restore_erasure_key(database_, vault_, shop.tenant, entry.key))) return;
            throw Failure({Fault::permanent, "person.other_key",
                           shop.slug + ": somebody was erased in this database under another key than the "
                                       "log's, before its erasures were applied: restore it again, and run "
                                       "relevo person reapply first"});
        }
        throw Failure({Fault::permanent, "person.no_key",
                       shop.slug + ": the master key that sealed the log's erasures is gone: put it into the "
                                   "key file again, then relevo person reapply"});
    }

    TenantId tenant_of(const std::string& slug) { return await(require_shop(database_, slug)); }

    // Empty: nobody.
    std::string the_contact(TenantId tenant, const PersonName& name) {
        const auto contacts = await(find_contacts(database_, tenant, name));
        if (contacts.size() > 1) {
            throw Failure({Fault::permanent, "person.several",
                           fmt::format("that may be several: {}; name one of them by this id",
                                       fmt::join(contacts, ", "))});
        }
        if (contacts.empty() && !name.contact.empty()) {
            throw Failure({Fault::permanent, "person.unknown", "there is no contact " + name.contact});
        }
        return contacts.empty() ? std::string() : contacts.front();
    }

    std::string drawn_id() { return format_uuid(hash_uuid("erasure", {random_.hex(16)})); }

    const Config config_;
    Database database_;
    std::shared_ptr<MasterKeys> masters_;
    PostgresVault vault_;
    ErasureJournal journal_;
    std::map<TenantId, std::vector<ErasureJournal::Entry>> journaled_;
    std::map<std::string, std::pair<std::size_t, SysTime>> kept_;  // in the log: marks and time of each
    SystemRandom random_;
};

}  // namespace

std::unique_ptr<PersonBook> make_person_book(const Config& config, const std::string& user,
                                             PersonLimits limits) {
    return std::make_unique<PostgresPersonBook>(config, user, limits);
}

Result<Erased> erase_contact(const Config& config, TenantId tenant, CrmId contact, const Actor& actor,
                             PersonLimits limits) {
    return PostgresPersonBook(config, {}, limits).erase_contact(tenant, contact.to_string(), actor);
}

}  // namespace relevo
