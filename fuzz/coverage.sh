#!/bin/sh
# Stands before rustc (RUSTC_WRAPPER): the engine and the targets are compiled with what libFuzzer steers by, everything else as usual,
# so that a stable toolchain will do and cargo-fuzz is not needed. See fuzz/README.md.
rustc=$1
shift
case " $* " in
*" --crate-name drehscheibe "* | *" --crate-name schema "* | *" --crate-name instance "*)
  exec "$rustc" "$@" -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
  ;;
*) exec "$rustc" "$@" ;;
esac
