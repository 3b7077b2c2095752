#include "core/json_object.hpp"
#include "postgres/accounts.hpp"
#include "postgres/inference.hpp"
#include "postgres/json.hpp"
#include "postgres/stores.hpp"

namespace relevo {
namespace {

std::string completion_json(const Completion& completion) {
    const std::string usage = JsonObject()
                                  .number("input_tokens", completion.usage.input_tokens)
                                  .number("output_tokens", completion.usage.output_tokens)
                                  .flag("reported", completion.usage.reported)
                                  .str();
    std::vector<std::string> in_vain;
    for (const auto& [provider, model, code] : completion.in_vain) {
        in_vain.push_back(
            JsonObject().text("provider", provider).text("model", model).text("code", code).str());
    }
    return JsonObject()
        .text("text", completion.text)
        .text("finish_reason", completion.finish_reason)
        .text("provider", completion.provider)
        .text("model", completion.model)
        .raw("in_vain", json_array(in_vain))
        .text("response_id", completion.response_id)
        .raw("usage", usage)
        .str();
}

class PostgresInferStore final : public InferStore {
  public:
    explicit PostgresInferStore(Database& database) : database_(database) {}

    Task<Inference> load(TenantId tenant, TurnId turn, int step) override {
        std::string request = JsonObject().id("turn", turn).number("step", step).str();
        const std::string result = co_await database_.call("load_inference", tenant, std::move(request));
        co_return parse_inference(result);
    }

    Task<std::vector<ReplyId>> commit_answer(TenantId tenant, TurnId turn, int step, Completion completion,
                                             std::vector<std::string> bubbles, SysTime now) override {
        std::vector<std::string> items;
        for (std::size_t i = 0; i < bubbles.size(); ++i) {
            items.push_back(JsonObject()
                                .id("id", agent_reply_id(turn, static_cast<int>(i)))
                                .text("text", bubbles[i])
                                .str());
        }
        std::string request = JsonObject()
                                  .id("turn", turn)
                                  .number("step", step)
                                  .raw("completion", completion_json(completion))
                                  .raw("bubbles", json_array(items))
                                  .time("now", now)
                                  .str();
        const std::string result = co_await database_.call("commit_answer", tenant, std::move(request));
        co_return parse_replies(result);
    }

    Task<std::vector<ReplyId>> fail_turn(TenantId tenant, TurnId turn, std::string code,
                                         SysTime now) override {
        return relevo::fail_turn(database_, tenant, turn, std::move(code), now);
    }

    Task<void> drop_turn(TenantId tenant, TurnId turn, std::string reason, SysTime now) override {
        return relevo::drop_turn(database_, tenant, turn, std::move(reason), now);
    }

  private:
    Database& database_;
};

}  // namespace

std::unique_ptr<InferStore> make_infer_store(Database& database) {
    return std::make_unique<PostgresInferStore>(database);
}

}  // namespace relevo
