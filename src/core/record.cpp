#include "core/record.hpp"

namespace relevo {
namespace {

template <class To, class From>
BasicHeaders<To> convert(const BasicHeaders<From>& from) {
    return {To(from.id),          To(from.type),         To(from.source), To(from.subject),
            To(from.traceparent), To(from.installation), from.time,       from.expires};
}

}  // namespace

HeaderViews views_of(const Headers& headers) {
    return convert<std::string_view>(headers);
}

Headers copy_of(const HeaderViews& headers) {
    return convert<std::string>(headers);
}

std::string_view fairness_key(std::string_view key) {
    return key.substr(0, key.find(':'));
}

}  // namespace relevo
