#!/usr/bin/env bash
# Prometheus's promtool, which checks alert rules and metrics: in PREFIX. From Debian's package, which is unpacked and not
# installed: installing it would start a server.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

version=$(apt-cache policy prometheus | sed -n 's/^ *Candidate: //p')

build() {
  apt-get -o "APT::Sandbox::User=$(id -un)" download prometheus
  dpkg -x prometheus_*.deb .
  install -Dm755 -t "$DESTDIR$1" usr/bin/promtool
}

[[ $version && $version != '(none)' ]] || fail "apt knows no package prometheus: run apt-get update first"
recipe promtool "${version//[^0-9.a-z-]/-}"
