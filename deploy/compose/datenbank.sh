#!/usr/bin/env bash
# Runs once when the database is made: one login that owns and migrates, one that only works. Passwords come from files.
set -euo pipefail
# By themselves, so that a missing file ends it: a login without a password is not what anybody wants.
besitzer=$(cat /run/secrets/besitzer)
laufzeit=$(cat /run/secrets/laufzeit)
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v besitzer="$besitzer" -v laufzeit="$laufzeit" <<'SQL'
CREATE ROLE besitzer LOGIN CREATEROLE PASSWORD :'besitzer';
CREATE ROLE laufzeit LOGIN PASSWORD :'laufzeit';
CREATE DATABASE drehscheibe OWNER besitzer;
SQL
