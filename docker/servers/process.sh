# shellcheck shell=bash
# Processes of a profile: started in the background, found again, stopped. Sourced by ./dev, which sets $profile (a folder).
# A process is known by its id and its start time together, so that an id that the kernel gave to somebody else meanwhile
# is never taken for ours.

# since PID: when the process was started, in clock ticks since boot; fails if there is none. A zombie counts as none,
# and so does one that is exiting (PF_EXITING): after a kill -9, giving back the memory can take it a while.
since() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra stat <<<"${stat##*) }" # the name before it may hold spaces and brackets
  [[ ${stat[0]} != [ZX] ]] && ! ((stat[6] & 4)) && echo "${stat[19]}"
}

# process_id NAME: prints its id if it runs.
process_id() {
  local pid ticks
  { read -r pid ticks <"$profile/run/$1.pid"; } 2>/dev/null || return 1
  [[ $(since "$pid") == "$ticks" ]] && echo "$pid"
}

# process_start NAME COMMAND…: in a session of its own, without our files, so that nobody who waits for ours waits for it.
process_start() {
  local name=$1 fd
  shift
  mkdir -p "$profile/run" "$profile/log"
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      ((fd <= 2)) || eval "exec $fd>&-"
    done
    exec setsid "$@"
  ) >>"$profile/log/$name.log" 2>&1 </dev/null &
  echo "$! $(since $!)" >"$profile/run/$name.pid"
}

# process_stop NAME SIGNAL SECONDS: asks, waits, insists.
process_stop() {
  local pid deadline=$((SECONDS + $3))
  if pid=$(process_id "$1"); then
    kill "-$2" "$pid"
    while process_id "$1" >/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    if process_id "$1" >/dev/null; then
      say "$1 did not stop within $3 s: killed"
      kill -KILL "$pid"
      while process_id "$1" >/dev/null; do sleep 0.05; done
    fi
  fi
  rm -f "$profile/run/$1.pid"
}

# process_await NAME SECONDS COMMAND…: until the command succeeds; fails when the process ends or the time is over.
process_await() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    process_id "$name" >/dev/null || { process_log "$name" "ended while it was starting"; return 1; }
    ((SECONDS < deadline)) || { process_log "$name" "is not ready in time"; return 1; }
    sleep 0.1
  done
}

process_log() {
  say "$1 $2; the end of $profile/log/$1.log:"
  tail -n 25 "$profile/log/$1.log" >&2
}

# listens PORT: whether somebody accepts connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
