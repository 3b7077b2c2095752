#include "cli/completion_scripts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace relevo {
namespace {

// As one word between single quotes, for all three shells.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

std::string path_of(const Command& command) {
    return fmt::format("{}", fmt::join(command.path, " "));
}

// One line of help, without what the shells' own notations mean by a colon or a bracket.
std::string summary(const std::string& help) {
    std::string out;
    for (const char c : help.substr(0, help.find('\n')))
        out += c == ':' ? ';' : c == '[' ? '(' : c == ']' ? ')' : c;
    return out;
}

std::vector<std::string> names_of(const std::vector<CommandOption>& options) {
    std::vector<std::string> names;
    for (const auto& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
    return names;
}

// The choices of the command's arguments; nothing where it takes none, "FILE" where it may be one. What may
// be a command of its own instead is no file.
std::string arguments_of(const Command& command) {
    if (command.arguments.empty()) return {};
    const auto& choices = command.arguments.front().choices;
    if (choices.empty()) return command.commands.empty() ? "FILE" : "";
    return fmt::format("{}", fmt::join(choices, " "));
}

}  // namespace

std::string bash_completion(const std::vector<Command>& tree) {
    std::string commands;
    std::string options;
    std::string arguments;
    std::string values;
    for (const auto& command : tree) {
        const std::string path = quoted(path_of(command));
        if (!command.commands.empty()) {
            commands += fmt::format("    {}) echo {} ;;\n", path,
                                    quoted(fmt::format("{}", fmt::join(command.commands, " "))));
        }
        options += fmt::format("    {}) echo {} ;;\n", path,
                               quoted(fmt::format("{}", fmt::join(names_of(command.options), " "))));
        if (!command.arguments.empty()) {
            arguments += fmt::format("    {}) echo {} ;;\n", path, quoted(arguments_of(command)));
        }
        for (const auto& option : command.options) {
            if (!option.takes_value) continue;
            for (const auto& name : option.names) {
                values += fmt::format("    {}) echo {} ;;\n", quoted(path_of(command) + ":" + name),
                                      option.choices.empty()
                                          ? "FILE"
                                          : quoted(fmt::format("{}", fmt::join(option.choices, " "))));
            }
        }
    }
    return fmt::format(R"sh(# bash completion for relevo, made by `relevo completion bash`.
_relevo_commands() {{
  case $1 in
{}  esac
}}
_relevo_options() {{
  case $1 in
{}  esac
}}
_relevo_arguments() {{
  case $1 in
{}    *) ;;
  esac
}}
# What stands behind an option: its choices, FILE, or nothing.
_relevo_values() {{
  case $1 in
{}    *) ;;
  esac
}}
_relevo() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} path='' value='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    if [[ $word == '=' ]]; then continue; fi
    if [[ $value ]]; then value='' && continue; fi
    if [[ $word == -* ]]; then
      value=$(_relevo_values "$path:$word")
    elif [[ " $(_relevo_commands "$path") " == *" $word "* ]]; then
      path="${{path:+$path }}$word"
    fi
  done
  if [[ $current == '=' ]]; then current=''; fi
  if [[ ! $value ]]; then
    if [[ $current == -* ]]; then
      value=$(_relevo_options "$path")
    else
      value="$(_relevo_commands "$path") $(_relevo_arguments "$path")"
    fi
  fi
  if [[ " $value " == *" FILE "* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
  else
    mapfile -t COMPREPLY < <(compgen -W "$value" -- "$current")
  fi
}}
complete -F _relevo relevo
)sh",
                       commands, options, arguments, values);
}

