#pragma once

#include <string>
#include <vector>

#include "domain/inbound.hpp"
#include "domain/stores.hpp"

namespace relevo {

// What the providers send us, as they document it.

// Parts of a WhatsApp webhook.
std::string whatsapp_message(const Account& account, const std::string& who, const std::string& event_id,
                             const std::string& text);
std::string whatsapp_reaction(const Account& account, const std::string& who, const std::string& event_id);
std::string whatsapp_echo(const Account& account, const std::string& who, const std::string& event_id,
                          const std::string& text);
std::string whatsapp_status(const std::string& account, const std::string& to, const std::string& provider_id,
                            const std::string& reply, ReceiptStatus status);
std::string whatsapp_stranger(const Account& account, const std::string& event_id);
/// Each change is one of the above.
std::string whatsapp_webhook(const std::vector<std::string>& changes);

std::string telegram_message(const std::string& who, const std::string& event_id, const std::string& text);
std::string telegram_reaction(const std::string& who, const std::string& event_id);
std::string telegram_stranger(const std::string& event_id);

/// The value of X-Hub-Signature-256.
std::string hub_signature(const std::string& secret, const std::string& body);

}  // namespace relevo
