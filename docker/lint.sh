#!/usr/bin/env bash
# Checks what no compiler sees: the shell scripts, the Dockerfile, compose.yaml. Run by ./dev test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t scripts < <(find docker -name '*.sh' | sort)
scripts+=(dev .ci/run)
for script in "${scripts[@]}"; do bash -n "$script"; done
# It sees one file at a time, so it knows neither the variables (SC1091, SC2034, SC2154) nor the `set -e` (SC2164) of
# the file that sources another. SC2016: apt's own $(WORDS) are meant.
shellcheck --exclude=SC1091,SC2016,SC2034,SC2154,SC2164 "${scripts[@]}"
node_modules=tests/e2e/node_modules
node "$node_modules/dockerfile-utils/bin/dockerfile-utils" lint docker/Dockerfile
docker-compose -f docker/compose.yaml config --quiet