std::string zsh_completion(const std::vector<Command>& tree) {
    std::string functions;
    for (const auto& command : tree) {
        std::string lines;
        for (const auto& option : command.options) {
            for (const auto& name : option.names) {
                const std::string others = fmt::format("({})", fmt::join(option.names, " "));
                std::string spec = others + name + "[" + summary(option.help) + "]";
                if (option.takes_value) {
                    spec += option.choices.empty()
                                ? ":value:_files"
                                : fmt::format(":value:({})", fmt::join(option.choices, " "));
                }
                lines += "    " + quoted(spec) + " \\\n";
            }
        }
        const std::string name =
            fmt::format("_relevo{}{}", command.path.empty() ? "" : "_", fmt::join(command.path, "_"));
        // what has both, as `pause`, is completed as its arguments are: its options stand behind them
        if (command.commands.empty() || !command.arguments.empty()) {
            const std::string taken = command.commands.empty()
                                          ? arguments_of(command)
                                          : fmt::format("{}", fmt::join(command.commands, " "));
            if (!taken.empty()) {
                lines +=
                    "    " + quoted(taken == "FILE" ? "*:file:_files" : "*:value:(" + taken + ")") + " \\\n";
            }
            functions += fmt::format("{}() {{\n  _arguments -s \\\n{}    && return\n}}\n", name, lines);
            continue;
        }
        std::string described;
        for (const auto& child : tree) {
            if (child.path.size() != command.path.size() + 1) continue;
            if (!std::equal(command.path.begin(), command.path.end(), child.path.begin())) continue;
            described += "    " + quoted(child.path.back() + ":" + summary(child.help)) + "\n";
        }
        functions += fmt::format(R"sh({0}() {{
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
{1}  )
  _arguments -C -s \
{2}    '1: :->command' '*:: :->rest' && return
  case $state in
    command) _describe command commands ;;
    rest) (( $+functions[{0}_$line[1]] )) && {0}_$line[1] ;;
  esac
}}
)sh",
                                 name, described, lines);
    }
    return "#compdef relevo\n# zsh completion for relevo, made by `relevo completion zsh`.\n" + functions +
           "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _relevo \"$@\"; else compdef _relevo "
           "relevo; fi\n";
}

std::string fish_completion(const std::vector<Command>& tree) {
    std::string with_value;  // options whose next word is theirs
    std::string lines;
    for (const auto& name : names_of([&] {
             std::vector<CommandOption> taking;
             for (const auto& command : tree) {
                 for (const auto& option : command.options) {
                     if (option.takes_value) taking.push_back(option);
                 }
             }
             return taking;
         }())) {
        if (with_value.find(" " + name + " ") == std::string::npos) with_value += " " + name + " ";
    }
    std::string paths;
    for (const auto& command : tree) {
        const std::string path = path_of(command);
        if (!path.empty()) paths += " " + quoted(path);
        const std::string at = "complete -c relevo -n " + quoted("__relevo_at " + quoted(path));
        for (const auto& child : tree) {
            if (child.path.size() != command.path.size() + 1 ||
                !std::equal(command.path.begin(), command.path.end(), child.path.begin())) {
                continue;
            }
            lines += fmt::format("{} -a {} -d {}\n", at, child.path.back(), quoted(summary(child.help)));
        }
        for (const auto& option : command.options) {
            lines += at;
            for (const auto& name : option.names) {
                lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            }
            if (option.takes_value) {
                lines += option.choices.empty()
                             ? " -r -F"
                             : " -x -a " + quoted(fmt::format("{}", fmt::join(option.choices, " ")));
            }
            lines += " -d " + quoted(summary(option.help)) + "\n";
        }
        const std::string taken = arguments_of(command);
        if (taken == "FILE") {
            lines += at + " -F\n";
        } else if (!taken.empty()) {
            lines += at + " -a " + quoted(taken) + "\n";
        }
    }
    return fmt::format(R"sh(# fish completion for relevo, made by `relevo completion fish`.
# Whether the words so far name this command.
function __relevo_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word {}
            set skip 1
        else if not string match -q -- '-*' $word; and contains -- (string join ' ' $path $word) {}
            set -a path $word
        end
    end
    test "$path" = "$argv[1]"
end
complete -c relevo -f
{})sh",
                       with_value, paths, lines);
}

}  // namespace relevo
