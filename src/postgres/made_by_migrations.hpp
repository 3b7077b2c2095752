#pragma once

#include <array>
#include <string_view>

namespace relevo {

// What the migrations make and an operator may have lost: `relevo doctor` looks for it, a test compares the
// lists with a migrated database.

/// The functions that cross tenants, relevo_router's.
inline constexpr std::array<std::string_view, 10> definer_functions{
    "count_backlog", "count_due_timers", "find_endpoint",   "lease_timers",    "list_endpoints",
    "list_pauses",   "list_tenants",     "register_tenant", "resolve_account", "resolve_owner",
};

/// The indexes that no constraint brings.
inline constexpr std::array<std::string_view, 26> made_indexes{
    "accounts_endpoint_id_idx",
    "aliases_contact_id_tenant_id_idx",
    "archive_appended",
    "chunks_of_source",
    "dead_letters_at_idx",
    "dead_letters_of_account",
    "dead_letters_of_contact",
    "dead_letters_of_event",
    "dead_letters_of_key",
    "dead_letters_of_record",
    "dead_letters_of_stage",
    "dead_letters_open",
    "deliveries_by_provider",
    "deliveries_unknown",
    "endpoints_tenant_id_channel_idx",
    "erased_events_noted",
    "former_endpoints_endpoint_id_idx",
    "messages_of_turn",
    "messages_unclaimed",
    "replies_of_turn",
    "replies_open",
    "timers_due",
    "timers_in_line",
    "timers_kept",
    "timers_of_key",
    "turns_open",
};

}  // namespace relevo
