//! Prints the completions of a shell, made from the same tree of commands that is parsed.
//! Never writes into the home of a person: the shell's own way of installing them is shown in the help.

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::exit::{CliError, Exit};
use super::output::Output;

/// Prints the script.
pub fn run(args: &CompletionsArgs, out: &mut Output) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drehscheibe", &mut script);
    out.raw(&script)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::Printed;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let printed = Printed::default();
            assert_eq!(run(&CompletionsArgs { shell }, &mut printed.output(false)).unwrap(), Exit::Ok);
            for command in Cli::command().get_subcommands() {
                assert!(printed.text().contains(command.get_name()), "{shell} {}", command.get_name());
            }
        }
    }
}
