#!/usr/bin/env bash
# A private PostgreSQL for development and tests: own folder, own port, never the cluster of the machine.
# Usage: postgres.sh start|stop       DREHSCHEIBE_PG (folder), DREHSCHEIBE_PG_PORT (default 55432)
set -euo pipefail
folder=${DREHSCHEIBE_PG:-${TMPDIR:-/tmp}/drehscheibe-postgres}
port=${DREHSCHEIBE_PG_PORT:-55432}
data=$folder/data

programs=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
if [ -z "$programs" ]; then
  echo "PostgreSQL is not installed; apt-get install postgresql" >&2
  exit 1
fi
# initdb and the server refuse root.
as_user=()
[ "$(id -u)" -eq 0 ] && as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups --)

start() {
  if [ -f "$data/postmaster.pid" ] && kill -0 "$(head -1 "$data/postmaster.pid")" 2>/dev/null; then
    echo "runs already"
  else
    mkdir -p "$folder"
    [ "$(id -u)" -eq 0 ] && chown postgres: "$folder"
    cd /
    if [ ! -d "$data" ]; then
      "${as_user[@]}" "$programs/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
    fi
    "${as_user[@]}" "$programs/pg_ctl" -D "$data" -w -t 60 -l "$folder/log" \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=200" start >/dev/null
    "${as_user[@]}" "$programs/psql" -h 127.0.0.1 -p "$port" -U postgres -q <<'SQL'
SELECT 'CREATE ROLE besitzer LOGIN CREATEROLE' WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'besitzer') \gexec
SELECT 'CREATE ROLE laufzeit LOGIN' WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'laufzeit') \gexec
SELECT 'CREATE DATABASE drehscheibe OWNER besitzer' WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'drehscheibe') \gexec
SQL
  fi
  echo "owner:   postgresql://besitzer@127.0.0.1:$port/drehscheibe"
  echo "program: postgresql://laufzeit@127.0.0.1:$port/drehscheibe"
}

stop() {
  [ -f "$data/postmaster.pid" ] || return 0
  "${as_user[@]}" "$programs/pg_ctl" -D "$data" -w -m fast stop >/dev/null
}

case "${1:-}" in
  start | stop) "$1" ;;
  *)
    echo "usage: postgres.sh start|stop" >&2
    exit 2
    ;;
esac
