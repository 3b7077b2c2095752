#pragma once

#include <vector>

#include "domain/facts.hpp"
#include "domain/http.hpp"
#include "runtime/cluster.hpp"

namespace relevo {

/// What `relevo doctor` asks of an installation. Each call blocks, for some seconds at most; throws Failure
/// where who is asked is away or refuses.
class Inspection {
  public:
    virtual ~Inspection() = default;
    virtual ClusterFacts cluster(const std::vector<PipelineSpec>& pipelines) = 0;
    virtual DatabaseFacts database() = 0;
    /// As relevo_operator.
    virtual WaitingFacts waiting() = 0;
    virtual RedisFacts redis() = 0;
    /// Tries to open each with the configured master key.
    virtual std::vector<CredentialFacts> credentials() = 0;
    /// `ask`: what their providers say of them, too.
    virtual std::vector<AccountFacts> accounts(bool ask) = 0;
    /// What answers for the shops' agents over the network, fallbacks too. `ask` as above.
    virtual std::vector<ModelFacts> models(bool ask) = 0;
    /// GET of this address.
    virtual HttpResponse fetch(const std::string& url) = 0;
};

}  // namespace relevo
