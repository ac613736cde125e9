//! From the parsed arguments to the command, and from its outcome to the exit code. Decides nothing else.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Cli, Command, PartnersCommand};
use crate::cli::args_messages::MessagesCommand;
use crate::cli::args_vorgang::VorgangCommand;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, visible_lines};
use crate::cli::{
    audit, backup, bench, bench_floor, bestaetigen, bestand, check, completions, demo, doctor, dry_run,
    explain, find, inspect, letter, lieferung, messages, migrate, original, osci, parked, pause, person,
    proof, recover, retention, routes, run, schema, stage, standards, status, support, tables, test,
    validate, vorgang, xta, zuweisen,
};
use crate::clock::Clock;
use crate::telemetry::panics;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    panics::say_places_only();
    start(std::env::args_os())
}

/// Parses the arguments, the program's name first, runs the command, gives the exit code of the process.
pub fn start(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(words);
    let mut out = Output::stdout(cli.global.json);
    let outcome = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(command(&cli, &mut out));
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            outcome
        }
        Err(error) => Err(CliError::Output(error)),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) if error.is_closed_pipe() => Exit::Ok.into(),
        Err(error) => {
            complain(&error);
            Exit::Cannot.into()
        }
    }
}

#[expect(clippy::print_stderr, reason = "the one place where a command that cannot run says why")]
fn complain(error: &CliError) {
    eprintln!("drehscheibe: {}", visible_lines(&error.to_string()));
}

async fn command(cli: &Cli, out: &mut Output) -> Result<Exit, CliError> {
    let global = &cli.global;
    let clock = Clock::real();
    match &cli.command {
        Command::Run => run::run(global, out).await,
        Command::Check(args) => check::run(global, args, out),
        Command::Routes(command) => routes::run(global, command, out).await,
        Command::Test(args) => test::run(global, args, out).await,
        Command::DryRun(args) => dry_run::run(global, args, out).await,
        Command::Inspect(args) => inspect::run(global, args, out),
        Command::Validate(args) => validate::run(args, out),
        Command::Standards(command) => standards::run(global, command, out),
        Command::Explain(args) => explain::run(global, args, out),
        Command::Xta(command) => xta::run(global, &clock, command, out).await,
        Command::Osci(command) => osci::run(global, &clock, command, out).await,
        Command::Schema(args) => schema::run(*args, out),
        Command::Status => status::run(global, &clock, out).await,
        Command::Messages(MessagesCommand::Original(args)) => {
            let fit = stage::running(global, out)?;
            stage::may_write(global, &fit, &args.out)?;
            original::run(&*stage::opened(global, &fit, false)?, &clock, &person::acting(), args, out).await
        }
        Command::Messages(MessagesCommand::Proof(args)) => {
            let fit = stage::running(global, out)?;
            stage::may_write(global, &fit, &args.out)?;
            proof::run(&*stage::opened(global, &fit, false)?, &clock, &person::acting(), args, out).await
        }
        Command::Messages(MessagesCommand::Find(args)) => find::run(global, &clock, args, out).await,
        Command::Messages(command) => {
            messages::run(&*stage::read_store(global, out)?, &clock, command, out).await
        }
        Command::Parked(command) => {
            parked::run(&*stage::write_store(global, out)?, &clock, command, out).await
        }
        Command::Vorgang(VorgangCommand::Bestaetigen { id, ordered }) => {
            bestaetigen::run(global, &clock, *id, ordered, out).await
        }
        Command::Vorgang(VorgangCommand::Zuweisen(args)) => zuweisen::run(global, &clock, args, out).await,
        Command::Vorgang(command) => {
            vorgang::run(&*stage::write_store(global, out)?, &clock, command, out).await
        }
        Command::Pause(args) => pause::pause(global, &clock, args, out).await,
        Command::Resume(args) => pause::resume(&*stage::write_store(global, out)?, &clock, args, out).await,
        Command::Bestand(command) => bestand::run(global, &clock, command, out).await,
        Command::Lieferung(command) => lieferung::run(global, &clock, command, out).await,
        Command::Mirror(command) => bestand::mirror(global, &clock, command, out).await,
        Command::Tables(command) => tables::run(global, command, out),
        Command::Letter(command) => letter::run(global, &clock, command, out),
        Command::Retention(command) => retention::run(global, &clock, command, out).await,
        Command::Audit(command) => audit::run(global, &clock, command, out).await,
        Command::Partners(PartnersCommand::Check) => check::partners(global, out),
        Command::Migrate => migrate::run(global, out),
        Command::Doctor => doctor::run(global, out).await,
        Command::Backup(args) => backup::run(global, &clock, args, out).await,
        Command::Recover(args) => recover::run(global, &clock, args, out).await,
        Command::Support(command) => support::run(global, &clock, command, out).await,
        Command::Bench(args) if args.floor.as_floor.is_some() || args.floor.floor => {
            match &args.floor.as_floor {
                Some(orders) => bench_floor::worker::run(orders).await,
                None => bench_floor::run::run(global, args, out).await,
            }
        }
        Command::Bench(args) => bench::run(&stage::place(global), args, out).await,
        Command::Demo(args) => demo::run(global, args.once, out).await,
        Command::Completions(args) => completions::run(args, out),
    }
}
