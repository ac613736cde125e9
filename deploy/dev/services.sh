#!/usr/bin/env bash
# Starts or stops private services for development and tests: services.sh start|stop [SERVICE…]
# Each service is a script of its own beside this one; this one only calls it. Installs nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
  echo "usage: services.sh start|stop [SERVICE…]; services here:$(known | sed 's/^/ /' | tr -d '\n')" >&2
  exit 2
}

known() {
  local script
  for script in "$here"/*.sh; do
    [ "$script" = "$here/services.sh" ] || basename "$script" .sh
  done
}

case "${1:-}" in start | stop) ;; *) usage ;; esac
verb=$1
shift
[ "$#" -gt 0 ] || mapfile -t all < <(known)
for service in "${@:-${all[@]}}"; do
  [ -f "$here/$service.sh" ] && [ "$service" != services ] || usage
  "$here/$service.sh" "$verb"
done
