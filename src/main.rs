//! The program: hands the arguments to the command line and returns its exit code.

#![forbid(unsafe_code)]

fn main() {}
