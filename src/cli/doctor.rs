//! `doctor`: whether this machine and these files can carry a run, each finding with what to do.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::app::asking::{self, Door, Heard, House};
use crate::app::bundle::gather::Finding;
use crate::app::certificates::{self, Near};
use crate::app::fit::{self, Fit, Unfit};
use crate::app::house;
use crate::app::kept;
use crate::app::place::Place;
use crate::app::spots::{self, Met};
use crate::cli::args::Global;
use crate::cli::backup::LAST;
use crate::cli::exit::{CliError, Exit, of_store};
use crate::cli::output::{Output, age, counted, moment, saetze};
use crate::cli::stage;
use crate::clock::Clock;
use crate::config;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::stamp::Scope;
use crate::transport::folder::handle::{Room, said};
use crate::transport::port::account::Account;
use crate::transport::{osci_client, osci_server, xta_client};

/// Looks at everything that a run needs.
pub async fn run(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let findings = findings(&stage::place(global)).await;
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            let mark = if finding.fine { "ok" } else { "NOT OK" };
            vec![mark.to_owned(), finding.what.to_owned(), finding.text.clone()]
        })
        .collect();
    out.table(&["", "what", "finding"], &rows)?;
    out.value(&findings)?;
    Ok(if findings.iter().all(|finding| finding.fine) { Exit::Ok } else { Exit::No })
}

/// What is found at a place.
pub async fn findings(place: &Place) -> Vec<Finding> {
    let (mut findings, now) = (Vec::new(), Clock::real().now());
    let told = |what, told: Vec<(bool, String)>| {
        told.into_iter().map(move |(fine, text)| Finding { what, fine, text })
    };
    let fit = match fit::compile(place, Some(now)) {
        Ok(fit) => {
            findings.push(Finding {
                what: "files",
                fine: true,
                text: format!("version {}", fit.compiled.version),
            });
            Some(fit)
        }
        Err(unfit) => {
            findings.push(Finding { what: "files", fine: false, text: why(&unfit) });
            // What runs is looked at all the same.
            kept::fit(place, now).map(|(fit, _)| {
                let text = "looked at from here on: what was applied last".to_owned();
                findings.push(Finding { what: "files", fine: true, text });
                fit
            })
        }
    };
    findings.push(folder(&place.data));
    findings.push(clock());
    if let Some(fit) = &fit {
        let real = fit.compiled.stage.stage.is_real();
        let there = place.store_folder(&fit.compiled).is_dir();
        let opened: Option<Opened> = there.then(|| house::open_store(place, &fit.compiled, true));
        // The menu says which files a transport names, and whether they can be used.
        let unfit = spots::of_files(&place.config, &fit.compiled);
        findings.extend(unfit.iter().map(|met| {
            let of = met.partner.as_ref().map(|partner| format!(" of partner {partner}")).unwrap_or_default();
            let text = format!("{}{of}: {}", met.connection, met.text);
            Finding { what: "certificates", fine: false, text }
        }));
        let runs = Runs::of(place, fit, opened.as_ref().and_then(|opened| opened.as_ref().ok()).cloned());
        for wanted in &fit.compiled.sources {
            if let Some(listen) = wanted.settings.get("listen").and_then(|listen| listen.as_str()) {
                findings.push(port(listen, &runs).await);
            }
            if wanted.kind == xta_client::ENTRY.word {
                let accounts =
                    xta_client::doctor::accounts(&wanted.connection, &wanted.settings, &place.config);
                findings.extend(told("account", accounts.await));
                continue;
            }
            let of_kind = [
                (osci_server::ENTRY.word, osci_server::doctor::certificates as Certificates),
                (osci_client::ENTRY.word, osci_client::doctor::certificates),
            ];
            if let Some((_, certificates)) = of_kind.iter().find(|(word, _)| *word == wanted.kind) {
                let accounts = &fit.compiled.admission.accounts;
                let at = (place.config.as_path(), now);
                let found = certificates(&wanted.connection, &wanted.settings, accounts, at);
                findings.extend(told("certificates", found));
            }
            if wanted.settings.get("tls").is_some_and(|tls| !tls.is_null()) {
                let of = |met: &&Met| met.partner.is_none() && met.connection == wanted.connection;
                if !unfit.iter().any(|met| of(&met)) {
                    let text = format!("{}: certificate and key fit", wanted.connection);
                    findings.push(Finding { what: "certificates", fine: true, text });
                }
            }
            let trays = wanted.settings.get("trays").and_then(|trays| trays.as_array());
            for tray in trays.into_iter().flatten() {
                for folder in ["in", "out"].iter().filter_map(|key| tray.get(key)?.as_str()) {
                    findings.push(self::tray(&place.data, Path::new(folder), real));
                }
            }
        }
        findings.extend(terms(place, fit, now));
        if let Some(opened) = &opened {
            findings.push(store(opened).await);
            findings.push(rights(&place.store_folder(&fit.compiled)));
            if real {
                findings.push(backup(place, fit, opened).await);
            }
        } else {
            findings.push(Finding {
                what: "store",
                fine: true,
                text: match real {
                    true => "none yet; `drehscheibe migrate` makes it, a run does not".to_owned(),
                    false => "none yet; the first run makes it".to_owned(),
                },
            });
        }
    }
    findings
}

