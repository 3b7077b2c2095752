# shellcheck shell=bash
# A PostgreSQL cluster of our own, with pgvector, from a tree of our own beside it: the machine's PostgreSQL lends its files
# but gets none. (PostgreSQL finds its extensions relative to its own binary, and 15 can be told no other place.)

# PostgreSQL refuses to run as root. As root it runs as the user `postgres`, whom the package made, and where that user can't
# reach the profile (a clone in /root) the cluster lives under /var/lib instead.
postgres_user=()
if ((EUID == 0)); then postgres_user=(setpriv --reuid=postgres --regid=postgres --init-groups); fi

postgres_home() {
  local elsewhere
  if ((EUID == 0)) && ! "${postgres_user[@]}" test -x "$profile"; then
    elsewhere=/var/lib/relevo-dev-$(sha256sum <<<"$profile" | cut -c1-12)
    [[ -d $elsewhere ]] || say "PostgreSQL's user can't reach $profile: its data will be in $elsewhere"
    echo "$elsewhere"
  else
    echo "$profile/postgres"
  fi
}

postgres_prepare() {
  local installed lib share vector
  installed=$(find /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
  installed=${installed%/bin/postgres}
  pg_bin=$pg_home/tree$installed/bin
  mkdir -p "$pg_home"
  if ! cmp -s "$installed/bin/postgres" "$pg_bin/postgres"; then # the first time, and after an upgrade
    share=$("$installed/bin/pg_config" --sharedir) lib=$("$installed/bin/pg_config" --pkglibdir) vector=$(third_party pgvector)
    rm -rf "$pg_home/tree"
    mkdir -p "$pg_bin" "$pg_home/tree${share%/*}" "$pg_home/tree${lib%/*}"
    cp -rs "$share" "$pg_home/tree${share%/*}/"
    cp -rs "$lib" "$pg_home/tree${lib%/*}/"
    cp --remove-destination "$vector"/extension/* "$pg_home/tree$share/extension/"
    cp --remove-destination "$vector"/lib/* "$pg_home/tree$lib/"
    cp "$installed/bin/initdb" "$installed/bin/postgres" "$pg_bin/" # last: who finds it finds all
  fi
  if [[ ! -f $pg_home/data/PG_VERSION ]]; then
    rm -rf "$pg_home/new"
    mkdir -m 700 "$pg_home/new"
    (umask 077 && echo "$superuser_password" >"$pg_home/password")
    if ((EUID == 0)); then chown postgres: "$pg_home/new" "$pg_home/password"; fi
    "${postgres_user[@]}" "$pg_bin/initdb" --pgdata="$pg_home/new" --username=postgres --pwfile="$pg_home/password" \
      --auth=scram-sha-256 --locale=C.UTF-8 --encoding=UTF8 >&2
    rm "$pg_home/password"
    mv -T "$pg_home/new" "$pg_home/data"
  fi
  install -m 644 "$repo"/docker/postgres/{postgresql,pg_hba}.conf "$pg_home/"
  postgres_forget_stale_lock
}

# Passwords are drawn once. The superuser owns nothing of relevo's.
postgres_secrets() {
  local file=$profile/secrets.env role
  for role in superuser owner app operator operator_text; do
    if grep -q "^${role}_password=" "$file" 2>/dev/null; then continue; fi
    (umask 077 && { cat "$file" 2>/dev/null || :; } >"$file.new" &&
      echo "${role}_password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')" >>"$file.new")
    mv "$file.new" "$file"
  done
  # shellcheck source=/dev/null
  source "$file"
}

# After a kill -9, PostgreSQL believes its old lock file as soon as any process of ours has got the id that stands in it.
postgres_forget_stale_lock() {
  local lock=$pg_home/data/postmaster.pid pid
  [[ -f $lock ]] || return 0
  read -r pid <"$lock"
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$pg_home/data" || rm -f "$lock"
}

postgres_command() {
  command=("${postgres_user[@]}" "$pg_bin/postgres" -D "$pg_home/data" -c "config_file=$pg_home/postgresql.conf"
    -c "hba_file=$pg_home/pg_hba.conf" -c "listen_addresses=$host" -c "port=$postgres_port")
}

postgres_ready() { postgres_sql -Atc "select 1"; }

# Roles, the database and its extensions: repeatable.
postgres_bootstrap() { postgres_sql -f "$repo/docker/postgres/bootstrap.sql"; }

postgres_sql() {
  PGPASSWORD=$superuser_password RELEVO_OWNER_PASSWORD=$owner_password RELEVO_APP_PASSWORD=$app_password \
    RELEVO_OPERATOR_PASSWORD=$operator_password RELEVO_OPERATOR_TEXT_PASSWORD=$operator_text_password \
    psql -h "$postgres_host" -p "$postgres_port" -U postgres -d postgres -Xqw -v ON_ERROR_STOP=1 "$@"
}

postgres_stop() { process_stop postgres INT 30; } # INT: without waiting for its clients to leave

# postgres_url ROLE PASSWORD [DATABASE]
postgres_url() { echo "postgresql://$1:$2@$postgres_host:$postgres_port/${3:-relevo}"; }
