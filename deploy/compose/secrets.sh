#!/usr/bin/env bash
# Makes the secrets that compose.yaml names, once: deploy/compose/secrets.sh [FOLDER]. What is there stays as it is.
# FOLDER (deploy/compose/geheim) can be entered by its owner only; inside, the containers' users may read.
set -euo pipefail
outer=${1:-$(cd "$(dirname "$0")" && pwd)/geheim}
umask 077
mkdir -p "$outer"
chmod 0700 "$outer"
folder=$outer/secrets
mkdir -p "$folder"
chmod 0755 "$folder"

# make NAME: what comes in, unless the secret is there already.
make() {
  if [ -e "$folder/$1" ]; then
    cat >/dev/null
  else
    cat >"$folder/.$1"
    chmod 0644 "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
  fi
}
random() { head -c 32 /dev/urandom | base64 -w0; }
# A password of letters and digits can stand in a URL and in a configuration file as it is.
password() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

random | make store.key
for login in postgres besitzer laufzeit broker; do password | make "$login"; done
for partner in jugendamt-bremen jugendamt-hamburg standesamt-bremen familiengericht-bremen notar-bremen meldebehoerde-bremen kita-portal-nord wohngeld-online; do
  random | make "$partner.token"
done
for partner in kita-portal-nord wohngeld-online; do { printf 'whsec_' && random; } | make "$partner.webhook"; done
# The database is reached through its socket, which both containers share: nothing crosses a network.
socket=%2Fvar%2Frun%2Fpostgresql
printf 'postgresql://laufzeit:%s@%s/drehscheibe' "$(cat "$folder/laufzeit")" "$socket" | make store.url
printf 'postgresql://besitzer:%s@%s/drehscheibe' "$(cat "$folder/besitzer")" "$socket" | make store-owner.url
printf 'default_user = drehscheibe\ndefault_pass = %s\n' "$(cat "$folder/broker")" | make broker.conf
echo "secrets are in $folder; keep a copy of store.key apart from every backup: without it nothing opens"
