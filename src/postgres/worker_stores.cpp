#include <sodium.h>

#include "core/ids.hpp"
#include "core/json_object.hpp"
#include "postgres/codec.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"
#include "postgres/timer_json.hpp"

namespace relevo {
namespace {

std::string base64(std::string_view bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();  // its terminating zero
    return text;
}

class PostgresDeadLetters final : public DeadLetters {
  public:
    explicit PostgresDeadLetters(Database& database) : database_(database) {}

    Task<void> bury(std::vector<DeadLetter> letters) override {
        std::vector<std::pair<TenantId, std::string>> requests;
        for (const auto& letter : letters) {
            // key and value are bytes as they were read: nobody promised that they are text
            requests.emplace_back(tenant_of_key(letter.key), JsonObject()
                                                                 .text("stage", letter.stage)
                                                                 .text("topic", letter.topic)
                                                                 .number("partition", letter.partition)
                                                                 .number("offset", letter.offset.value)
                                                                 .text("key_base64", base64(letter.key))
                                                                 .text("value_base64", base64(letter.value))
                                                                 .text("headers", letter.headers)
                                                                 .text("code", letter.code)
                                                                 .text("text", letter.text)
                                                                 .number("attempts", letter.attempts)
                                                                 .str());
        }
        co_await database_.call_all("bury", std::move(requests));
    }

  private:
    Database& database_;
};

class PostgresTimers final : public Timers {
  public:
    explicit PostgresTimers(Database& database) : database_(database) {}

    Task<void> park(Timer timer) override {
        std::string request = timer_json(timer).str();
        co_await database_.call("park", tenant_of_key(timer.record.key), std::move(request));
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<DeadLetters> make_dead_letters(Database& database) {
    return std::make_unique<PostgresDeadLetters>(database);
}

std::unique_ptr<Timers> make_timers(Database& database) {
    return std::make_unique<PostgresTimers>(database);
}

Task<std::string> installation_id(Database& database) {
    const std::string result = co_await database.call("installation", TenantId{}, "{}");
    co_return Json::parse(result).text();
}

}  // namespace relevo
