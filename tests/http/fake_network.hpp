#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "http/network.hpp"
#include "tests/http/loopback.hpp"

namespace relevo::loopback {

/// Names as the test wants them, and a log of what was asked for. Whatever address is connected to, `port` of
/// this machine answers.
class FakeNetwork final : public Network {
  public:
    struct Log {
        std::vector<std::string> resolved;
        std::vector<std::string> connected;
    };
    using Answers = std::vector<std::vector<std::string>>;  ///< one a question, the last one for ever

    FakeNetwork(asio::io_context& io, std::uint16_t port, std::map<std::string, Answers> names, Log& log)
        : real_(make_network(io)), port_(port), names_(std::move(names)), log_(log) {}

    Task<LinkResult<std::vector<asio::ip::address>>> resolve(std::string name, SteadyTime) override {
        const auto asked = static_cast<std::size_t>(std::ranges::count(log_.resolved, name));
        log_.resolved.push_back(name);
        const auto found = names_.find(name);
        if (found == names_.end()) co_return LinkFault{"resolving: no such host", true};
        const auto& answers = found->second;
        std::vector<asio::ip::address> addresses;
        for (const auto& address : answers[std::min(asked, answers.size() - 1)]) {
            addresses.push_back(asio::ip::make_address(address));
        }
        co_return addresses;
    }

    Task<LinkResult<tcp::socket>> connect(std::vector<tcp::endpoint> endpoints, SteadyTime until) override {
        for (const auto& endpoint : endpoints) {
            log_.connected.push_back(endpoint.address().to_string() + " " + std::to_string(endpoint.port()));
        }
        std::vector<tcp::endpoint> here{{asio::ip::address_v4::loopback(), port_}};
        return real_->connect(std::move(here), until);
    }

  private:
    std::unique_ptr<Network> real_;
    std::uint16_t port_;
    std::map<std::string, Answers> names_;
    Log& log_;
};

}  // namespace relevo::loopback
