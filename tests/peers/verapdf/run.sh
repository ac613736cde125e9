#!/usr/bin/env bash
# Writes every kind of letter with the program and has veraPDF judge each: PDF/A-3a and PDF/UA-1. Needs Maven and a JDK.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
for program in mvn javac java; do
  command -v "$program" >/dev/null || { echo "missing: $program"; exit 1; }
done
target="${CARGO_TARGET_DIR:-target}"
work=$(mkdir -p "$target/peers/verapdf" && cd "$target/peers/verapdf" && pwd)
program="$target/debug/drehscheibe"
[ -x "$program" ] || cargo build --locked -q
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/lib"
javac -d "$work" -cp "$work/lib/*" "$here/Judge.java"
rm -f "$work"/*.pdf
letter() { "$program" letter preview "$1" --office jugendamt-bremen --day 2026-11-30 --out "$work/$2.pdf" "${@:3}" >/dev/null; }
for case in A B C K; do
  letter "$case" "$case"
  for language in de de-simple en fr pl tr uk; do letter "$case" "$case-$language" --cover "$language"; done
done
cd "$work"
java -cp "$work/lib/*:$work" Judge ./*.pdf
