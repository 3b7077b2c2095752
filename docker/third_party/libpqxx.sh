#!/usr/bin/env bash
# libpqxx ≥ 7.10 (Debian 12 has 7.7), from Debian 13's source package.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

build() {
  debian_source libpqxx 7.10 7.10.0 d588bca36357eda8bcafd5bc1f95df1afe613fdc70c80e426fc89eecb828fc3e
  # The library and whoever includes its headers must be of one C++ standard: ours is 20.
  cmake_install libpqxx "$1" -DCMAKE_CXX_STANDARD=20 -DSKIP_BUILD_TEST=ON -DBUILD_DOC=OFF
}

recipe libpqxx 7.10.0
