#include "process/meta_settings.hpp"

#include <fstream>
#include <iterator>

namespace relevo {
namespace {

Secret secret_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    if (text.empty()) {
        throw Failure({Fault::permanent, "config.invalid",
                       file.string() + " holds no secret of a Meta app; write the app's secret into it"});
    }
    return Secret(std::move(text));
}

}  // namespace

MetaSettings meta_settings(const Config& config) {
    MetaSettings settings;
    const auto& stated = config.meta;
    if (!stated.app_id.empty()) settings.facebook = {stated.app_id, secret_of(stated.app_secret_file)};
    if (!stated.instagram_app_id.empty()) {
        settings.instagram = {stated.instagram_app_id, secret_of(stated.instagram_app_secret_file)};
    }
    settings.config_id = stated.config_id;
    settings.redirect_uri = stated.redirect_uri;
    settings.webhooks_url = config.public_url;
    settings.look_every = stated.look_every;
    if (const auto& base = config.providers.meta; !base.empty()) {
        settings.dialog_url = base + "/dialog";
        settings.graph_url = base + "/graph";
        settings.instagram_dialog_url = base + "/instagram-dialog";
        settings.instagram_api_url = base + "/instagram-api";
        settings.instagram_graph_url = base + "/instagram-graph";
    }
    return settings;
}

}  // namespace relevo
