#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>

#include "domain/stage.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/sink.hpp"
#include "runtime/source.hpp"
#include "tests/simulation/sim_database.hpp"

namespace relevo {

class SimWorld;

/// What a world is made of. A deliberate bug puts something else in the place of one part, or around it.
class SimParts {
  public:
    virtual ~SimParts() = default;
    virtual std::unique_ptr<SimDatabase> database() const { return std::make_unique<SimDatabase>(); }
    virtual std::unique_ptr<Stage> stage(std::unique_ptr<Stage> real, SimWorld&) const { return real; }
    virtual std::unique_ptr<Source> source(std::unique_ptr<Source> real, const StageSpec&, SimWorld&) const {
        return real;
    }
    virtual std::unique_ptr<Sink> sink(std::unique_ptr<Sink> real, boost::asio::any_io_executor,
                                       SimWorld&) const {
        return real;
    }
};

}  // namespace relevo
