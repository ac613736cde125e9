//! The program: hands the arguments to the command line and returns its exit code.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    drehscheibe::cli::dispatch::main()
}
