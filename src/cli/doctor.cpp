#include "cli/doctor.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include "cli/commands.hpp"
#include "core/json_object.hpp"

namespace relevo {

Finding all_well(std::string text) {
    return {Verdict::ok, std::move(text), {}};
}

Finding skipped(std::string text, std::string advice) {
    return {Verdict::skipped, std::move(text), std::move(advice)};
}

Finding warning(std::string text, std::string advice) {
    return {Verdict::warning, std::move(text), std::move(advice)};
}

Finding wrong(std::string text, std::string advice) {
    return {Verdict::wrong, std::move(text), std::move(advice)};
}

Findings or_all_well(Findings findings, std::string text) {
    if (findings.empty()) findings.push_back(all_well(std::move(text)));
    return findings;
}

Findings judge_clock(std::string_view whose, Millis ahead) {
    constexpr Millis noticeable{2'000};
    constexpr Millis harmful{30'000};  // windows, expiries and signatures with a time go by it
    if (std::chrono::abs(ahead) < noticeable) return {all_well(fmt::format("{} agrees with ours", whose))};
    const std::string text = fmt::format("{} is {} s {} ours", whose, std::chrono::abs(ahead).count() / 1'000,
                                         ahead.count() > 0 ? "ahead of" : "behind");
    constexpr auto advice = "let NTP set the clocks of all machines";
    return {std::chrono::abs(ahead) < harmful ? warning(text, advice) : wrong(text, advice)};
}

namespace {

struct DoctorOptions {
    bool offline = false;
    bool strict = false;
};

class Examination {
  public:
    /// Reads, then judges; who cannot be read is one finding, and what depends on it is left out. Returns
    /// what was read.
    template <class Read, class Facts>
    std::optional<Facts> examine(const std::string& area, const std::string& advice, const Read& read,
                                 std::span<const Check<Facts>> checks, const Setting& setting) {
        try {
            const Facts facts = read();
            judge(area, facts, checks, setting);
            return facts;
        } catch (const Failure& failure) {
            std::string left_out;
            for (const auto& check : checks)
                left_out += (left_out.empty() ? "" : ", ") + std::string(check.name);
            Finding finding = wrong(failure.error().text + " (" + failure.error().code + ")", advice);
            finding.text += "; not examined: " + left_out;
            add(area, "can be asked", std::move(finding));
            return std::nullopt;
        }
    }

    /// Says of each check that it was not made.
    template <class Facts>
    void skip(const std::string& area, std::span<const Check<Facts>> checks, const std::string& why,
              const std::string& advice) {
        for (const auto& check : checks) add(area, check.name, skipped(why, advice));
    }

    template <class Facts>
    void judge(const std::string& area, const Facts& facts, std::span<const Check<Facts>> checks,
               const Setting& setting) {
        for (const auto& check : checks) {
            for (auto& finding : check.judge(facts, setting)) add(area, check.name, std::move(finding));
        }
    }

    /// A line of `lines` is a finding each.
    void add_mistakes(const std::string& area, const std::string& lines) {
        std::istringstream in(lines);
        for (std::string line; std::getline(in, line);) {
            add(area, "can be read", wrong(std::move(line), "correct the file"));
        }
    }

    void add(std::string area, std::string_view check, Finding finding) {
        finding.area = std::move(area);
        finding.check = std::string(check);
        findings.push_back(std::move(finding));
    }

    std::size_t count(Verdict verdict) const {
        return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                      [&](const auto& it) { return it.verdict == verdict; }));
    }

    Findings findings;
};

std::vector<PipelineSpec> read_pipelines(Examination& examination, const Config& config) {
    std::vector<PipelineSpec> pipelines;
    try {
        for (const auto& file : pipeline_files(config.pipelines)) {
            auto pipeline = load_pipeline(file);
            if (pipeline) {
                pipelines.push_back(std::move(*pipeline));
            } else {
                examination.add_mistakes("configuration", pipeline.error().text);
            }
        }
    } catch (const Failure& failure) {
        examination.add_mistakes("configuration", failure.error().text);
    }
    return pipelines;
}

void examine_kafka(Examination& examination, Inspection& inspection, Cluster& cluster,
                   const Setting& setting) {
    const auto facts = examination.examine(
        "Kafka", "start it, or correct kafka.brokers in the configuration",
        [&] { return inspection.cluster(setting.pipelines); }, cluster_checks(), setting);
    if (!facts) return;
    const auto lag = [&] {
        std::vector<PartitionLag> all;
        for (const auto& pipeline : setting.pipelines) {
            for (auto& row : cluster.lag(pipeline)) all.push_back(std::move(row));
        }
        return all;
    };
    examination.examine("Kafka", "relevo topics apply, then look at the brokers' logs", lag, group_checks(),
                        setting);
}

// Whether the shops' tables are there to be read.
bool examine_postgres(Examination& examination, Inspection& inspection, const Backend& backend,
                      const Setting& setting) {
    const auto facts = examination.examine(
        "PostgreSQL", "start it, or correct postgres.url in the configuration",
        [&] { return inspection.database(); }, database_checks(), setting);
    if (!facts) return false;
    const auto states = examination.examine(
        "PostgreSQL", "run the relevo and the migrations that belong together",
        [&] { return backend.schema(setting.config)->status(); }, schema_checks(), setting);
    const bool migrated =
        states && std::all_of(states->begin(), states->end(), [](const auto& it) { return it.applied; });
    if (!migrated) return false;  // what is not made cannot be missed
    examination.judge("PostgreSQL", *facts, structure_checks(), setting);
    return true;
}

void examine_waiting(Examination& examination, Inspection& inspection, const Backend& backend,
                     const Setting& setting) {
    examination.examine(
        "waiting", "see that PostgreSQL answers", [&] { return backend.pauses(setting.config)->list(); },
        pause_checks(), setting);
    if (setting.config.postgres_operator_url.empty()) {
        return examination.skip("waiting", waiting_checks(), "the configuration has no postgres.operator_url",
                                "set it to the role relevo_operator");
    }
    examination.examine(
        "waiting", "correct postgres.operator_url in the configuration", [&] { return inspection.waiting(); },
        waiting_checks(), setting);
}

void examine_shops(Examination& examination, Inspection& inspection, const Setting& setting) {
    const auto credentials = examination.examine(
        "shops",
        "put the installation's master key where master_key_file says; relevo cannot start without it",
        [&] { return inspection.credentials(); }, credential_checks(), setting);
    if (!credentials) {
        constexpr auto why = "the shops' secrets cannot be opened";
        constexpr auto advice = "mend that first";
        examination.skip("shops", account_checks(), why, advice);
        return examination.skip("shops", model_checks(), why, advice);
    }
    examination.examine(
        "shops", "see that PostgreSQL answers", [&] { return inspection.accounts(!setting.offline); },
        account_checks(), setting);
    examination.examine(
        "shops", "see that PostgreSQL answers", [&] { return inspection.models(!setting.offline); },
        model_checks(), setting);
}

void skip_tables(Examination& examination) {
    constexpr auto why = "the tables cannot be read";
    constexpr auto advice = "mend PostgreSQL first";
    examination.skip("PostgreSQL", structure_checks(), why, advice);
    examination.skip("waiting", pause_checks(), why, advice);
    examination.skip("waiting", waiting_checks(), why, advice);
    examination.skip("shops", credential_checks(), why, advice);
    examination.skip("shops", account_checks(), why, advice);
    examination.skip("shops", model_checks(), why, advice);
}

void examine_all(Examination& examination, Commands& commands, bool offline) {
    std::optional<Config> config;
    try {
        config = commands.config();
    } catch (const Failure& failure) {
        return examination.add_mistakes("configuration",
                                        failure.error().text);  // it says where everything is
    }
    const auto pipelines = read_pipelines(examination, *config);
    const Setting setting{*config, pipelines, offline};
    examination.judge("configuration", FileFacts{commands.config_file()}, file_checks(), setting);
    const Backend& backend = commands.backend();
    const auto inspection = backend.inspection(*config);
    if (!pipelines.empty()) {
        examine_kafka(examination, *inspection, *backend.cluster(*config), setting);
    } else {
        examination.skip("Kafka", cluster_checks(), "no pipeline file can be read", "correct it first");
    }
    if (examine_postgres(examination, *inspection, backend, setting)) {
        examine_waiting(examination, *inspection, backend, setting);
        examine_shops(examination, *inspection, setting);
    } else {
        skip_tables(examination);
    }
    examination.examine(
        "Redis", "start it, or correct redis.url in the configuration", [&] { return inspection->redis(); },
        redis_checks(), setting);
    if (offline) {
        return examination.skip("public address", address_checks(), "it was not asked",
                                "relevo doctor without --offline");
    }
    examination.examine(
        "public address",
        "run ingress, and lead the name and the proxy of public_url to it; a machine behind a router may be "
        "unable to "
        "reach itself by its public name: then ask from elsewhere",
        [&] { return inspection->fetch(config->public_url + "/healthz"); }, address_checks(), setting);
}

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "ok";
        case Verdict::skipped:
            return "skipped";
        case Verdict::warning:
            return "warning";
        case Verdict::wrong:
            break;
    }
    return "wrong";
}

