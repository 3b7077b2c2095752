#pragma once

#include "domain/secret.hpp"
#include "domain/turn_replay.hpp"
#include "http/client.hpp"
#include "models/list.hpp"
#include "vault/master_keys.hpp"

namespace relevo {

/// Asks the models again for the stored turns. Its composition holds nothing that reaches a customer: no
/// channel, no relay, no producer, no Redis; `url` is of relevo_operator_text, who changes nothing and of the
/// shops' secrets reads the keys of models only. Until all are done or a signal comes: false then. Throws
/// Failure.
bool replay_turns(const Secret& url, std::shared_ptr<MasterKeys> masters, const ModelSettings& models,
                  const ClientLimits& limits, const TurnReplay& replay, const TellTurn& tell);

}  // namespace relevo
