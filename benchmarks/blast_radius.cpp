// How much a shop's load moves the others: the time from the end of a conversation's quiet window to its
// answer's first bubble, of 100 small shops, alone and beside one shop at 1,000 times the load of each.
// Together they make 80 % of what this machine was measured to take just before. Two kinds of load: steady
// (Poisson), and a campaign, which brings the same load five seconds' worth at a time. Beside it the same
// traffic as one shop with all numbers: what a plain queue makes of it, because within one shop nobody shares
// fairly.
//
// Messages enter as ingress would write them; the model takes 600 to 1,400 ms, played by a server in this
// program as WhatsApp is. Prints medians and p99 of each and how far the p99 moves; the goal is less than 25
// %.
//
// Usage: blast_radius_benchmark [ROUNDS] [SECONDS]

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdlib>
#include <map>
#include <unordered_map>

#include "benchmarks/installation.hpp"
#include "core/json_object.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "kafka/sink.hpp"
#include "stages/ingress.hpp"

namespace {

using namespace relevo;

constexpr int small_shops = 100;
constexpr int times = 1'000;     // the big shop's load, in small ones'
constexpr int big_numbers = 10;  // WhatsApp takes 80 messages a second from one
constexpr int small_contacts = 10;
constexpr int big_contacts = 5'000;
constexpr double share_of_capacity = 0.8;
constexpr Millis quiet{1'000};
constexpr Millis campaign_every{5'000};
constexpr int outstanding = 400;  // while the capacity is measured; a shop may have 500 turns open
constexpr Millis answer_patience{60'000};

struct Number {
    Endpoint endpoint;
    std::string external_id;
};

// One arrangement of the same traffic: a number for each small shop, then the big one's.
struct Town {
    std::string name;
    std::vector<Number> numbers;
};

ShopSpec shop(const std::string& slug, std::vector<std::string> numbers) {
    ShopSpec spec;
    spec.slug = slug;
    spec.name = slug;
    spec.agent.provider = "openai";
    spec.agent.model = "benchmark";
    spec.agent.quiet_ms = static_cast<int>(quiet.count());
    spec.credentials.push_back({"openai", "API_KEY", Secret("benchmark")});
    spec.whatsapp.emplace();
    spec.whatsapp->access_token = Secret("benchmark");
    for (auto& number : numbers) spec.whatsapp->numbers.push_back({std::move(number), ""});
    spec.catalogue = {{"C-1", "Café en grano", "Tueste medio.", "21.900", "ARS", "", {}}};
    return spec;
}

std::string external_id(const std::string& town, int number) {
    return fmt::format("{}{}", town, 10'000 + number);
}

// So many numbers of one shop.
void add(Town& town, Installation& installation, const std::string& slug, const std::string& prefix,
         int first, int count) {
    std::vector<std::string> ids;
    for (int i = first; i < first + count; ++i) ids.push_back(external_id(prefix, i));
    const Endpoint endpoint = installation.add_whatsapp_shop(shop(slug, ids));
    for (const auto& id : ids) town.numbers.push_back({endpoint, id});
}

Town many_shops(Installation& installation) {
    Town town{"fair", {}};
    for (int i = 0; i < small_shops; ++i) {
        const std::string id = external_id("1", i);
        town.numbers.push_back({installation.add_whatsapp_shop(shop(fmt::format("shop-{}", i), {id})), id});
    }
    add(town, installation, "big", "1", small_shops, big_numbers);
    return town;
}

Town one_shop(Installation& installation) {
    Town town{"plain", {}};
    add(town, installation, "all-in-one", "2", 0, small_shops + big_numbers);
    return town;
}

// Plays model and provider, and knows when each question's window ended.
class World {
  public:
    World(boost::asio::io_context& io, Installation* const& installation)
        : installation_(installation), server_(io, ServerLimits{}, [this](HttpRequest request) {
              return router_.handle(std::move(request));
          }) {
        router_.add("POST", "/openai/v1/chat/completions",
                    [this](HttpRequest request, PathParams) { return complete(std::move(request)); });
        router_.add("POST", "/whatsapp/{version}/{number}/messages",
                    [this](HttpRequest request, PathParams) { return deliver(std::move(request)); });
        server_.listen("127.0.0.1", 0);
    }

    std::string url() const { return fmt::format("http://127.0.0.1:{}", server_.port()); }

    struct Asked {
        bool small = false;
        std::optional<SysTime> window_end;
        std::optional<SysTime> answered;
    };

    /// A question of a customer of that number; gives its name.
    int ask(KafkaSink& sink, const Number& number, int contact, bool small) {
        const int question = ++last_question_;
        asked_[question].small = small;
        Parsed parsed;
        Inbound inbound;
        inbound.kind = InboundKind::message;
        inbound.account = number.external_id;
        inbound.event_id = fmt::format("wamid.{}", question);
        inbound.aliases = {{"wa_id", fmt::format("54911{:07}", contact)}};
        inbound.type = "text";
        inbound.text = fmt::format("¿tenés café? #{}#", question);
        parsed.inbound.push_back(std::move(inbound));
        auto records = ingest(number.endpoint, parsed, installation_->id, new_traceparent(random_),
                              clock.now(), installation_->pipeline.expires_after);
        sink.append(std::move(records), [this, question](std::optional<Error> error) {
            if (error) throw Failure(*error);
            asked_[question].window_end = clock.now() + quiet;
        });
        return question;
    }

    const Asked& at(int question) const { return asked_.at(question); }
    void forget() { asked_.clear(); }
    std::function<void(int question)> on_answer;
    SystemClock clock;

  private:
    static int question_in(std::string_view body) {
        const auto end = body.rfind('#');
        if (end == std::string_view::npos || end == 0) return 0;
        const auto begin = body.rfind('#', end - 1);
        return begin == std::string_view::npos ? 0
                                               : std::atoi(std::string(body.substr(begin + 1, end)).c_str());
    }

    Task<HttpResponse> complete(HttpRequest request) {
        co_await clock.sleep_until(clock.now() + Millis{600 + static_cast<std::int64_t>(random_.below(801))});
        const std::string content =
            JsonObject().text("content", fmt::format("Sí. #{}#", question_in(request.body))).str();
        HttpResponse response;
        response.content_type = "text/event-stream";
        response.body = fmt::format(
            "data: "
            "{{\"model\":\"benchmark\",\"choices\":[{{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}}]}"
            "}\n\n"
            "data: [DONE]\n\n",
            content);
        co_return response;
    }

    Task<HttpResponse> deliver(HttpRequest request) {
        HttpResponse response;
        response.body = fmt::format(R"({{"messages":[{{"id":"wamid.out.{}"}}]}})", ++sent_);
        const int question = question_in(request.body);
        const auto found = asked_.find(question);
        if (found == asked_.end() || found->second.answered)
            co_return response;  // an indicator, or told before
        found->second.answered = clock.now();
        if (on_answer) on_answer(question);
        co_return response;
    }

    Installation* const& installation_;
    Router router_;
    HttpServer server_;
    SeededRandom random_{7};
    std::unordered_map<int, Asked> asked_;
    int last_question_ = 0;
    std::int64_t sent_ = 0;
};

double percentile(std::vector<double> values, double part) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

// Answers per second of the big shop alone, while as many questions are open as it may have.
Task<double> capacity(World& world, KafkaSink& sink, const Town& town) {
    constexpr Millis warm_up{15'000};
    constexpr Millis measured{20'000};
    int contact = 0;
    bool going = true;
    std::int64_t answers = 0;
    const auto ask = [&] {
        const auto number = static_cast<std::size_t>(small_shops + contact % big_numbers);
        world.ask(sink, town.numbers[number], contact++ % big_contacts, false);
    };
    world.on_answer = [&](int) {
        ++answers;
        if (going) ask();
    };
    for (int i = 0; i < outstanding; ++i) ask();
    co_await world.clock.sleep_until(world.clock.now() + warm_up);
    const std::int64_t before = answers;
    const SysTime began = world.clock.now();
    co_await world.clock.sleep_until(began + measured);
    const double seconds = static_cast<double>((world.clock.now() - began).count()) / 1'000;
    const double rate = static_cast<double>(answers - before) / seconds;
    going = false;
    co_await world.clock.sleep_until(world.clock.now() + warm_up);
    world.on_answer = nullptr;
    world.forget();
    co_return rate;
}

enum class Load { alone, steady, campaign };

struct Arrival {
    Millis at;
    int number;
    int contact;
};

// Who writes when: the small shops' customers the same in each load.
std::vector<Arrival> arrivals(Load load, double rate, Millis length, std::uint64_t seed) {
    SeededRandom small(seed);
    SeededRandom big(seed + 1);
    const auto gap = [](SeededRandom& random, double per_second) {
        return -std::log(1 - random.uniform()) / per_second;
    };
    const double end = static_cast<double>(length.count()) / 1'000;
    std::vector<Arrival> all;
    const auto millis = [](double seconds) { return Millis{static_cast<std::int64_t>(seconds * 1'000)}; };
    int turn = 0;
    for (double t = gap(small, rate * small_shops); t < end; t += gap(small, rate * small_shops), ++turn) {
        all.push_back({millis(t), turn % small_shops, turn / small_shops % small_contacts});
    }
    turn = 0;
    if (load != Load::alone) {
        for (double t = gap(big, rate * times); t < end; t += gap(big, rate * times), ++turn) {
            Millis at = millis(t);
            if (load == Load::campaign) at = at / campaign_every * campaign_every;
            all.push_back({at, small_shops + turn % big_numbers, turn % big_contacts});
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
    return all;
}

struct Figures {
    std::vector<double> small;  // milliseconds
    std::vector<double> big;
    int unanswered = 0;
};

Task<void> round(World& world, KafkaSink& sink, const Town& town, std::vector<Arrival> all,
                 Figures& figures) {
    const SysTime began = world.clock.now();
    std::vector<int> questions;
    for (const auto& arrival : all) {
        const SysTime when = began + arrival.at;
        if (world.clock.now() < when) co_await world.clock.sleep_until(when);
        questions.push_back(world.ask(sink, town.numbers[static_cast<std::size_t>(arrival.number)],
                                      arrival.number * big_contacts + arrival.contact,
                                      arrival.number < small_shops));
    }
    const SysTime last = world.clock.now();
    const auto all_answered = [&] {
        return std::all_of(questions.begin(), questions.end(),
                           [&](int question) { return world.at(question).answered.has_value(); });
    };
    while (!all_answered() && world.clock.now() < last + answer_patience) {
        co_await world.clock.sleep_until(world.clock.now() + Millis{200});
    }
    for (const int question : questions) {
        const auto& it = world.at(question);
        if (!it.answered || !it.window_end) {
            ++figures.unanswered;
            continue;
        }
        (it.small ? figures.small : figures.big)
            .push_back(static_cast<double>((*it.answered - *it.window_end).count()));
    }
    world.forget();
}

const std::map<Load, std::string> names{
    {Load::alone, "alone"}, {Load::steady, "steady"}, {Load::campaign, "campaign"}};

Task<void> measure(World& world, KafkaSink& sink, const std::vector<Town>& towns, int rounds, Millis length) {
    const double full = co_await capacity(world, sink, towns.front());
    const double rate = share_of_capacity * full / (times + small_shops);
    fmt::print(
        "capacity {:.0f} answers/s; each small shop {:.3f}/s, the big one {:.0f}/s, {} rounds of {} s\n",
        full, rate, rate * times, rounds, length.count() / 1'000);
    std::map<std::pair<std::string, Load>, Figures> all;
    for (int number = 0; number < rounds; ++number) {
        for (const Load load : {Load::alone, Load::steady, Load::campaign}) {
            for (const auto& town : towns) {
                fmt::print(stderr, "\r  round {} of {}: {}, {:<20}", number + 1, rounds, names.at(load),
                           town.name);
                auto traffic = arrivals(load, rate, length, static_cast<std::uint64_t>(number) * 2);
                co_await round(world, sink, town, std::move(traffic), all[{town.name, load}]);
            }
        }
    }
    fmt::print(stderr, "\r{:50}\r", "");
    fmt::print("{:<7} {:<9} {:>8} {:>9} {:>9} {:>9}   {:>9} {:>9} {:>10}\n", "queue", "load", "answers",
               "p50 ms", "p99 ms", "p99 moves", "big p50", "big p99", "unanswered");
    for (const auto& town : towns) {
        const double base = percentile(all[{town.name, Load::alone}].small, 0.99);
        for (const Load load : {Load::alone, Load::steady, Load::campaign}) {
            const Figures& it = all[{town.name, load}];
            const double p99 = percentile(it.small, 0.99);
            fmt::print("{:<7} {:<9} {:>8} {:>9.0f} {:>9.0f} {:>+8.0f}%   {:>9.0f} {:>9.0f} {:>10}\n",
                       town.name, names.at(load), it.small.size(), percentile(it.small, 0.5), p99,
                       (p99 / base - 1) * 100, percentile(it.big, 0.5), percentile(it.big, 0.99),
                       it.unanswered);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    set_log_level(LogLevel::warn);
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
    const Millis length{(argc > 2 ? std::atoi(argv[2]) : 40) * 1'000};
    boost::asio::io_context io(1);
    Installation* known = nullptr;
    World world(io, known);
    Installation installation(world.url());
    known = &installation;
    std::vector<Town> towns{many_shops(installation), one_shop(installation)};
    KafkaSink sink(io.get_executor(), KafkaSettings{installation.config.kafka_brokers}, {});
    RunningStages process(installation, "blast_radius",
                          {"resolve", "buffer", "retrieve", "infer", "relay", "wake"});
    std::exception_ptr problem;
    boost::asio::co_spawn(io, measure(world, sink, towns, rounds, length), [&](std::exception_ptr thrown) {
        problem = thrown;
        io.stop();
    });
    io.run();
    if (problem) std::rethrow_exception(problem);
    return 0;
}
