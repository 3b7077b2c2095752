# shellcheck shell=bash
# Kafka, PostgreSQL, Redis and relevo of one profile. Sourced by ./dev and by container.sh, which set
#   $repo, $profile   folders: the checkout, and what this profile keeps (ports, data, logs, process ids)
#   $host             the address that servers listen on; $kafka_host, $postgres_host, $redis_host: where others find them
#   $preset           whose relevo runs
# and define say, fail and third_party. A server NAME has NAME_prepare (its data and configuration; repeatable), NAME_command
# (sets the array `command`), NAME_ready, NAME_stop and, where it needs one, NAME_bootstrap (once it answers; repeatable).

servers=(kafka postgres redis)
for server_file in process kafka postgres redis relevo; do
  # shellcheck source=/dev/null
  source "$repo/docker/servers/$server_file.sh"
done

# Ports are chosen once, among those free at that time and in no other profile's book, and remembered.
profile_open() {
  local name port chosen=' '
  mkdir -p "$profile/run" "$profile/log"
  if [[ ! -f $profile/ports.env ]]; then
    for name in http kafka kafka_controller postgres redis; do
      until port=$((20000 + RANDOM % 10000)) && [[ $chosen != *" $port "* ]] && ! listens "$port" &&
        ! grep -qs "=$port\$" "${profile%/*}"/*/ports.env; do :; done
      chosen+="$port "
      echo "${name}_port=$port"
    done >"$profile/ports.env.new"
    mv "$profile/ports.env.new" "$profile/ports.env"
  fi
  # shellcheck source=/dev/null
  source "$profile/ports.env"
  postgres_secrets
  pg_home=$(postgres_home)
}

port_of() { local name=${1/relevo/http}_port && echo "${!name}"; }

# server_begin NAME: starts it unless it runs; server_await NAME: returns when it serves.
server_begin() {
  local port deadline=$((SECONDS + 5))
  process_id "$1" >/dev/null && return
  port=$(port_of "$1")
  while listens "$port"; do # a process that was killed just now may still hold it
    ((SECONDS < deadline)) || fail "port $port, $1's in $profile/ports.env, is taken by a process that isn't ours"
    sleep 0.1
  done
  "$1_prepare"
  "$1_command"
  process_start "$1" "${command[@]}"
}

server_await() {
  process_await "$1" 60 "$1_ready" || fail "$1 did not start"
  if declare -F "$1_bootstrap" >/dev/null; then "$1_bootstrap"; fi
}

servers_start() {
  local server
  for server in "${servers[@]}"; do server_begin "$server"; done # the slowest, Kafka, comes first
  for server in "${servers[@]}"; do server_await "$server"; done
}

servers_stop() {
  local server
  for server in relevo redis postgres kafka; do "${server}_stop"; done
}
