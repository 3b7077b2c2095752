#include "channels/meta_app_secret.hpp"

#include "channels/meta_places.hpp"

namespace relevo {

Task<Secret> MetaAppSecret::find(TenantId tenant, std::string category, std::string name) {
    for (const MetaKind kind : {MetaKind::facebook, MetaKind::instagram}) {
        const Secret& ours = settings_.app(kind).secret;
        if (name != app_secret_name || ours.empty()) continue;
        for (const auto channel : channels_of(kind)) {
            if (category_of(channel) != category) continue;
            auto looked = store_.rules(tenant, std::string(channel));
            const bool is_ours = co_await std::move(looked);
            if (is_ours) co_return ours;
        }
    }
    auto found = vault_.find(tenant, std::move(category), std::move(name));
    co_return co_await std::move(found);
}

}  // namespace relevo
