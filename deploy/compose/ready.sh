#!/usr/bin/env bash
# Whether the program takes deliveries: ready.sh PORT. Asks /health/ready on this machine with what every Debian has.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${1:?port}"
printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 2 line <&3
[[ $line == "HTTP/1.1 200 "* ]]
