#pragma once

#include <string>

namespace relevo::testing {

inline const std::string shop_account = "106540352242922";

/// A webhook of the Cloud API with one entry whose changes are given as JSON, separated by commas.
inline std::string whatsapp_webhook(const std::string& changes) {
    return R"({"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[)" + changes +
           "]}]}";
}

/// A change of the field "messages"; `members` follow the metadata.
inline std::string messages_change(const std::string& members) {
    return R"({"field":"messages","value":{"messaging_product":"whatsapp","metadata":)"
           R"({"display_phone_number":"+54 9 11 5550-0100","phone_number_id":")" +
           shop_account + "\"}," + members + "}}";
}

/// One message of the contact 5491155501234, who is called Lucía; `members` are type and content.
inline std::string one_message(const std::string& members) {
    return whatsapp_webhook(messages_change(
        R"("contacts":[{"wa_id":"5491155501234","user_id":"AR.77","profile":{"name":"Luc\u00eda"}}],)"
        R"("messages":[{"from":"5491155501234","from_user_id":"AR.77","id":"wamid.A1","timestamp":"1795262400",)" +
        members + "}]"));
}

}  // namespace relevo::testing
