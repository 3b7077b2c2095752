#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "domain/channel.hpp"
#include "domain/model.hpp"
#include "domain/pace.hpp"
#include "gateway/health.hpp"
#include "http/client.hpp"
#include "kafka/sink.hpp"
#include "process/shared.hpp"
#include "runtime/worker.hpp"

namespace relevo {

/// One worker: a thread, an io_context and everything that belongs to it.
class StageThread {
  public:
    StageThread(const PipelineSpec& pipeline, const StageSpec& spec, int number, Shared& shared,
                StageMetrics& metrics);

    /// `failed` is called on this worker's thread when it cannot go on.
    void start(std::function<void()> failed);
    /// Drains; from any thread.
    void stop();
    void join() { thread_.join(); }
    Heartbeat heartbeat(int number);

    /// What a pipeline may name.
    static std::vector<std::string> stage_names();

  private:
    using Maker = std::function<std::unique_ptr<Stage>(StageThread&, Shared&)>;
    static const std::map<std::string, Maker>& makers();
    std::unique_ptr<Stage> make_stage(Shared& shared);
    std::unique_ptr<Pace> make_pace(Shared& shared);
    std::unique_ptr<Source> make_source(Shared& shared);

    const StageSpec& spec_;
    boost::asio::io_context io_{1};
    std::unique_ptr<HttpClient> http_;
    Channels channels_;
    ModelProviders models_;
    SeededRandom random_;
    std::unique_ptr<Pace> pace_;  // of a stage that sends
    std::unique_ptr<Stage> stage_;
    std::unique_ptr<Source> source_;
    KafkaSink sink_;
    Worker worker_;
    std::thread thread_;
};

}  // namespace relevo
