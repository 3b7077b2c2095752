# shellcheck shell=bash
# Redis, for what can be rebuilt: it keeps nothing.

redis_prepare() {
  mkdir -p "$profile/redis"
  # Debian's redis-tools holds the server's binary under another name (it goes by the name it is called); the package
  # redis-server adds only the name and a service that would start at each boot.
  ln -sf /usr/bin/redis-check-rdb "$profile/redis/redis-server"
}

redis_command() {
  command=("$profile/redis/redis-server" --port "$redis_port" --bind "$host" --protected-mode no
    --save '' --appendonly no --dir "$profile/redis" --maxmemory 256mb --maxmemory-policy allkeys-lru --daemonize no)
}

redis_ready() { [[ $(redis-cli -p "$redis_port" ping) == PONG ]]; }

redis_stop() { process_stop redis TERM 10; }
