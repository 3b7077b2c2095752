#include "cli/completion_scripts.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>

#include "cli/commands.hpp"
#include "tests/cli/terminal.hpp"

using namespace relevo;
using namespace relevo::testing;

namespace {

struct Output {
    int status = 0;
    std::string text;
};

Output shell(const std::string& command) {
    Output output;
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 4'096> part{};
    while (const auto got = std::fread(part.data(), 1, part.size(), pipe))
        output.text.append(part.data(), got);
    output.status = ::pclose(pipe);
    return output;
}

bool is_installed(const std::string& program) {
    return shell("command -v " + program + " >/dev/null").status == 0;
}

std::vector<Command> relevo_tree() {
    const Backend backend;
    Commands commands(backend);
    return command_tree(commands.root());
}

// What bash offers for a line whose last word is being written: as its completion machinery calls the
// function that `complete` registered.
std::string offered(const Folder& folder, const std::string& words) {
    const auto driver = folder.write(
        "driver.bash", "source '" + (folder.path() / "relevo.bash").string() +
                           "'\n"
                           "registered=$(complete -p relevo) && set -- $registered\n"
                           "[[ $2 == -F ]] || exit 1\n"
                           "COMP_WORDS=(" +
                           words +
                           ")\n"
                           "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                           "COMP_LINE=\"${COMP_WORDS[*]}\" COMP_POINT=${#COMP_LINE}\n"
                           "\"$3\" relevo \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                           "echo \"${COMPREPLY[*]}\"\n");
    const auto output =
        shell("cd '" + folder.path().string() + "' && bash --norc " + driver.string() + " 2>&1");
    CHECK(output.status == 0);
    return output.text.substr(0, output.text.find('\n'));
}

}  // namespace

TEST_CASE("bash completes commands, their commands, options and values") {
    const Folder folder;
    const auto script = folder.write("relevo.bash", bash_completion(relevo_tree()));
    CHECK(shell("bash -n " + script.string() + " 2>&1").text == "");
    CHECK(offered(folder, "relevo doc") == "doctor");
    CHECK(offered(folder, "relevo topics ''") == "list apply");
    CHECK(offered(folder, "relevo topics a") == "apply");
    CHECK(offered(folder, "relevo topics list --j") == "--json");
    CHECK(offered(folder, "relevo doctor --off") == "--offline");
    // an option's value is no command, wherever it stands
    CHECK(offered(folder, "relevo --config topics mig") == "migrate");
    CHECK(offered(folder, "relevo --config = topics mig") == "migrate");
    CHECK(offered(folder, "relevo shops apply --model x --model-u") == "--model-url");
    CHECK(offered(folder, "relevo completion ''") == "bash zsh fish");
    folder.write("myshop.yaml", "");
    CHECK(offered(folder, "relevo shops apply mysh") == "myshop.yaml");
    CHECK(offered(folder, "relevo --config mysh") == "myshop.yaml");
    CHECK(offered(folder, "relevo version ''") == "");
}

TEST_CASE("bash offers every command of the tree where it stands") {
    const Folder folder;
    const auto tree = relevo_tree();
    folder.write("relevo.bash", bash_completion(tree));
    for (const auto& command : tree) {
        if (command.commands.empty()) continue;
        std::string line = "relevo";
        for (const auto& word : command.path) line += " " + word;
        std::string expected;
        for (const auto& name : command.commands) expected += (expected.empty() ? "" : " ") + name;
        CHECK(offered(folder, line + " ''") == expected);
    }
}

TEST_CASE("the scripts of zsh and fish have every command and option, with help that breaks no quotes") {
    const auto tree = relevo_tree();
    const std::string zsh = zsh_completion(tree);
    const std::string fish = fish_completion(tree);
    CHECK(zsh.starts_with("#compdef relevo\n"));
    for (const auto& command : tree) {
        std::string function = "_relevo";
        std::string line;
        for (const auto& word : command.path) {
            function += "_" + word;
            line += (line.empty() ? "" : " ") + word;
        }
        CAPTURE(line);
        CHECK(zsh.find("\n" + function + "() {\n") != std::string::npos);
        for (const auto& option : command.options) {
            CHECK(zsh.find(option.names.front() + "[") != std::string::npos);
            CHECK(fish.find("'__relevo_at '\\''" + line + "'\\'''") != std::string::npos);
        }
    }
    const std::vector<Command> quoting{
        {{}, "", {{{"--it"}, "the shop's [own]: one", true, {"a", "b"}}}, {}, {}}};
    CHECK(zsh_completion(quoting).find(R"('(--it)--it[the shop'\''s (own); one]:value:(a b)')") !=
          std::string::npos);
    CHECK(fish_completion(quoting).find(R"(-l it -x -a 'a b' -d 'the shop'\''s (own); one')") !=
          std::string::npos);
}

TEST_CASE("the shells that are here take their scripts") {
    const Folder folder;
    const auto zsh = folder.write("_relevo", zsh_completion(relevo_tree()));
    const auto fish = folder.write("relevo.fish", fish_completion(relevo_tree()));
    if (is_installed("zsh")) CHECK(shell("zsh -n " + zsh.string() + " 2>&1").text == "");
    if (is_installed("fish")) CHECK(shell("fish --no-execute " + fish.string() + " 2>&1").text == "");
}
