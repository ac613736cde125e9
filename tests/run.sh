#!/usr/bin/env bash
# Sets up a fresh Debian 12 with a Rust toolchain and runs everything that must hold before a change lands.
# Stops at the first failing stage; ends with the line `N passed, N failed`.
# Usage: tests/run.sh [--long] [--peers]
#   --long   sets DREHSCHEIBE_LONG=1, which tests may read to do more rounds, and plays the attacks on a release build, too
#   --peers  also asks the programs of others below tests/peers, which have to be fetched or need a toolchain of their own
set -euo pipefail
cd "$(dirname "$0")/.."

DENY_VERSION=0.20.2

# What is built once from nothing gains nothing from what the next build could take over.
[ -d "${CARGO_TARGET_DIR:-target}/debug/incremental" ] || export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"
# Most tests wait more than they work: one more than the two processors that they are made for.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-3}"

peers=0
for argument in "$@"; do
  case "$argument" in
    --long) export DREHSCHEIBE_LONG=1 ;;
    --peers) peers=1 ;;
    *)
      echo "unknown argument: $argument; usage: tests/run.sh [--long] [--peers]" >&2
      exit 2
      ;;
  esac
done

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0
failed=0

closing_line() {
  echo "$passed passed, $failed failed"
}

# stage NAME COMMAND…: runs the command, shows its output and its duration, ends the script when it fails.
stage() {
  local name=$1 begun=$EPOCHREALTIME code=0
  shift
  echo "== $name"
  "$@" 2>&1 | tee "$logs/output" || code=$?
  local ended=$EPOCHREALTIME
  local took=$(((${ended/[.,]/} - ${begun/[.,]/}) / 100000))
  count
  if [ "$code" -ne 0 ]; then
    echo "== $name: FAILED after $((took / 10)).$((took % 10)) s"
    # A stage that is no test counts as one failure, so that the closing line never looks green.
    [ "$failed" -gt 0 ] || failed=1
    closing_line
    exit 1
  fi
  echo "== $name: ok, $((took / 10)).$((took % 10)) s"
}

# Adds what the test runners of the last stage counted.
count() {
  local line
  while read -r line; do
    passed=$((passed + $(sed -E 's/.*[^0-9]([0-9]+) passed.*/\1/' <<<" $line")))
    failed=$((failed + $(sed -E 's/.*[^0-9]([0-9]+) failed.*/\1/' <<<" $line")))
  done < <(grep -E '^(test result: .* )?[0-9]+ passed[,;] [0-9]+ failed' "$logs/output" || true)
}

# Installs Debian packages as root or with sudo.
install_packages() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "missing: $*; install them with apt-get as root (this user is not root and there is no sudo)"
      return 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update
  # What is installed must not start by itself: the tests start private servers of their own.
  local policy=/usr/sbin/policy-rc.d kept=1
  if [ ! -e "$policy" ]; then
    kept=0
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
  fi
  local status=0
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y \
    --no-install-recommends "$@" || status=$?
  [ "$kept" -eq 1 ] || "${as_root[@]}" rm -f "$policy"
  return "$status"
}

# python_client NAME VERSION WHAT: a client of others from PyPI in a folder of its own; without it nobody else drives WHAT.
python_client() {
  local folder="${CARGO_TARGET_DIR:-target}/$1"
  "$folder/bin/python" -c "import $1" 2>/dev/null && return
  python3 -m venv "$folder" || return 1
  "$folder/bin/pip" install --quiet "$1==$2" || echo "$1 cannot be fetched: nobody else drives $3"
}

set_up() {
  if ! command -v cargo >/dev/null; then
    echo "missing: cargo; install a Rust toolchain of at least the version in Cargo.toml"
    return 1
  fi
  local packages=()
  command -v cc >/dev/null || packages+=(build-essential)
  command -v xmllint >/dev/null || packages+=(libxml2-utils)
  # Other implementations of XML signatures judge ours, and we theirs.
  command -v xmlsec1 >/dev/null || packages+=(xmlsec1)
  for python in python3 /usr/bin/python3; do
    "$python" -c 'import lxml, cryptography' 2>/dev/null && break
  done || packages+=(python3-lxml python3-cryptography)
  # Tests signal the servers and programs that they started.
  command -v pgrep >/dev/null || packages+=(procps)
  # Clients of others have folders of their own, see python_client.
  python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
  # Tests read letters with the tools of others.
  command -v pdftotext >/dev/null || packages+=(poppler-utils)
  command -v qpdf >/dev/null || packages+=(qpdf)
  # Tests start their own PostgreSQL with initdb.
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
  # Tests start their own broker with deploy/dev/rabbitmq.sh; the system's stays off (see install_packages).
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || packages+=(rabbitmq-server)
  # A SOAP stack of others serves the XTA client.
  if [ "$peers" -eq 1 ] && ! command -v wsimport >/dev/null; then
    packages+=(jaxws libjaxws-java)
  fi
  if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}" || return 1
  fi
  # A SOAP library of others drives the XTA server by the official description.
  python_client zeep 4.3.3 "the XTA server" || return 1
  python_client dracoon 1.13.0 "the dDataBox of the tests" || return 1
  cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt || return 1
  cargo clippy --version >/dev/null 2>&1 || rustup component add clippy || return 1
  if ! cargo deny --version >/dev/null 2>&1; then
    # It reads some files once: building it optimised would take longer than it ever saves.
    cargo install --locked --quiet --debug cargo-deny --version "$DENY_VERSION" || return 1
  fi
  cargo --version
  cargo deny --version
}

# The product tests its own routes; without its closing line nothing was tested. The stage before built the program
# for the integration tests; `cargo run` would compile much of the tree again with other features.
route_tests() {
  local program="${CARGO_TARGET_DIR:-target}/debug/drehscheibe"
  if [ -x "$program" ]; then
    "$program" test
  else
    cargo run --locked -q -- test
  fi
}

stage "set-up" set_up
stage "format" cargo fmt --check
stage "clippy" cargo clippy --locked --all-targets -- -D warnings
stage "licences, bans, sources" cargo deny check licenses bans sources
stage "tests" cargo test --locked --no-fail-fast
stage "route tests" route_tests
if ! grep -qE '^[0-9]+ passed, [0-9]+ failed' "$logs/output"; then
  echo "route tests: no closing line; \`drehscheibe test\` ran nothing"
  failed=$((failed + 1))
fi
# What is optimised has other races and other bounds of time than what the tests before ran.
if [ "${DREHSCHEIBE_LONG:-}" = 1 ]; then
  stage "attacks on a release build" cargo test --locked --release --test it -- http:: folder_attack:: rights:: handles:: \
    transport_amqp_hostile:: transport_tls:: xta_hostile:: osci_attacks:: osci_door:: store_damage::
fi
if [ "$peers" -eq 1 ]; then
  for driver in tests/peers/*/run.sh; do
    stage "peer $(basename "$(dirname "$driver")")" "$driver"
  done
fi
closing_line
[ "$failed" -eq 0 ]
