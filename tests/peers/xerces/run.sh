#!/usr/bin/env bash
# Puts samples and mutants before three validators: ours, xmllint and the Xerces of the JDK. Needs a JDK and xmllint.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
for program in javac java xmllint; do
  command -v "$program" >/dev/null || { echo "missing: $program; nothing was compared with Xerces"; exit 1; }
done
work=$(mkdir -p "${CARGO_TARGET_DIR:-target}/peers/xerces" && cd "${CARGO_TARGET_DIR:-target}/peers/xerces" && pwd)
javac -d "$work" "$here/Judge.java"
DREHSCHEIBE_XERCES="$work" cargo test --locked --test it schema_peers -- --nocapture
