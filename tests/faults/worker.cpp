#include "tests/faults/worker.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <iostream>
#include <sstream>
#include <thread>

#include "cli/commands.hpp"
#include "process/run.hpp"
#include "tests/faults/crash_points.hpp"

namespace relevo::faults {
namespace {

// PostgreSQL's address with another database; the query behind it stays.
Secret with_database(const Secret& url, const std::string& database) {
    std::string text = url.reveal();
    const auto scheme = text.find("://");
    if (scheme == std::string::npos) return Secret(text + " dbname=" + database);
    const auto query = text.find('?', scheme);
    const auto end = query == std::string::npos ? text.size() : query;
    const auto user = text.find('@', scheme);  // a password may hold slashes
    const auto path = text.find('/', user == std::string::npos || user > end ? scheme + 3 : user);
    const auto start = path == std::string::npos || path > end ? end : path;
    return Secret(text.replace(start, end - start, "/" + database));
}

[[noreturn]] void die(const std::string& point) {
    const std::string line = point + "\n";
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
}

// Until the parent closes its end: it is gone then.
void listen(CrashPoints& points) {
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        int nth = 1;
        words >> nth >> std::ws;
        std::set<std::string> names;
        for (std::string name; std::getline(words, name, ',');) names.insert(name);
        points.arm(std::move(names), nth);
    }
    ::kill(::getpid(), SIGKILL);
}

}  // namespace

Config isolate(Config config, const Isolated& isolated) {
    config.postgres_url = with_database(config.postgres_url, isolated.database());
    config.postgres_owner_url = with_database(config.postgres_owner_url, isolated.database());
    config.kafka_prefix = isolated.prefix();
    const std::string base = fmt::format("http://127.0.0.1:{}", isolated.provider);
    config.providers.openai = base + "/openai/v1";
    config.providers.whatsapp = base + "/whatsapp";
    config.providers.telegram = base + "/telegram";
    config.http.address = "127.0.0.1";
    return config;
}

int work(const Config& config, std::uint16_t http_port) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    CrashPoints points(die);
    std::thread(listen, std::ref(points)).detach();
    RunOptions options;
    options.http_port = http_port;
    const Surroundings surroundings = points.surroundings();
    return run(config, load_pipelines(config.pipelines), options, surroundings);
}

}  // namespace relevo::faults
