#include "redis/facts.hpp"

#include <hiredis/hiredis.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "redis/address.hpp"

namespace relevo {
namespace {

constexpr timeval deadline{2, 0};  // of each command, and of connecting

struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, Free>;
using Reply = std::unique_ptr<redisReply, Free>;

[[noreturn]] void unavailable(const RedisAddress& address, std::string_view why) {
    throw Failure({Fault::transient, "redis.unavailable",
                   address.host + ":" + std::to_string(address.port) + ": " + std::string(why)});
}

class Session {
  public:
    explicit Session(RedisAddress address)
        : address_(std::move(address)),
          context_(redisConnectWithTimeout(address_.host.c_str(), address_.port, deadline)) {
        if (!context_) unavailable(address_, "out of memory");
        if (context_->err != 0) unavailable(address_, context_->errstr);
        redisSetTimeout(context_.get(), deadline);
        const auto& password = address_.password.reveal();
        if (!password.empty() && address_.user.empty()) ask({"AUTH", password});
        if (!password.empty() && !address_.user.empty()) ask({"AUTH", address_.user, password});
        if (address_.database != 0) ask({"SELECT", std::to_string(address_.database)});
    }

    Reply ask(const std::vector<std::string>& words) {
        std::vector<const char*> starts;
        std::vector<std::size_t> lengths;
        for (const auto& word : words) {
            starts.push_back(word.data());
            lengths.push_back(word.size());
        }
        Reply reply(static_cast<redisReply*>(
            redisCommandArgv(context_.get(), static_cast<int>(words.size()), starts.data(), lengths.data())));
        if (!reply) unavailable(address_, context_->errstr);
        if (reply->type == REDIS_REPLY_ERROR) {
            throw Failure({Fault::permanent, "redis.refused",
                           words.front() + ": " + std::string(reply->str, reply->len)});
        }
        return reply;
    }

  private:
    RedisAddress address_;
    Context context_;
};

// "name:value" of INFO's lines.
std::string info(std::string_view lines, const std::string& name) {
    const auto at = lines.find("\n" + name + ":");
    if (at == std::string_view::npos) return {};
    lines.remove_prefix(at + name.size() + 2);
    return std::string(lines.substr(0, lines.find_first_of("\r\n")));
}

std::int64_t whole(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

Millis now() {
    return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

RedisFacts read_redis_facts(std::string_view url) {
    Session session(parse_redis_url(url).value());
    RedisFacts facts;
    const Reply told = session.ask({"INFO"});
    const std::string_view lines(told->str == nullptr ? "" : told->str, told->len);
    facts.version = info(lines, "redis_version");
    facts.eviction = info(lines, "maxmemory_policy");
    facts.max_memory = whole(info(lines, "maxmemory"));
    const Millis before = now();
    const Reply time = session.ask({"TIME"});  // seconds and microseconds
    if (time->type == REDIS_REPLY_ARRAY && time->elements == 2) {
        const Millis theirs{whole(time->element[0]->str) * 1'000 + whole(time->element[1]->str) / 1'000};
        facts.ahead = theirs - (before + now()) / 2;
    }
    return facts;
}

}  // namespace relevo
