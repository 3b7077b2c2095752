#pragma once

#include <string_view>

#include "core/error.hpp"
#include "domain/http.hpp"
#include "domain/secret.hpp"

namespace relevo {

/// Whether both are the same, in a time that depends on neither. Nothing equals an empty secret.
bool same_secret(std::string_view given, const Secret& secret);

/// Meta's signature, of WhatsApp, Messenger and Instagram alike: X-Hub-Signature-256 is "sha256=" and the hex
/// HMAC-SHA256 of the raw body under the app's secret. Fails with "webhook.bad_signature", and with
/// "webhook.no_secret" where there is nothing to check against; `category` is named in the latter.
Result<void> verify_hub_signature(const HttpRequest& request, const Secret& app_secret,
                                  std::string_view category);

/// The error of a webhook that nobody can check: the tenant has not stored `name` of `category` yet.
Error no_verification_secret(std::string_view category, std::string_view name);

}  // namespace relevo
