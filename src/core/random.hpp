#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>

namespace relevo {

/// The only source of randomness: jitter and unguessable keys. Record and row ids are computed, never drawn.
class Random {
  public:
    virtual ~Random() = default;
    /// Uniform in [0, 1).
    virtual double uniform() = 0;
    /// `bytes` random bytes as lower-case hex.
    virtual std::string hex(std::size_t bytes) = 0;
};

/// The operating system's generator.
class SystemRandom final : public Random {
  public:
    double uniform() override;
    std::string hex(std::size_t bytes) override;
};

/// Repeats itself for a seed; for the simulator and tests.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    double uniform() override;
    std::string hex(std::size_t bytes) override;
    /// Uniform in [0, below).
    std::uint64_t below(std::uint64_t below);

  private:
    std::mt19937_64 engine_;
};

}  // namespace relevo