/// What a transport says of its certificates.
type Certificates = fn(&str, &serde_json::Value, &[Account], (&Path, Timestamp)) -> Vec<(bool, String)>;

fn why(unfit: &Unfit) -> String {
    let exposed: Vec<&str> = match unfit {
        Unfit::Missing { .. } => return unfit.to_string(),
        Unfit::Exposed(found) => found.iter().map(String::as_str).collect(),
        Unfit::Meeting(faults) => faults.faults.iter().map(|fault| fault.text.as_str()).collect(),
        // What a person mends on this machine and not in a file is said here, too.
        Unfit::Files(faults) => {
            let texts = faults.faults.iter().map(|fault| fault.text.as_str());
            texts.filter(|text| config::tells_of_exposed(text)).collect()
        }
        Unfit::Packages { .. } => Vec::new(),
    };
    match exposed.is_empty() {
        true => format!("{unfit}; see `check`").replace('\n', "; "),
        false => exposed.join("; "),
    }
}

/// Makes no folder that stays: it would hide that another one was meant.
fn folder(data: &Path) -> Finding {
    let there = data.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".doctor-{}", uuid::Uuid::new_v4()));
    let written = std::fs::write(&probe, b"drehscheibe")
        .and_then(|()| std::fs::File::open(&probe).and_then(|file| file.sync_all()))
        .and_then(|()| std::fs::remove_file(&probe));
    let (fine, text) = match written {
        Ok(()) if there == data => (true, format!("{} can be written and synced", data.display())),
        Ok(()) => (true, format!("{} is not there yet; the first run makes it", data.display())),
        Err(error) => {
            let (cause, step) = (config::what(error.kind()), unwritable(error.kind()));
            (false, format!("{} cannot be written: {cause}; {step}", data.display()))
        }
    };
    Finding { what: "data folder", fine, text }
}

/// What to do where a folder cannot be written, by what the system says.
fn unwritable(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space on its disk",
        ErrorKind::ReadOnlyFilesystem => {
            "look why its disk is read-only (one that fails is made so by the system), then mount it writable"
        }
        ErrorKind::PermissionDenied => "give this user the right to it, or run as the user that owns it",
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => "name another one with --data",
        _ => "create it for this user",
    }
}

/// How long the certificates hold that the stage names; each that ends soon by itself.
fn terms(place: &Place, fit: &Fit, now: Timestamp) -> Vec<Finding> {
    let all = certificates::of_stage(place, &fit.compiled, now);
    let near = all.iter().filter(|one| one.near != Near::Far);
    let mut findings: Vec<Finding> = near
        .map(|one| Finding {
            what: "certificates",
            // In three months nobody has to do it at once.
            fine: one.near == Near::Months,
            text: format!("{}: {}; {}", one.by, one.said(now), one.next()),
        })
        .collect();
    if let (true, Some(first)) = (findings.is_empty(), all.iter().min_by_key(|one| one.until)) {
        let text =
            format!("{}, the first of them {}", counted(all.len() as u64, "certificate"), first.said(now));
        findings.push(Finding { what: "certificates", fine: true, text });
    }
    findings
}

