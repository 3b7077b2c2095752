# shellcheck shell=bash
# One Kafka broker that is its own controller. See process.sh for what is sourced, and servers.sh for what is expected.

kafka_prepare() {
  local home=$profile/kafka id
  mkdir -p "$home"
  sed -e "s|@host@|$host|g" -e "s|@advertised@|$kafka_host|g" -e "s|@port@|$kafka_port|g" \
    -e "s|@controller_port@|$kafka_controller_port|g" -e "s|@data@|$home/data|g" \
    "$repo/docker/kafka/server.properties.in" >"$home/server.properties"
  kafka_java=(java -cp "$(third_party kafka)/libs/*" -Dorg.apache.logging.log4j.level=INFO)
  if [[ ! -f $home/data/meta.properties ]]; then
    # Like StorageTool's random-uuid, without a second start of Java; a leading '-' would look like an option.
    until [[ ${id:--} != -* ]]; do id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =); done
    "${kafka_java[@]}" kafka.tools.StorageTool format --standalone -t "$id" -c "$home/server.properties" >&2
  fi
}

kafka_command() { command=("${kafka_java[@]}" -Xmx512m kafka.Kafka "$profile/kafka/server.properties"); }

# Listening comes before serving: the broker is ready when it answers a client.
kafka_ready() { listens "$kafka_port" && timeout 5 kcat -b "127.0.0.1:$kafka_port" -L -m 3; }

kafka_stop() { process_stop kafka TERM 30; }
