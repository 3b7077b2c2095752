#!/usr/bin/env bash
# pgvector ≥ 0.8 (Debian 12 has 0.4), from Debian 13's source package, for the machine's newest PostgreSQL. Nothing is put
# into that PostgreSQL: docker/servers/postgres.sh lays these files beside it in a tree of its own.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

pg_config=$(find /usr/lib/postgresql/*/bin/pg_config | sort -V | tail -n 1)

build() {
  debian_source pgvector 0.8 0.8.0 867a2c328d4928a5a9d6f052cd3bc78c7d60228a9b914ad32aa3db88e9de27b0
  # OPTFLAGS empty: pgvector's default, -march=native, would tie the result to this very processor.
  local make=(make -C pgvector PG_CONFIG="$pg_config" CC="$CC" OPTFLAGS= with_llvm=no)
  "${make[@]}"
  "${make[@]}" DESTDIR="$PWD/installed" install
  mkdir -p "$DESTDIR$1"
  cp -r "$PWD/installed$("$pg_config" --pkglibdir)" "$DESTDIR$1/lib"
  cp -r "$PWD/installed$("$pg_config" --sharedir)/extension" "$DESTDIR$1/extension"
}

recipe pgvector 0.8.0 "$("$pg_config" --version | cut -d. -f1)"
