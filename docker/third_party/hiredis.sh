#!/usr/bin/env bash
# hiredis ≥ 1.2 (Debian 12 has 0.14), from Debian 13's source package.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

build() {
  debian_source hiredis 1.2 1.2.0 82ad632d31ee05da13b537c124f819eb88e18851d9cb0c30ae0552084811588c
  cmake_install hiredis "$1" -DENABLE_SSL=OFF -DDISABLE_TESTS=ON
}

recipe hiredis 1.2.0
