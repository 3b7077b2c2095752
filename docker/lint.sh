#!/usr/bin/env bash
# Checks what no compiler sees: the shell scripts, the Dockerfile, compose.yaml, the alert rules. Run by ./dev test.
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
promtool=.dev/third_party/promtool/promtool
[[ -x $promtool ]] || { echo "there is no $promtool: ./dev setup" >&2 && exit 1; }
"$promtool" check config docker/prometheus/prometheus.yml # and the rules that it names
"$promtool" test rules docker/prometheus/relevo.rules_test.yml
