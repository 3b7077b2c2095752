#!/usr/bin/env bash
# One part of docker/compose.yaml, in the foreground: container.sh kafka|postgres|redis|relevo|prometheus, or a job that ends:
# container.sh bootstrap (what only a superuser may do) and container.sh prepare (schema, topics, demo shops).
# container.sh ready NAME is for health checks. All containers share one volume: keys, passwords, data.
set -euo pipefail
umask 022

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
profile=/var/lib/relevo
preset=release
host=0.0.0.0 kafka_host=kafka postgres_host=postgres redis_host=redis
quiet_ms=16000 providers='' model_url='' model='' model_key='' relevo_options=()

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
third_party() { echo "$repo/.dev/third_party/$1"; }
source "$repo/docker/servers/servers.sh"

# The ports are the usual ones. Whoever comes first draws the passwords.
mkdir -p "$profile"
exec {lock}>"$profile/lock" && flock "$lock"
[[ -f $profile/ports.env ]] || cp "$repo/docker/servers/container_ports.env" "$profile/ports.env"
profile_open
exec {lock}>&-

case ${1:-} in
  kafka | postgres | redis | relevo)
    "$1_prepare"
    "$1_command"
    exec "${command[@]}"
    ;;
  prometheus)
    exec prometheus --config.file="$repo/docker/prometheus/prometheus.yml" --storage.tsdb.path="$profile/prometheus"
    ;;
  bootstrap) postgres_bootstrap ;;
  prepare) relevo_config && relevo_bootstrap_data ;;
  ready) "$2_ready" ;;
  *) fail "container.sh kafka|postgres|redis|relevo|prometheus|bootstrap|prepare|ready NAME" ;;
esac
