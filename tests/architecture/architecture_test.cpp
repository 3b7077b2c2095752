// What style and design ask of the tree, read from the files themselves.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

using Names = std::set<std::string>;

const fs::path root = RELEVO_SOURCE_DIR;

struct SourceFile {
    std::string path;    // relative to the root
    std::string folder;  // below src/ or tests/; "" for src/main.cpp
    std::vector<std::string> lines;
    bool is_header() const { return path.ends_with(".hpp"); }
};

std::vector<SourceFile> read_tree(const std::string& top) {
    std::vector<SourceFile> files;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
        const auto extension = entry.path().extension();
        if (!entry.is_regular_file() || (extension != ".hpp" && extension != ".cpp")) continue;
        const fs::path relative = entry.path().lexically_relative(root / top);
        SourceFile file{(top / relative).string(),
                        relative.has_parent_path() ? relative.begin()->string() : std::string(),
                        {}};
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line);) file.lines.push_back(line);
        files.push_back(std::move(file));
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    REQUIRE_FALSE(files.empty());
    return files;
}

// The files' lines that match, as "path:line: text".
std::string find_lines(const std::vector<SourceFile>& files, const std::string& pattern) {
    const std::regex wanted(pattern);
    std::string found;
    for (const auto& file : files) {
        for (std::size_t n = 0; n < file.lines.size(); ++n) {
            if (!std::regex_search(file.lines[n], wanted)) continue;
            found += file.path + ":" + std::to_string(n + 1) + ": " + file.lines[n] + "\n";
        }
    }
    return found;
}

std::vector<std::string> includes(const SourceFile& file, const std::string& brackets) {
    const std::regex wanted("^\\s*#include " + std::string(1, brackets[0]) + "([^\">]+)" +
                            std::string(1, brackets[1]));
    std::vector<std::string> found;
    for (const auto& line : file.lines) {
        std::smatch match;
        if (std::regex_search(line, match, wanted)) found.push_back(match[1]);
    }
    return found;
}

std::string read_text(const fs::path& path) {
    std::ifstream in(path);
    REQUIRE(in);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

Names matches(const std::string& text, const std::string& pattern) {
    const std::regex wanted(pattern, std::regex::multiline);
    Names found;
    for (std::sregex_iterator it(text.begin(), text.end(), wanted), end; it != end; ++it)
        found.insert((*it)[1]);
    return found;
}

// The keys of one section of a pipeline file: two blanks deep.
Names section(const std::string& yaml, const std::string& name) {
    const auto start = yaml.find("\n" + name + ":\n");
    REQUIRE(start != std::string::npos);
    const auto body = yaml.substr(start + name.size() + 3);
    std::smatch end;
    const bool has_end = std::regex_search(body, end, std::regex("\n[^ \n#]"));
    return matches("\n" + (has_end ? body.substr(0, static_cast<std::size_t>(end.position())) : body),
                   "^  ([a-z_.]+):");
}

std::vector<fs::path> pipelines() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(root / "pipelines")) {
        if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
    REQUIRE_FALSE(files.empty());
    return files;
}

}  // namespace

