#pragma once

#include <array>
#include <string_view>

namespace relevo {

// What the migrations make and an operator may have lost: `relevo doctor` looks for it, a test compares the
// lists with a migrated database.

/// The functions that cross tenants, relevo_router's.
inline constexpr std::array<std::string_view, 21> definer_functions{
    "count_backlog",       "count_due_timers", "count_money",  "find_api_key",           "find_endpoint",
    "find_identity",       "find_login",       "find_origin",  "find_session",           "find_ticket",
    "forget_api_requests", "has_guests",       "is_anothers",  "lease_meta_connections", "lease_timers",
    "list_endpoints",      "list_pauses",      "list_tenants", "register_tenant",        "resolve_account",
    "resolve_owner",
};

/// The indexes that no constraint brings.
inline constexpr std::array<std::string_view, 72> made_indexes{
    "accounts_endpoint_id_idx",
    "accounts_live",
    "accounts_of_name",
    "aliases_contact_id_tenant_id_idx",
    "api_keys_of_tenant",
    "api_requests_about",
    "api_requests_over",
    "archive_appended",
    "archive_of_account",
    "audit_log_of_subject",
    "audit_log_of_tenant",
    "chunks_of_source",
    "companies_listed",
    "companies_of_crm",
    "contact_names_of_contact",
    "contacts_deleted",
    "contacts_listed",
    "contacts_of_crm",
    "contacts_of_division",
    "conversations_in_chatwoot",
    "conversations_newest",
    "dead_letters_archived",
    "dead_letters_at_idx",
    "dead_letters_of_account",
    "dead_letters_of_contact",
    "dead_letters_of_event",
    "dead_letters_of_key",
    "dead_letters_of_record",
    "dead_letters_of_stage",
    "dead_letters_open",
    "dead_letters_with_key",
    "deliveries_by_provider",
    "deliveries_unknown",
    "divisions_listed",
    "divisions_of_company",
    "divisions_of_crm",
    "endpoints_tenant_id_channel_idx",
    "erased_events_noted",
    "former_endpoints_endpoint_id_idx",
    "messages_of_turn",
    "messages_unclaimed",
    "meta_accounts_of_connection",
    "meta_connections_due",
    "meta_connections_live",
    "meta_connections_of_tenant",
    "model_calls_by_conversation",
    "model_calls_by_turn",
    "model_calls_expiring",
    "model_calls_of_conversation",
    "model_calls_of_time",
    "model_calls_of_unknown_cost",
    "model_calls_open",
    "opportunities_listed",
    "opportunities_of_company",
    "opportunities_of_contact",
    "opportunities_of_crm",
    "replies_of_turn",
    "replies_open",
    "sessions_of_user",
    "sign_in_attempts_of_key",
    "sign_in_attempts_over",
    "subscriptions_live",
    "subscriptions_of_provider",
    "tenants_of_origin",
    "timers_archived",
    "timers_due",
    "timers_in_line",
    "timers_kept",
    "timers_of_key",
    "timers_with_key",
    "turns_open",
    "user_identities_of_user",
};

}  // namespace relevo
