#!/usr/bin/env bash
# A private RabbitMQ on a bare Debian 12: rabbitmq.sh start|stop
# Own folder, port, node name, Erlang cookie and epmd, so that it meets neither a broker of the system nor another of
# these; reachable from this machine only. Installs nothing: `apt-get install rabbitmq-server` brings the programs.
#
#   DREHSCHEIBE_RABBITMQ_DIR    its folder              (/tmp/drehscheibe-rabbitmq-UID)
#   DREHSCHEIBE_RABBITMQ_PORT   where AMQP is spoken    (5673)
#   DREHSCHEIBE_RABBITMQ_DIST   Erlang's own port       (port + 20000)
#   DREHSCHEIBE_RABBITMQ_EPMD   port of its epmd        (port + 10000)
#   DREHSCHEIBE_RABBITMQ_CONF   file with further lines of rabbitmq.conf, such as a TLS listener
#   DREHSCHEIBE_RABBITMQ_WHILE  pid; when this process is gone, the broker is stopped and its folder removed
set -euo pipefail

dir=${DREHSCHEIBE_RABBITMQ_DIR:-/tmp/drehscheibe-rabbitmq-$(id -u)}
port=${DREHSCHEIBE_RABBITMQ_PORT:-5673}
dist=${DREHSCHEIBE_RABBITMQ_DIST:-$((port + 20000))}
epmd=${DREHSCHEIBE_RABBITMQ_EPMD:-$((port + 10000))}

# The programs themselves; /usr/sbin/rabbitmq-server insists on the system's user and folders.
programs=$(ls -d /usr/lib/rabbitmq/bin 2>/dev/null || true)

export HOME=$dir/home
export RABBITMQ_NODENAME=drehscheibe@localhost RABBITMQ_BASE=$dir RABBITMQ_MNESIA_BASE=$dir/mnesia \
  RABBITMQ_LOG_BASE=$dir/log RABBITMQ_CONFIG_FILE=$dir/rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins \
  RABBITMQ_DIST_PORT=$dist RABBITMQ_PID_FILE=$dir/rabbit.pid RABBITMQ_CONF_ENV_FILE=$dir/none \
  ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd \
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'

answers() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The pid of our own broker, if it runs: the one whose environment names this folder.
own_pid() {
  local pid
  [ -s "$dir/pid" ] || return 1
  pid=$(cat "$dir/pid")
  # Without a pipe: a grep that has found it ends before all was written, and the pipe fails.
  grep -zqxF "RABBITMQ_BASE=$dir" "/proc/$pid/environ" 2>/dev/null || return 1
  echo "$pid"
}

start() {
  if [ -z "$programs" ]; then
    echo "rabbitmq: not installed; run: apt-get install -y --no-install-recommends rabbitmq-server" >&2
    exit 3
  fi
  if own_pid >/dev/null; then
    echo "rabbitmq: runs already on 127.0.0.1:$port"
    return
  fi
  if answers "$port"; then
    echo "rabbitmq: port $port is taken by another program; set DREHSCHEIBE_RABBITMQ_PORT" >&2
    exit 1
  fi
  # Nobody else may read the cookie, the log or the messages.
  umask 077
  mkdir -p "$dir"/{mnesia,log,home}
  rm -f "$dir/rabbit.pid" "$dir/pid"
  # Order per key by consistent hash, and logins by client certificate; both come with the server.
  echo '[rabbitmq_consistent_hash_exchange, rabbitmq_auth_mechanism_ssl].' >"$dir/enabled_plugins"
  {
    echo "listeners.tcp.1 = 127.0.0.1:$port"
    echo "log.console = false"
    echo "disk_free_limit.absolute = 50MB"
    echo "vm_memory_high_watermark.relative = 0.3"
    [ -z "${DREHSCHEIBE_RABBITMQ_CONF:-}" ] || cat "$DREHSCHEIBE_RABBITMQ_CONF"
  } >"$dir/rabbitmq.conf"
  setsid "$programs/rabbitmq-server" >"$dir/log/stdout" 2>"$dir/log/stderr" </dev/null &
  local starter=$!
  # Two seconds where the machine is free; a busy one may need much more.
  for _ in $(seq 1800); do
    if answers "$port" && [ -s "$dir/rabbit.pid" ]; then
      # Read now: the broker deletes its own file when it ends.
      cp "$dir/rabbit.pid" "$dir/pid"
      watch_over
      echo "rabbitmq: listens on 127.0.0.1:$port"
      return
    fi
    kill -0 "$starter" 2>/dev/null || break
    sleep 0.1
  done
  kill "$starter" 2>/dev/null || true
  echo "rabbitmq: did not start; its words are in $dir/log" >&2
  tail -n 5 "$dir/log/stderr" >&2 || true
  exit 1
}

# Stops the broker and removes its folder when a process is gone, however that one ended.
watch_over() {
  local over=${DREHSCHEIBE_RABBITMQ_WHILE:-} self
  [ -n "$over" ] || return 0
  self=$(readlink -f "$0")
  DREHSCHEIBE_RABBITMQ_DIR=$dir DREHSCHEIBE_RABBITMQ_PORT=$port DREHSCHEIBE_RABBITMQ_EPMD=$epmd \
    setsid bash -c '
      while [ -d "/proc/$1" ]; do sleep 1; done
      "$2" stop && [ -f "$3/rabbitmq.conf" ] && rm -rf "$3"' _ "$over" "$self" "$dir" >/dev/null 2>&1 </dev/null &
}

stop() {
  local pid
  if pid=$(own_pid); then
    kill -TERM "$pid"
    for _ in $(seq 300); do
      [ -d "/proc/$pid" ] || break
      sleep 0.1
    done
    [ ! -d "/proc/$pid" ] || kill -KILL "$pid"
  fi
  rm -f "$dir/pid"
  # epmd stays behind when the node ends; ours is the one on our port.
  for environ in /proc/[0-9]*/environ; do
    pid=${environ#/proc/}
    pid=${pid%/environ}
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = epmd ] &&
      grep -zqxF "ERL_EPMD_PORT=$epmd" "$environ" 2>/dev/null; then
      kill "$pid" 2>/dev/null || true
    fi
  done
  echo "rabbitmq: stopped"
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  *)
    echo "usage: rabbitmq.sh start|stop" >&2
    exit 2
    ;;
esac