/// A run makes no tray itself, else a missing mount would go unnoticed. One that a narrow umask closed to everybody else takes nothing
/// from a partner of another user; in a stage that is not real its operator may be the partner.
fn tray(data: &Path, tray: &Path, real: bool) -> Finding {
    let path = data.join(tray);
    let shown = path.display();
    let (fine, text) = match Room::open(data, tray).and_then(|room| room.may_write()) {
        // An access list shows in the bits of the group.
        Ok(()) if std::fs::metadata(&path).is_ok_and(|found| found.mode() & 0o077 == 0) => (
            !real,
            format!(
                "{shown} can be entered by its own user only; let its partner in, such as by a group and chmod 2770"
            ),
        ),
        Ok(()) => (true, format!("{shown} is there and can be written")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            (false, format!("{shown} is missing; mount it, or make it with mkdir -p"))
        }
        Err(error) => (false, format!("{shown} cannot be used: {}; correct path or rights", said(&error))),
    };
    Finding { what: "tray", fine, text }
}

/// Whether others can enter the store's folder or read its files; a run closes what is its own.
fn rights(store: &Path) -> Finding {
    let open = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0);
    let files = ["", "drehscheibe.db", "keys.db", "claims"].map(|name| store.join(name));
    let found: Vec<String> =
        files.iter().filter(|path| open(path)).map(|path| path.display().to_string()).collect();
    let text = match found.is_empty() {
        true => "only the store's own user can enter its folder".to_owned(),
        false => format!(
            "others can enter or read {}; chmod go-rwx, or start a run as their owner",
            found.join(", ")
        ),
    };
    Finding { what: "rights", fine: found.is_empty(), text }
}

fn clock() -> Finding {
    let now = Clock::real().now();
    // The law's deadlines end at midnight in Germany: a machine without a plausible date must not decide them.
    let plausible = now.as_second() > 1_760_000_000;
    let text = match plausible {
        true => format!("{} German time", moment(now)),
        false => format!("{} lies before this program was made; set the machine's clock", moment(now)),
    };
    Finding { what: "clock", fine: plausible, text }
}

/// The store of a stage, opened once for all that is looked at.
type Opened = Result<Arc<dyn Store>, StoreError>;

/// The process of this stage, as far as it can be asked which addresses are its own.
struct Runs {
    door: Result<Door, &'static str>,
    house: Option<House>,
}

impl Runs {
    fn of(place: &Place, fit: &Fit, store: Option<Arc<dyn Store>>) -> Runs {
        Runs { door: asking::door(&fit.compiled, &place.config), house: House::of(&fit.compiled, store) }
    }

    /// Whether it holds an address that is taken.
    async fn holds(&self, listen: &str) -> (bool, String) {
        let (door, house, at) = match (&self.door, &self.house, listen.parse()) {
            (Ok(door), Some(house), Ok(at)) => (door, house, at),
            (Err(cause), ..) => {
                return (false, format!("taken; whether by a run of this stage cannot be asked: {cause}"));
            }
            _ => return (false, "taken; whether by a run of this stage cannot be asked".to_owned()),
        };
        match house.listens(door, at).await {
            (Heard::Ours(_), true) => (true, "held by the drehscheibe of this stage that runs".to_owned()),
            (Heard::OfStage(_), true) => (
                true,
                "held by a drehscheibe with the key of this stage; which store it has could not be found out".to_owned(),
            ),
            (Heard::Ours(_) | Heard::OfStage(_), false) => {
                (false, "held by another program, while the drehscheibe of this stage runs without it; free it or choose another".to_owned())
            }
            (Heard::Unproven, _) => (
                false,
                format!(
                    "taken; who answers at {} proves nothing, it may be an older program of this house or another one",
                    door.listen
                ),
            ),
            (Heard::Another, _) => (
                false,
                format!(
                    "taken; who answers at {} is a house of another stage, key or store; give each addresses of its own",
                    door.listen
                ),
            ),
            (Heard::Nobody, _) => {
                (false, "held by another program, or by a run that cannot be asked".to_owned())
            }
        }
    }
}

async fn port(listen: &str, runs: &Runs) -> Finding {
    let (fine, text) = match TcpListener::bind(listen) {
        Ok(_) => (true, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let (fine, said) = runs.holds(listen).await;
            (fine, format!("{listen} is {said}"))
        }
        Err(error) => (
            false,
            format!("{listen} cannot be taken: {}; choose another address", config::what(error.kind())),
        ),
    };
    Finding { what: "port", fine, text }
}

