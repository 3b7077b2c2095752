# shellcheck shell=bash
# What `./dev setup` does: Debian's packages, the third parties of docker/third_party, the npm packages of the tests. Sourced
# by ./dev, which sets $repo and defines say, fail and step. Whatever is there already is left alone.

# What to set up: all three, or fewer (docker/Dockerfile).
parts=${RELEVO_SETUP:-build servers tests}
wants() { [[ " $parts " == *" $1 "* ]]; }

packages() {
  if [[ $codename == bookworm ]]; then # its GCC 12 miscompiles coroutines, its default Boost is 1.74
    compiler='clang-16 lld-16 llvm-16 libclang-rt-16-dev' boost='libboost1.81-dev libboost-url1.81-dev' postgres=15
  else
    compiler='g++ lld' boost='libboost-dev libboost-url-dev' postgres=17
  fi
  echo "$compiler" cmake ninja-build ccache pkg-config make git curl jq ca-certificates openssl dpkg-dev debian-archive-keyring
  if wants build; then
    echo "$boost" libfmt-dev libspdlog-dev libcli11-dev libyaml-cpp-dev prometheus-cpp-dev libsodium-dev doctest-dev rapidjson-dev
    echo libjemalloc-dev libssl-dev zlib1g-dev libzstd-dev liblz4-dev libpq-dev
  fi
  # redis-tools holds Redis's server too, without its service.
  if wants servers; then echo "postgresql-$postgres" "postgresql-server-dev-$postgres" redis-tools kcat; fi
  if wants tests; then echo chromium fonts-dejavu-core shellcheck python3-venv; fi
}

# Programs that may have come from elsewhere: PROGRAM:PACKAGE.
programs() {
  echo node:nodejs npm:npm
  if wants servers; then echo java:default-jre-headless mvn:maven; fi
  if wants tests; then echo docker-compose:docker-compose; fi
}

packages_missing() {
  local wanted entry
  mapfile -t wanted < <(packages | tr ' ' '\n' | sort -u)
  { dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || :; } | # it fails where it knows one not
    awk '$2 == "installed" { print $1 }' | sort -u | comm -13 - <(printf '%s\n' "${wanted[@]}")
  for entry in $(programs); do
    command -v "${entry%%:*}" >/dev/null || echo "${entry#*:}"
  done
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

packages_install() {
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "these Debian packages are missing, and there is no sudo to install them with: $*"
  fi
  as_root apt-get -o DPkg::Lock::Timeout=600 update || echo "apt-get update failed: going on with the lists that are there"
  no_cluster "$@"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends "$@"
}

# PostgreSQL's package would make a cluster and start it: while ours are installed, this file keeps it from that.
no_cluster_file=/etc/postgresql-common/createcluster.d/relevo.conf
no_cluster() {
  [[ " $* " == *" postgresql-"* ]] || return 0
  as_root mkdir -p "${no_cluster_file%/*}"
  echo 'create_main_cluster = false' | as_root tee "$no_cluster_file"
  trap 'as_root rm -f "$no_cluster_file"; as_root rmdir --ignore-fail-on-non-empty "${no_cluster_file%/*}"' EXIT
}

# The link .dev/third_party/NAME leads to the finished prefix.
third_party() { echo "$repo/.dev/third_party/$1"; }

third_party_build() {
  local prefix
  prefix=$("$repo/docker/third_party/$1.sh")
  mkdir -p "$repo/.dev/third_party"
  ln -sfn "$prefix" "$repo/.dev/third_party/$1"
}

third_party_paths() { # for CMakeLists.txt; replaced only when it changes
  local file=$repo/.dev/third_party.cmake
  {
    if wants build; then
      echo "set(RELEVO_RDKAFKA_ROOT $(readlink "$(third_party librdkafka)"))"
      echo "set(RELEVO_PQXX_ROOT $(readlink "$(third_party libpqxx)"))"
      echo "set(RELEVO_HIREDIS_ROOT $(readlink "$(third_party hiredis)"))"
      echo "set(RELEVO_SOCKETIO_JS $(readlink "$(third_party socketio_client)")/socket.io.min.js)"
    fi
    if wants servers; then echo "set(RELEVO_KAFKA_LIBS $(readlink "$(third_party kafka)")/libs)"; fi
  } >"$file.new"
  if cmp -s "$file.new" "$file"; then rm "$file.new"; else mv "$file.new" "$file"; fi
}

test_packages() {
  cd "$repo/tests/e2e" || return
  [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --ignore-scripts --no-audit --no-fund
}

setup() {
  local missing libraries=() library
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  command -v apt-get >/dev/null || fail "setup needs Debian's apt (Debian 12 or 13)"
  mkdir -p "$repo/.dev"
  exec {setup_lock}>"$repo/.dev/setup.lock"
  flock "$setup_lock" # up and test may run at the same time
  mapfile -t missing < <(packages_missing)
  if ((${#missing[@]})); then
    step "install ${#missing[@]} Debian packages" packages_install "${missing[@]}"
  fi
  (($(node --version | tr -dc '0-9.' | cut -d. -f1) >= 18)) || fail "Node 18 or newer is needed, this is $(node --version)"
  if [[ ! $(apt-get indextargets) ]]; then step "apt-get update" as_root apt-get update; fi # the recipes ask apt for its mirror
  if wants build; then libraries+=(librdkafka libpqxx hiredis socketio_client); fi
  if wants servers; then libraries+=(pgvector kafka); fi
  if wants tests; then libraries+=(promtool schemathesis); fi
  for library in "${libraries[@]}"; do step "third party: $library" third_party_build "$library"; done
  third_party_paths
  if wants tests; then step "npm packages of the tests" test_packages; fi
  exec {setup_lock}>&-
}
