#include "tests/faults/leftovers.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <pqxx/pqxx>
#include <vector>

#include "kafka/client.hpp"
#include "redis/address.hpp"

namespace relevo::faults {
namespace {

constexpr int wait_ms = 10'000;

using rdkafka::Destroy;
using DeleteTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy<rd_kafka_DeleteTopic_destroy>>;
using DeleteGroup = std::unique_ptr<rd_kafka_DeleteGroup_t, Destroy<rd_kafka_DeleteGroup_destroy>>;

struct Names {
    std::vector<std::string> topics;
    std::vector<std::string> groups;
};

void check(bool done, const std::string& what) {
    if (!done) throw Failure({Fault::transient, "kafka.unavailable", what + ": no answer"});
}

class Admin {
  public:
    explicit Admin(const KafkaSettings& cluster)
        : client_(rdkafka::make_client(RD_KAFKA_PRODUCER, rdkafka::make_conf(cluster, {}))),
          queue_(rd_kafka_queue_new(client_.get())) {}

    Names all() {
        Names names;
        const rd_kafka_metadata_t* metadata = nullptr;
        check(rd_kafka_metadata(client_.get(), 1, nullptr, &metadata, wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR,
              "listing topics");
        for (int i = 0; i < metadata->topic_cnt; ++i) names.topics.emplace_back(metadata->topics[i].topic);
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_ListConsumerGroups(client_.get(), nullptr, queue_.get());
        const rdkafka::Event event = answer("listing groups");
        std::size_t count = 0;
        const auto* groups = rd_kafka_ListConsumerGroups_result_valid(
            rd_kafka_event_ListConsumerGroups_result(event.get()), &count);
        for (std::size_t i = 0; i < count; ++i) {
            names.groups.emplace_back(rd_kafka_ConsumerGroupListing_group_id(groups[i]));
        }
        return names;
    }

    void remove(const Names& names) {
        for (const auto& name : names.groups) remove_group(name);
        std::vector<DeleteTopic> topics;
        std::vector<rd_kafka_DeleteTopic_t*> list;
        for (const auto& name : names.topics) topics.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
        for (const auto& topic : topics) list.push_back(topic.get());
        if (list.empty()) return;
        rd_kafka_DeleteTopics(client_.get(), list.data(), list.size(), nullptr, queue_.get());
        answer("deleting topics");
    }

  private:
    // A member that was killed counts as one until its session is over.
    void remove_group(const std::string& name) {
        constexpr int tries = 100;
        constexpr int pause_ms = 200;
        for (int i = 0; i < tries; ++i) {
            const DeleteGroup group(rd_kafka_DeleteGroup_new(name.c_str()));
            rd_kafka_DeleteGroup_t* one[] = {group.get()};
            rd_kafka_DeleteGroups(client_.get(), one, 1, nullptr, queue_.get());
            const rdkafka::Event event = answer("deleting a group");
            std::size_t count = 0;
            const auto* results =
                rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
            const auto* error = count == 0 ? nullptr : rd_kafka_group_result_error(results[0]);
            if (!error || rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP) return;
            const rdkafka::Event nothing(rd_kafka_queue_poll(queue_.get(), pause_ms));
        }
    }

    rdkafka::Event answer(const std::string& what) {
        rdkafka::Event event(rd_kafka_queue_poll(queue_.get(), wait_ms + 5'000));
        check(event && rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR, what);
        return event;
    }

    rdkafka::Client client_;
    rdkafka::Queue queue_;
};

}  // namespace

void remove_topics(const KafkaSettings& cluster, const std::string& prefix) {
    Admin admin(cluster);
    Names names = admin.all();
    std::erase_if(names.topics, [&](const auto& name) { return !name.starts_with(prefix); });
    std::erase_if(names.groups, [&](const auto& name) { return !name.starts_with(prefix); });
    admin.remove(names);
}

std::set<std::string> remove_topics_but(const KafkaSettings& cluster, const std::string& mark,
                                        const std::set<std::string>& keep) {
    Names names = Admin(cluster).all();
    names.topics.insert(names.topics.end(), names.groups.begin(), names.groups.end());
    std::set<std::string> prefixes;
    for (const auto& name : names.topics) {
        const auto end = name.find('.', mark.size());
        if (!name.starts_with(mark) || end == std::string::npos) continue;
        if (!keep.contains(name.substr(mark.size(), end - mark.size())))
            prefixes.insert(name.substr(0, end + 1));
    }
    for (const auto& prefix : prefixes) remove_topics(cluster, prefix);
    return prefixes;
}

std::map<std::string, int> databases_like(const std::string& owner_url, const std::string& mark) {
    pqxx::connection connection(owner_url);
    pqxx::nontransaction work(connection);
    std::map<std::string, int> found;
    for (const auto& [name, connections] : work.query<std::string, int>(
             "SELECT d.datname, (SELECT count(*) FROM pg_stat_activity AS a WHERE a.datname = d.datname)"
             " FROM pg_database AS d WHERE starts_with(d.datname, $1)",
             pqxx::params{mark})) {
        found[name] = connections;
    }
    return found;
}

void drop_database(const std::string& owner_url, const std::string& name) {
    constexpr std::chrono::seconds patience{20};  // the server notices one after the other that clients died
    const auto end = std::chrono::steady_clock::now() + patience;
    pqxx::connection connection(owner_url);
    pqxx::nontransaction work(connection);
    for (;;) {
        try {
            work.exec("DROP DATABASE IF EXISTS " + connection.quote_name(name));
            return;
        } catch (const pqxx::sql_error& error) {
            constexpr const char* object_in_use = "55006";
            if (error.sqlstate() != object_in_use) throw;
            if (std::chrono::steady_clock::now() > end) {
                throw Failure(
                    {Fault::transient, "postgres.unavailable",
                     "database " + name + " is still in use: relevo prove --clean takes it away later"});
            }
            work.exec("SELECT pg_sleep(0.2)");
        }
    }
}

void wipe_keys(const std::string& redis_url, const std::string& prefix) {
    using Context = std::unique_ptr<redisContext, Destroy<redisFree>>;
    using Reply = std::unique_ptr<redisReply, Destroy<freeReplyObject>>;
    const RedisAddress address = parse_redis_url(redis_url).value();
    const timeval patience{5, 0};
    const Context redis(redisConnectWithTimeout(address.host.c_str(), address.port, patience));
    const auto ask = [&](const std::vector<std::string>& words) {
        std::vector<const char*> parts;
        std::vector<std::size_t> sizes;
        for (const auto& word : words) {
            parts.push_back(word.data());
            sizes.push_back(word.size());
        }
        Reply reply(static_cast<redisReply*>(
            redisCommandArgv(redis.get(), static_cast<int>(parts.size()), parts.data(), sizes.data())));
        if (!reply || reply->type == REDIS_REPLY_ERROR) {
            throw Failure({Fault::transient, "redis.unavailable", "Redis refused " + words.front()});
        }
        return reply;
    };
    if (!redis || redis->err != 0)
        throw Failure({Fault::transient, "redis.unavailable", "Redis does not answer"});
    redisSetTimeout(redis.get(), patience);
    if (!address.password.empty()) {
        ask(address.user.empty() ? std::vector<std::string>{"AUTH", address.password.reveal()}
                                 : std::vector<std::string>{"AUTH", address.user, address.password.reveal()});
    }
    ask({"SELECT", std::to_string(address.database)});
    std::string cursor = "0";
    do {
        const Reply page = ask({"SCAN", cursor, "MATCH", prefix + "*", "COUNT", "1000"});
        cursor = page->element[0]->str;
        std::vector<std::string> unlink{"UNLINK"};
        for (std::size_t i = 0; i < page->element[1]->elements; ++i) {
            const auto* key = page->element[1]->element[i];
            unlink.emplace_back(key->str, key->len);
        }
        if (unlink.size() > 1) ask(unlink);
    } while (cursor != "0");
}

}  // namespace relevo::faults