void print_json(const Examination& examination) {
    std::vector<std::string> items;
    for (const auto& finding : examination.findings) {
        items.push_back(JsonObject()
                            .text("area", finding.area)
                            .text("check", finding.check)
                            .text("verdict", name_of(finding.verdict))
                            .text("text", finding.text)
                            .text_if_any("advice", finding.advice)
                            .str());
    }
    fmt::print("{}\n", JsonObject()
                           .number("wrong", static_cast<std::int64_t>(examination.count(Verdict::wrong)))
                           .number("warnings", static_cast<std::int64_t>(examination.count(Verdict::warning)))
                           .number("skipped", static_cast<std::int64_t>(examination.count(Verdict::skipped)))
                           .raw("findings", json_array(items))
                           .str());
}

void print_list(const Examination& examination) {
    std::string area;
    for (const auto& finding : examination.findings) {
        if (finding.area != area) fmt::print("{}{}\n", area.empty() ? "" : "\n", finding.area);
        area = finding.area;
        fmt::print("  {:<8} {:<24} {}\n", name_of(finding.verdict), finding.check, finding.text);
        if (!finding.advice.empty()) fmt::print("  {:<8} {:<24} > {}\n", "", "", finding.advice);
    }
    fmt::print("\n{} wrong, {} warnings, {} skipped, {} ok\n", examination.count(Verdict::wrong),
               examination.count(Verdict::warning), examination.count(Verdict::skipped),
               examination.count(Verdict::ok));
}

}  // namespace

void add_doctor(Commands& commands) {
    auto options = std::make_shared<DoctorOptions>();
    auto* doctor = commands.add(commands.root(), "doctor",
                                "Examine every server and setting and say what to do. Exit code 1: something "
                                "is wrong; warnings and what was skipped are 0",
                                "doctor --offline", [&commands, options] {
                                    Examination examination;
                                    examine_all(examination, commands, options->offline);
                                    commands.json() ? print_json(examination) : print_list(examination);
                                    const bool failed =
                                        examination.count(Verdict::wrong) > 0 ||
                                        (options->strict && examination.count(Verdict::warning) > 0);
                                    return failed ? 1 : 0;
                                });
    doctor->add_flag("--offline", options->offline, "Ask no provider and not the public address");
    doctor->add_flag("--strict", options->strict, "Warnings count as wrong");
    commands.takes_json(doctor);
}

}  // namespace relevo
