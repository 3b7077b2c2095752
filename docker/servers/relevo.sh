# shellcheck shell=bash
# relevo itself: its configuration, the database's schema, the topics, the demo shops, the process.
# What follows `run` comes in ${relevo_options[@]}, options of `up` in $quiet_ms, $providers, $model_url, $model,
# $model_key, $retries.

relevo_binary() { echo "$repo/build/$preset/relevo"; }

# The file is replaced only when it changes.
relevo_config() {
  local new=$profile/relevo.yaml.new
  relevo_secret master.key
  relevo_secret admin.token
  relevo_secret meta.secret
  relevo_secret app.secret
  (umask 077 && cat >"$new") <<EOF
http: {address: $host, port: $http_port}
public_url: http://127.0.0.1:$http_port
kafka: {brokers: "$kafka_host:$kafka_port"}
postgres:
  url: "$(postgres_url relevo_app "$app_password")"
  owner_url: "$(postgres_url relevo_owner "$owner_password")"
  operator_url: "$(postgres_url relevo_operator "$operator_password")"
  operator_text_url: "$(postgres_url relevo_operator_text "$operator_text_password")"
redis: {url: "redis://$redis_host:$redis_port/0"}
master_key_file: $profile/master.key
admin_token_file: $profile/admin.token
pipelines: $repo/pipelines
migrations: $repo/migrations
schemas: $repo/schemas
console: $repo/src/console
socketio_js: $(third_party socketio_client)/socket.io.min.js
providers: {openai: "${providers:+$providers/openai/v1}", whatsapp: "${providers:+$providers/whatsapp}", telegram: "${providers:+$providers/telegram}", meta: "${providers:+$providers/meta}"}
${providers:+meta: {app_id: \"4242\", app_secret_file: $profile/meta.secret, instagram_app_id: \"4242\",
       instagram_app_secret_file: $profile/meta.secret, redirect_uri: \"http://127.0.0.1:$http_port/connected\", look_every: 1s\}}
${providers:+identity: {issuers: [{issuer: \"$providers/auth0/\", audience: \"http://127.0.0.1:$http_port/v1\", algorithms: [RS256]\}]\}}
${retries:+delivery: {retries: [$retries]\}}
trusted_addresses: [${model_url:+\"$(url_address "$model_url")\"}]
EOF
  if cmp -s "$new" "$profile/relevo.yaml"; then rm "$new"; else mv "$new" "$profile/relevo.yaml"; fi
}

relevo_secret() { # FILE: 32 random bytes as hexadecimal digits, drawn once
  [[ -f $profile/$1 ]] || (umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$profile/$1")
}

# host:port of a URL: the operator's own choice, wherever it is.
url_address() {
  local authority=${1#*://}
  authority=${authority%%[/?#]*}
  if [[ ! $authority =~ :[0-9]+$ ]]; then
    if [[ $1 == https:* ]]; then authority+=:443; else authority+=:80; fi
  fi
  echo "$authority"
}

relevo_do() { "$(relevo_binary)" --config "$profile/relevo.yaml" "$@"; }

# Everything that makes the running relevo what it is: when it stays the same, a second `up` has nothing to do.
relevo_fingerprint() {
  {
    echo "$quiet_ms $model_url $model $model_key"
    stat -c '%n %Y %s' "$(relevo_binary)"
    cat "$profile/relevo.yaml"
    find "$repo"/{docker/demo,pipelines,migrations,schemas} -type f -exec sha256sum {} + | sort
  } | sha256sum
}

relevo_schema() {
  relevo_do migrate up >&2
  relevo_do topics apply >&2
}

# The demo shops' files, with what this installation drew for them: the secret of an app that Meta does not have.
relevo_demo_shops() {
  local file
  rm -rf "$profile/demo" && mkdir "$profile/demo"
  for file in "$repo"/docker/demo/*.yaml; do
    sed "s|^whatsapp:\$|&\n  app_secret: {file: \"$profile/app.secret\"}|" "$file" >"$profile/demo/${file##*/}"
  done
}

# Migrates, makes topics, applies the demo shops (their JSON goes to $profile/shops.json): all repeatable.
relevo_bootstrap_data() {
  local model_options=()
  if [[ $model_url ]]; then
    (umask 077 && printf '%s' "$model_key" >"$profile/model.key")
    model_options=(--model-url "$model_url" --model "$model" --model-key-file "$profile/model.key")
  fi
  relevo_schema
  relevo_demo_shops
  (umask 077 && relevo_do shops apply "$profile"/demo/*.yaml --yes --json --quiet-ms "$quiet_ms" "${model_options[@]}" \
    >"$profile/shops.json")
}

# Returns when /readyz says 200.
relevo_up() {
  local fingerprint
  relevo_config
  fingerprint=$(relevo_fingerprint)
  if ! process_id relevo >/dev/null || [[ $fingerprint != "$(cat "$profile/fingerprint" 2>/dev/null)" ]]; then
    relevo_stop
    rm -f "$profile/fingerprint"
    step "schema, topics, demo shops" relevo_bootstrap_data
    server_begin relevo
  fi
  step "relevo" server_await relevo
  echo "$fingerprint" >"$profile/fingerprint"
}

relevo_prepare() { [[ -f $profile/relevo.yaml ]] || fail "relevo was never up: ./dev up"; }

relevo_command() { command=("$(relevo_binary)" --config "$profile/relevo.yaml" run --http-port "$http_port" "${relevo_options[@]}"); }

relevo_ready() { curl -fsS --max-time 2 "http://127.0.0.1:$http_port/readyz"; }

relevo_stop() { process_stop relevo TERM 15; } # it drains within 10 s

# The one line of `up --json`. `postgres` is the superuser's address: row-level security hides every row from the others.
relevo_json() {
  jq -cn --arg http "http://127.0.0.1:$http_port" --arg kafka "127.0.0.1:$kafka_port" \
    --arg postgres "$(postgres_url postgres "$superuser_password")" --arg redis "redis://127.0.0.1:$redis_port/0" \
    --arg relevo "$(relevo_binary)" --arg config "$profile/relevo.yaml" --rawfile token "$profile/admin.token" \
    --rawfile app_secret "$profile/app.secret" --slurpfile shops "$profile/shops.json" \
    '{$http, $kafka, $postgres, $redis, $relevo, $config, admin_token: $token, $app_secret, shops: $shops[0]}'
}
