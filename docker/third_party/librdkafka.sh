#!/usr/bin/env bash
# librdkafka 2.15.1, the unmodified source that its vendor ships inside its npm package. Debian 12's 2.0 loses messages in
# rebalances, and the group protocol `consumer` (KIP-848) needs 2.12.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

build() {
  npm_source @confluentinc/kafka-javascript@1.10.1 \
    'sha512-KVePUBn21EqCVP9mfxzEuM3SYJHHEF7X+iiC2e43QQgDSyEaksInmCGooT3w5q+cNAdkSCrK71j0ICfqoSqZLw=='
  cd package/deps/librdkafka # without its CMake modules: its own configure builds it
  # SASL's SCRAM and PLAIN come with SSL; GSSAPI (libsasl2) and OAuth by HTTP (libcurl) aren't used.
  CC="ccache $CC" CXX="ccache $CXX" ./configure --prefix="$1" --no-download \
    --enable-ssl --enable-zlib --enable-zstd --enable-lz4-ext --disable-gssapi --disable-curl
  make -C src -j"$(nproc)" librdkafka.a
  # Only the static library: its own `install` would also want the shared one.
  install -Dm644 -t "$DESTDIR$1/include/librdkafka" src/rdkafka.h src/rdkafka_mock.h
  install -Dm644 -t "$DESTDIR$1/lib" src/librdkafka.a
}

recipe librdkafka 2.15.1
