#!/usr/bin/env bash
# Runs once when the database is made: one login that owns and migrates, one that only works. Passwords come from files.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v besitzer="$(cat /run/secrets/besitzer)" -v laufzeit="$(cat /run/secrets/laufzeit)" <<'SQL'
CREATE ROLE besitzer LOGIN CREATEROLE PASSWORD :'besitzer';
CREATE ROLE laufzeit LOGIN PASSWORD :'laufzeit';
CREATE DATABASE drehscheibe OWNER besitzer;
SQL
