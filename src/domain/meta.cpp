#include "domain/meta.hpp"

namespace relevo {

std::string_view name_of(MetaKind kind) {
    return kind == MetaKind::facebook ? "facebook" : "instagram";
}

std::optional<MetaKind> meta_kind(std::string_view name) {
    if (name == "facebook") return MetaKind::facebook;
    if (name == "instagram") return MetaKind::instagram;
    return std::nullopt;
}

}  // namespace relevo
