#include <filesystem>

#include "cli/doctor.hpp"

namespace relevo {
namespace {

namespace fs = std::filesystem;

bool has(fs::perms all, fs::perms wanted) {
    return (all & wanted) != fs::perms::none;
}

Findings files_exist(const FileFacts&, const Setting& setting) {
    const Config& config = setting.config;
    Findings findings;
    const auto expect = [&](const char* key, const fs::path& path, bool folder) {
        std::error_code error;
        const auto status = fs::status(path, error);
        if (folder ? fs::is_directory(status) : fs::is_regular_file(status)) return;
        findings.push_back(
            wrong(fmt::format("{}: {} is no {}", key, path.string(), folder ? "folder" : "file"),
                  fmt::format("correct {} in the configuration, or put the {} there", key,
                              folder ? "folder" : "file")));
    };
    if (config.master_key_command.empty()) expect("master_key_file", config.master_key_file, false);
    if (!config.admin_token_file.empty()) expect("admin_token_file", config.admin_token_file, false);
    if (!config.socketio_js.empty()) expect("socketio_js", config.socketio_js, false);
    expect("pipelines", config.pipelines, true);
    expect("migrations", config.migrations, true);
    if (!config.schemas.empty()) expect("schemas", config.schemas, true);
    expect("console", config.console, true);
    return or_all_well(std::move(findings), "every file and folder of the configuration is there");
}

// Whoever reads the master key and the database reads every shop's secrets; the configuration holds
// passwords.
Findings secrets_are_private(const FileFacts& facts, const Setting& setting) {
    Findings findings;
    for (const auto& path :
         {facts.config_file, setting.config.master_key_file, setting.config.admin_token_file}) {
        std::error_code error;
        const auto status = fs::status(path, error);
        if (!fs::is_regular_file(status)) continue;
        const std::string advice =
            "chmod 600 " + path.string() + "; renew what is in it if others were logged in";
        if (has(status.permissions(), fs::perms::others_read | fs::perms::others_write)) {
            findings.push_back(
                wrong(fmt::format("{}: everybody on this machine may read it", path.string()), advice));
        } else if (has(status.permissions(), fs::perms::group_write)) {
            findings.push_back(warning(fmt::format("{}: its group may change it", path.string()), advice));
        }
    }
    return or_all_well(std::move(findings), "only their owner reads keys and passwords");
}

Findings world_address(const FileFacts&, const Setting& setting) {
    const std::string& url = setting.config.public_url;
    if (url.starts_with("https://")) return {all_well("public_url is " + url)};
    for (const auto* local : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
        if (!url.starts_with(local)) continue;
        return {warning(
            fmt::format("public_url is {}: no provider reaches this machine there", url),
            "for more than trying it out, give relevo a name with a certificate and set public_url to "
            "https://NAME")};
    }
    return {wrong(fmt::format("public_url is {}: messages and secrets would pass unencrypted", url),
                  "put a TLS proxy before relevo and set public_url to https://NAME")};
}

Findings operator_is_known(const FileFacts&, const Setting& setting) {
    if (!setting.config.postgres_operator_url.empty()) return {all_well("postgres.operator_url is set")};
    return {warning("postgres.operator_url is not set: dead letters and timers of all shops cannot be read",
                    "set it to the URL of the role relevo_operator")};
}

constexpr Check<FileFacts> checks[] = {
    {"files exist", files_exist},
    {"secrets are private", secrets_are_private},
    {"public address", world_address},
    {"operator's address", operator_is_known},
};

}  // namespace

std::span<const Check<FileFacts>> file_checks() {
    return checks;
}

}  // namespace relevo