/// How old the last backup may be.
const BACKUP_AGE: SignedDuration = SignedDuration::from_hours(26);

/// What `backup` noted of its last one.
#[derive(Deserialize)]
struct LastBackup {
    created: Timestamp,
    dir: PathBuf,
}

/// Whether there is a backup, how old it is, and whether it falls with the store's own disk.
async fn backup(place: &Place, fit: &Fit, opened: &Opened) -> Finding {
    let noted = match opened {
        Ok(store) => store.note("app", LAST).await.ok().flatten(),
        Err(_) => None,
    };
    let last = noted.and_then(|note| serde_json::from_slice::<LastBackup>(&note).ok());
    judged(last.as_ref(), &place.store_folder(&fit.compiled), Clock::real().now())
}

fn judged(last: Option<&LastBackup>, store: &Path, now: Timestamp) -> Finding {
    let wrong = |text: String| Finding { what: "backup", fine: false, text };
    let Some(last) = last else {
        return wrong(
            "none was ever taken; run `drehscheibe backup DIR` each day, on another disk".to_owned(),
        );
    };
    if now.duration_since(last.created) > BACKUP_AGE {
        // An age and no date: what is found goes into a support bundle, which holds none.
        let age = age(now, last.created);
        return wrong(format!("the last one is {age} old; run `drehscheibe backup DIR` each day"));
    }
    let disk = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    if disk(store).is_some() && disk(store) == disk(&last.dir) {
        let text =
            format!("{} lies on the disk of the store and its keys; copy it elsewhere", last.dir.display());
        return wrong(text);
    }
    Finding { what: "backup", fine: true, text: format!("the last one is {} old", age(now, last.created)) }
}

async fn store(opened: &Opened) -> Finding {
    let figures = match opened {
        Ok(store) => store.figures(&Scope::Operator).await.map_err(|error| of_store(&error)),
        Err(error) => Err(of_store(error)),
    };
    match figures {
        Ok(figures) => Finding {
            what: "store",
            fine: true,
            text: format!(
                "opens; {}, {} with rows",
                saetze(figures.mirror),
                counted(figures.backlog.len() as u64, "destination")
            ),
        },
        Err(text) => Finding { what: "store", fine: false, text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tray_that_nobody_else_can_enter_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("tray");
        std::fs::create_dir(&folder).unwrap();
        let told = |mode, real| {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
            tray(data.path(), Path::new("tray"), real)
        };
        let closed = told(0o700, true);
        assert!(!closed.fine && closed.text.contains("own user only"), "{}", closed.text);
        assert!(told(0o700, false).fine);
        assert!(told(0o2770, true).fine);
    }

    #[test]
    fn each_reason_why_a_folder_cannot_be_written_has_its_own_step() {
        for (kind, step) in [
            (ErrorKind::StorageFull, "free space"),
            (ErrorKind::QuotaExceeded, "free space"),
            (ErrorKind::ReadOnlyFilesystem, "mount it writable"),
            (ErrorKind::PermissionDenied, "give this user the right"),
            (ErrorKind::NotADirectory, "--data"),
            (ErrorKind::NotFound, "create it"),
        ] {
            assert!(unwritable(kind).contains(step), "{kind:?}: {}", unwritable(kind));
        }
    }

    #[test]
    fn a_backup_is_young_and_lies_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert!(judged(None, folder.path(), now).text.contains("none"));
        let last =
            |created: &str, dir: &str| LastBackup { created: created.parse().unwrap(), dir: dir.into() };
        let old = judged(Some(&last("2026-11-21T09:00:00Z", "/proc")), folder.path(), now);
        assert!(!old.fine && old.text.contains("each day"), "{}", old.text);
        let here = folder.path().to_string_lossy().into_owned();
        let beside = judged(Some(&last("2026-11-22T03:00:00Z", &here)), folder.path(), now);
        assert!(!beside.fine && beside.text.contains("disk"), "{}", beside.text);
        assert!(judged(Some(&last("2026-11-22T03:00:00Z", "/proc")), folder.path(), now).fine);
    }
}