TEST_CASE("includes follow the arrows between the folders") {
    const std::map<std::string, Names> allowed{
        {"core", {}},
        {"domain", {"core"}},
        {"runtime", {"core", "domain"}},
        {"stages", {"core", "domain"}},
        {"channels", {"core", "domain"}},
        {"models", {"core", "domain"}},
        {"kafka", {"core", "domain", "runtime"}},
        {"vault", {"core", "domain"}},
        {"postgres", {"core", "domain", "runtime", "vault"}},
        {"redis", {"core", "domain", "runtime"}},
        {"http", {"core", "domain", "runtime"}},
        {"identity", {"core", "domain"}},
        {"api", {"core", "domain", "http", "identity"}},
        {"gateway", {"core", "domain", "runtime", "http"}},
        {"cli", {"core", "domain", "runtime"}},
    };
    std::string wrong;
    for (const auto& file : read_tree("src")) {
        if (file.folder.empty() || file.folder == "process") continue;  // they join everything
        const auto rule = allowed.find(file.folder);
        REQUIRE_MESSAGE(rule != allowed.end(), "a folder without a rule: " << file.folder);
        for (const auto& include : includes(file, "\"\"")) {
            const std::string to = include.substr(0, include.find('/'));
            const bool ingest = file.folder == "gateway" && include == "stages/ingress.hpp";
            if (to != file.folder && !rule->second.contains(to) && !ingest)
                wrong += file.path + " -> " + include + "\n";
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("nothing that a replay is made of can reach a customer") {
    // Whatever the composition includes, and what stands behind those headers, and so on: what is linked.
    const auto reach = [](const std::string& start) {
        Names reached;
        std::vector<std::string> open{start};
        while (!open.empty()) {
            const std::string path = open.back();
            open.pop_back();
            if (!fs::exists(root / "src" / path) || !reached.insert(path).second) continue;
            for (const auto& include : matches(read_text(root / "src" / path), "^#include \"([^\"]+)\"")) {
                open.push_back(include);
                if (include.ends_with(".hpp")) open.push_back(include.substr(0, include.size() - 3) + "cpp");
            }
        }
        return reached;
    };
    const auto holds = [](const Names& reached, const std::string& start) {
        std::string found;
        for (const auto& path : reached) {
            if (path.starts_with(start)) found += path + "\n";
        }
        return found;
    };
    const Names stage = reach("process/replay_stage.cpp");
    CHECK(stage.contains("stages/relay.cpp"));
    for (const auto* start :
         {"channels/", "http/", "models/", "redis/", "gateway/", "kafka/sink", "kafka/source", "runtime/sink",
          "runtime/worker", "process/shared", "process/stage_thread", "process/front"}) {
        CAPTURE(start);
        CHECK(holds(stage, start) == "");
    }
    const Names turns = reach("process/replay_turns.cpp");
    CHECK(turns.contains("models/openai.cpp"));
    for (const auto* start : {"channels/", "stages/", "redis/", "gateway/", "kafka/", "runtime/",
                              "process/shared", "process/stage_thread", "process/front"}) {
        CAPTURE(start);
        CHECK(holds(turns, start) == "");
    }
}

TEST_CASE("third parties stay in the .cpp files of the folder that adapts them") {
    const std::map<std::string, std::string> homes{{"boost/beast", "http"},
                                                   {"pqxx", "postgres"},
                                                   {"librdkafka", "kafka"},
                                                   {"hiredis", "redis"},
                                                   {"openssl/evp", "identity"}};
    // Shared by their folder's .cpp files only, which the next test checks.
    const Names internal{"src/kafka/client.hpp", "src/kafka/headers.hpp"};
    std::string wrong;
    for (const auto& file : read_tree("src")) {
        for (const auto& include : includes(file, "<>")) {
            if (include.starts_with("rapidjson/") && file.is_header())
                wrong += file.path + " -> " + include + "\n";
            for (const auto& [library, home] : homes) {
                if (!include.starts_with(library + "/") && !include.starts_with(library + ".")) continue;
                const bool in_header = file.is_header() && !internal.contains(file.path);
                if (file.folder != home || in_header) wrong += file.path + " -> " + include + "\n";
            }
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("headers that show librdkafka are included by the .cpp files of their folder only") {
    std::string wrong;
    for (const auto& file : read_tree("src")) {
        for (const auto& include : includes(file, "\"\"")) {
            const bool internal = include == "kafka/admin_client.hpp" || include == "kafka/client.hpp" ||
                                  include == "kafka/headers.hpp";
            const bool among_them = file.path == "src/kafka/admin_client.hpp";
            if (internal && (file.folder != "kafka" || (file.is_header() && !among_them)))
                wrong += file.path + " -> " + include + "\n";
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("no file of src is longer than 400 lines") {
    std::string wrong;
    for (const auto& file : read_tree("src")) {
        if (file.lines.size() > 400) wrong += file.path + ": " + std::to_string(file.lines.size()) + "\n";
    }
    CHECK(wrong == "");
}

TEST_CASE("every header begins with #pragma once") {
    std::string wrong;
    for (const auto& file : read_tree("src")) {
        if (file.is_header() && (file.lines.empty() || file.lines.front() != "#pragma once"))
            wrong += file.path + "\n";
    }
    CHECK(wrong == "");
}

TEST_CASE("what decides takes time and randomness from their interfaces only") {
    const Names adapters{"kafka", "postgres", "redis", "http", "process", "vault", ""};
    auto files = read_tree("src");
    std::erase_if(files, [&](const SourceFile& file) {
        return adapters.contains(file.folder) || file.path == "src/core/clock.cpp" ||
               file.path == "src/core/random.cpp";
    });
    CHECK(find_lines(files,
                     "(system|steady)_clock::now|[^_a-z]time\\(nullptr\\)|std::rand|randombytes|sleep_for") ==
          "");
}

TEST_CASE("nothing in src is unfinished or knows of tests") {
    const auto files = read_tree("src");
    CHECK(find_lines(files, "TODO|FIXME|XXX|HACK") == "");
    CHECK(find_lines(files, "tests/|doctest|gtest") == "");
}

TEST_CASE("no test waits for time to pass") {
    auto files = read_tree("tests");
    std::erase_if(files, [](const SourceFile& file) { return file.folder == "architecture"; });
    CHECK(find_lines(files, "sleep_for|sleep_until\\(std::chrono|usleep\\(|[^_a-z]sleep\\([0-9]") == "");
}

TEST_CASE("ctest can call every test by its name") {
    std::string wrong;
    for (const auto& file : read_tree("tests")) {
        if (file.folder == "architecture") continue;
        // CMake would cut a name there, and ctest call two tests that nobody has
        for (const auto& name :
             matches(read_text(root / file.path), "TEST_CASE(?:_TEMPLATE)?\\(\\s*\"([^\"]*;[^\"]*)\"")) {
            wrong += file.path + ": " + name + "\n";
        }
    }
    CHECK(wrong == "");
}

TEST_CASE("every incident has its row, its file and its tests, and what the rows name is there") {
    const std::string table = read_text(root / "tests/incidents/README.md");
    const Names rows = matches(table, "^\\| ([0-9]+) \\|");
    Names tested;
    for (const auto& file : read_tree("tests/incidents")) {
        const std::string number = file.path.substr(std::string("tests/incidents/").size(), 2);
        const Names cases = matches(read_text(root / file.path), "TEST_CASE\\(\\s*\"incident ([0-9]+): ");
        if (cases.size() == 1 && std::stoi(*cases.begin()) == std::stoi(number))
            tested.insert(*cases.begin());
    }
    CHECK(rows.size() == 24);
    CHECK(rows == tested);
    for (const auto& path : matches(table, "`([a-z_0-9./]+/[a-z_0-9./]+|[a-z_0-9]+\\.cpp)`")) {
        const bool is_there = fs::exists(root / path) || fs::exists(root / "tests" / path) ||
                              fs::exists(root / "tests/incidents" / path);
        CHECK_MESSAGE(is_there, path);
    }
}

TEST_CASE("every stage of a pipeline is a file of its own and has its test") {
    for (const auto& pipeline : pipelines()) {
        for (const auto& stage : section(read_text(pipeline), "stages")) {
            CAPTURE(stage);
            CHECK(fs::exists(root / "src/stages" / (stage + ".hpp")));
            CHECK(fs::exists(root / "src/stages" / (stage + ".cpp")));
            CHECK(fs::exists(root / "tests/stages" / (stage + "_test.cpp")));
        }
    }
}

TEST_CASE("every topic of a pipeline has its schema, and every schema its topic") {
    Names topics;
    for (const auto& pipeline : pipelines()) topics.merge(section(read_text(pipeline), "topics"));
    CHECK(topics.contains("messages.received"));
    Names schemas;
    for (const auto& entry : fs::directory_iterator(root / "schemas/topics")) {
        schemas.insert(entry.path().stem().string());
    }
    CHECK(schemas == topics);
}

TEST_CASE("every channel and provider is in its folder's list") {
    for (const auto& [folder, base] :
         std::map<std::string, std::string>{{"channels", "Channel"}, {"models", "ModelProvider"}}) {
        const std::string list = read_text(root / "src" / folder / "list.cpp");
        for (const auto& file : read_tree("src/" + folder)) {
            if (!file.is_header()) continue;
            const std::string text = read_text(root / file.path);
            for (const auto& name : matches(text, "^class ([A-Za-z]+) final : public " + base + " ")) {
                CAPTURE(file.path);
                CHECK(list.find("<" + name + ">") != std::string::npos);
            }
        }
    }
}

TEST_CASE("JSON is read without recursion, since whoever wrote it chooses how deep it nests") {
    auto files = read_tree("src");
    std::erase_if(files, [](const SourceFile& file) {
        return std::ranges::all_of(
            file.lines, [](const auto& line) { return line.find("rapidjson/") == std::string::npos; });
    });
    CHECK(find_lines(files,
                     "[.]Parse(Insitu|Stream)?(\\(|<(?!rapidjson::kParseIterativeFlag|parse_flags))") == "");
}
