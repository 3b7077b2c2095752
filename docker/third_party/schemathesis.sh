#!/usr/bin/env bash
# schemathesis, which the tests call the API with as schemas/openapi.yaml describes it: PREFIX is a PYTHONPATH.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

wheels=$recipes/schemathesis.txt
version=$(sed -n 's/^schemathesis==\([0-9.]*\).*/\1/p' "$wheels")

# Debian's Python, whichever is first in PATH: python3-venv is its package.
build() {
  /usr/bin/python3 -m venv installer
  installer/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes --no-compile \
    --target "$DESTDIR$1" -r "$wheels"
}

recipe schemathesis "$version" "$(sha256sum <"$wheels")" "$(/usr/bin/python3 --version)"
