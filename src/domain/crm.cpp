#include "domain/crm.hpp"

namespace relevo {

std::string_view name_of(CrmKind kind) {
    switch (kind) {
        case CrmKind::company:
            return "company";
        case CrmKind::division:
            return "division";
        case CrmKind::contact:
            return "contact";
        case CrmKind::opportunity:
            return "opportunity";
    }
    return "";
}

std::string_view plural_of(CrmKind kind) {
    switch (kind) {
        case CrmKind::company:
            return "companies";
        case CrmKind::division:
            return "divisions";
        case CrmKind::contact:
            return "contacts";
        case CrmKind::opportunity:
            return "opportunities";
    }
    return "";
}

}  // namespace relevo
