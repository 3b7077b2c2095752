#include "tests/faults/worker.hpp"

#include <doctest/doctest.h>

namespace relevo::faults {

TEST_CASE("an isolated installation has a database, topics and providers of its own, and nothing else") {
    Config config;
    config.kafka_brokers = "broker:9092";
    config.postgres_url = Secret("postgresql://app:pass/word@host:5432/relevo?sslmode=require");
    config.postgres_owner_url = Secret("host=db user=owner dbname=relevo");
    const Config isolated = isolate(config, {"ab12cd34", 4'000});
    CHECK(isolated.kafka_brokers == "broker:9092");
    CHECK(isolated.kafka_prefix == "relevo-prove.ab12cd34.");
    CHECK(isolated.postgres_url.reveal() ==
          "postgresql://app:pass/word@host:5432/relevo_prove_ab12cd34?sslmode=require");
    CHECK(isolated.postgres_owner_url.reveal() ==
          "host=db user=owner dbname=relevo dbname=relevo_prove_ab12cd34");  // the last one counts
    CHECK(isolated.providers.whatsapp == "http://127.0.0.1:4000/whatsapp");
    config.postgres_url = Secret("postgresql://app@host");
    CHECK(isolate(config, {"ab12cd34", 1}).postgres_url.reveal() ==
          "postgresql://app@host/relevo_prove_ab12cd34");
}

}  // namespace relevo::faults
