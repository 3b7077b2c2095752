#pragma once

#include "cli/config.hpp"
#include "postgres/stores.hpp"
#include "runtime/replay.hpp"
#include "vault/master_keys.hpp"

namespace relevo {

/// Runs the stage on the records that it once read. Its composition holds nothing that reaches anybody: no
/// sink and no producer, no HTTP client, no Redis, of the vault the keys of erasures only; channels that note
/// what they are told to send; models that answer from the stored steps; and a database in which nothing
/// stays. Time is the records': what had not expired then is not expired now. Throws Failure.
void replay_stage(const Config& config, const ChannelLimitsByName& channels,
                  std::shared_ptr<MasterKeys> masters, const StageReplay& request, const TellReplayed& tell);

}  // namespace relevo
