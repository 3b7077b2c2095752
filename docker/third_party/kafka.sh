#!/usr/bin/env bash
# The broker: Apache Kafka's published jars with all they need at run time, in PREFIX/libs.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

pom=$recipes/../kafka/pom.xml
sums=$recipes/../kafka/libs.sha256

build() {
  mkdir -p "$DESTDIR$1/libs"
  mvn --batch-mode --strict-checksums --no-transfer-progress -f "$pom" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$DESTDIR$1/libs"
  cd "$DESTDIR$1/libs"
  sha256sum --check --strict "$sums"
  cmp <(sed 's/.* //' "$sums" | sort) <(printf '%s\n' * | sort) # and nothing besides
}

recipe kafka 4.1.0 "$(cat "$pom" "$sums" | sha256sum)"
