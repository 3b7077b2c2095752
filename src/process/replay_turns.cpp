#include "process/replay_turns.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "domain/prompt.hpp"
#include "http/client.hpp"
#include "postgres/stored_turns.hpp"
#include "postgres/vault.hpp"

namespace relevo {

namespace asio = boost::asio;

namespace {

DatabaseConfig reading(const Secret& url) {
    DatabaseConfig config;
    config.url = url.reveal();
    config.connections = 2;
    return config;
}

class TurnReplays {
  public:
    TurnReplays(const Secret& url, std::shared_ptr<MasterKeys> masters, const ModelSettings& models,
                const ClientLimits& limits, const TurnReplay& replay, const TellTurn& tell)
        : database_(reading(url)),
          vault_(database_, std::move(masters)),
          http_(io_, limits),
          models_(make_model_providers(models, http_, clock_)),
          replay_(replay),
          tell_(tell) {}

    bool run() {
        asio::signal_set signals(io_, SIGINT, SIGTERM);
        bool interrupted = false;
        signals.async_wait([&](const boost::system::error_code& error, int) {
            if (error) return;
            interrupted = true;
            io_.stop();
        });
        std::exception_ptr failed;
        std::size_t working = 1;
        const auto over = [&](std::exception_ptr problem) {
            if (problem && !failed) failed = problem;
            if (--working == 0 || problem) io_.stop();
        };
        asio::co_spawn(io_, find(), [&](std::exception_ptr problem) {
            for (std::size_t i = 0; !problem && i < std::min(replay_.parallel, turns_.size()); ++i) {
                ++working;
                asio::co_spawn(io_, work(), over);
            }
            over(problem);
        });
        io_.run();
        if (failed) std::rethrow_exception(failed);
        return !interrupted;
    }

  private:
    Task<void> find() { turns_ = co_await find_stored_turns(database_, replay_); }

    // One of several, each with one turn at a time.
    Task<void> work() {
        while (next_ < turns_.size()) {
            const auto [tenant, turn] = turns_[next_++];
            const StoredTurn stored =
                co_await load_stored_turn(database_, tenant, turn, replay_.agent_version);
            const Inference asked = changed(stored.inference, replay_);
            const Result<Completion> answer = co_await ask(tenant, asked);
            ReplayedTurn turn_again = compare(stored, asked, answer);
            if (answer) turn_again.after.cost = co_await price(asked.agent, answer->usage);
            tell_(std::move(turn_again), turns_.size());
        }
    }

    Task<Result<Completion>> ask(TenantId tenant, Inference asked) {
        ModelProvider* provider = models_.find(asked.agent.provider);
        if (!provider) {
            co_return Error{Fault::permanent, "model.unknown_provider",
                            "this installation has no provider '" + asked.agent.provider + "'"};
        }
        Secret key;
        if (!provider->credentials().empty()) {
            key = co_await vault_.find(tenant, std::string(provider->credentials()), "API_KEY");
        }
        Prompt prompt = build_prompt(asked, std::move(key));
        co_return co_await provider->complete(std::move(prompt), [](std::string_view) {});
    }

    Task<Cost> price(const Agent& agent, const Usage& usage) {
        PlannedCall call{agent.provider, agent.base_url, agent.model,
                         models_.find(agent.provider)->credentials().empty()};
        return price_call(database_, std::move(call), usage, clock_.now());
    }

    asio::io_context io_{1};
    SystemClock clock_;
    Database database_;
    PostgresVault vault_;
    PooledHttpClient http_;
    ModelProviders models_;
    const TurnReplay& replay_;
    const TellTurn& tell_;
    std::vector<std::pair<TenantId, TurnId>> turns_;
    std::size_t next_ = 0;
};

}  // namespace

bool replay_turns(const Secret& url, std::shared_ptr<MasterKeys> masters, const ModelSettings& models,
                  const ClientLimits& limits, const TurnReplay& replay, const TellTurn& tell) {
    return TurnReplays(url, std::move(masters), models, limits, replay, tell).run();
}

}  // namespace relevo
