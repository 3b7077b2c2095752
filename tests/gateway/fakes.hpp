#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/live.hpp"
#include "http/socket_io.hpp"

namespace relevo {

/// Notes what it is told: "event arguments".
struct HearingSocket final : Socket {
    const std::string& id() const override { return text; }
    const std::string& name_space() const override { return text; }
    const std::string& peer() const override { return text; }
    bool open() const override { return true; }
    void emit(std::string_view event, std::string_view json_args) override {
        heard.push_back(std::string(event) + " " + std::string(json_args));
    }
    void disconnect() override {}
    void on_close(std::function<void()>) override {}

    std::string text;
    std::vector<std::string> heard;
};

/// Tells its own process alone, at once.
struct NearLive final : Live {
    void publish(std::string_view channel, std::string payload) override {
        const auto found = watching.find(channel);
        if (found == watching.end()) return;
        const auto callbacks = found->second;
        for (const auto& callback : callbacks) callback(payload);
    }
    std::unique_ptr<Subscription> subscribe(std::string channel,
                                            std::function<void(std::string_view)> on_event) override {
        watching[std::move(channel)].push_back(std::move(on_event));
        return std::make_unique<Subscription>();
    }
    std::map<std::string, std::vector<std::function<void(std::string_view)>>, std::less<>> watching;
};

}  // namespace relevo
