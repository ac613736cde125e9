//! Rights of files and locks of the real program: secrets that everybody can read, a careless umask, a lock that somebody holds or
//! removes; and a tray that does not work beside one that does.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use drehscheibe::cli::sample::{Wish, eintragung};

use crate::folder_attack;
use crate::osci_stage;
use crate::support::{StageDir, free_port, post, put, until, up};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn edit(stage: &StageDir, from: &str, to: &str) {
    let path = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that ends by itself, at most so many seconds.
fn within(stage: &StageDir, words: &[&str], seconds: u64) -> (bool, String) {
    let began = Instant::now();
    let output = stage.command(words).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(seconds), "{words:?} took {:?}", began.elapsed());
    (output.status.success(), said(&output))
}

/// The same program under a umask that closes nothing.
fn careless(mut command: Command) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", "umask 000; exec \"$@\"", "bash"]).arg(command.get_program()).args(command.get_args());
    command = shell;
    command
}

/// Everything below a folder that somebody else may enter, read or write.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let rights = fs::symlink_metadata(&next).unwrap();
        if rights.permissions().mode() & 0o077 != 0 {
            found.push(next.clone());
        }
        if rights.is_dir() {
            open.extend(fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn a_secret_that_everybody_can_read_is_refused_by_run_check_and_doctor_in_real_stages() {
    let stage = StageDir::new([free_port(), free_port()]);
    let secrets = ["key", "bremen", "whsec"].map(|name| stage.stage().join("secrets").join(name));
    // In a stage of tests it is nobody's business.
    secrets.iter().for_each(|path| mode(path, 0o644));
    assert!(within(&stage, &["check"], 30).0);
    for real in ["abnahme", "produktion"] {
        let file = stage.stage().join("connections.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        fs::write(&file, format!("stage: {real}\n{rest}")).unwrap();
        for path in &secrets {
            secrets.iter().for_each(|path| mode(path, 0o440));
            mode(path, 0o444);
            let name = path.file_name().unwrap().to_str().unwrap();
            for command in ["run", "check", "doctor"] {
                let (fine, said) = within(&stage, &[command], 30);
                assert!(!fine, "{command} with {name} open: {said}");
                // Output may be broken into lines where it is shown to a person.
                let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(flat.contains(&format!("secrets/{name}")), "{command}: {said}");
                assert!(flat.contains("defaultMode: 0440"), "{command}: {said}");
            }
        }
        secrets.iter().for_each(|path| mode(path, 0o440));
        let (fine, said) = within(&stage, &["check"], 30);
        assert!(fine, "{said}");
    }
    // A private key is no secret of the files, and as secret as those.
    fs::create_dir(stage.stage().join("tls")).unwrap();
    for name in ["server.pem", "server.key"] {
        fs::write(stage.stage().join("tls").join(name), "-").unwrap();
        mode(&stage.stage().join("tls").join(name), 0o644);
    }
    edit(&stage, "ops: true }", "ops: true, tls: { certificate: tls/server.pem, key: tls/server.key } }");
    for command in ["run", "check", "doctor"] {
        let (fine, said) = within(&stage, &[command], 30);
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!fine && flat.contains("tls/server.key"), "{command}: {said}");
        assert!(!flat.contains("tls/server.pem; "), "a certificate is for everybody: {said}");
    }
}

#[test]
fn what_everybody_can_change_is_refused_by_run_check_and_doctor_in_real_stages() {
    let stage = StageDir::new([free_port(), free_port()]);
    let folder = stage.stage();
    let file = folder.join("connections.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let secrets: Vec<_> =
        fs::read_dir(folder.join("secrets")).unwrap().map(|one| one.unwrap().path()).collect();
    secrets.iter().for_each(|path| mode(path, 0o440));
    let trays = stage.tray("in").parent().unwrap().to_owned();
    fs::create_dir_all(folder.join("tables")).unwrap();
    let open = [
        (folder.clone(), 0o777),
        (folder.join("secrets"), 0o777),
        (folder.join("partners.yaml"), 0o646),
        (folder.join("connections.yaml"), 0o666),
        // One more file there is one more that is read.
        (folder.join("tables"), 0o1777),
        (stage.data(), 0o777),
        (trays.clone(), 0o777),
        (stage.tray("in"), 0o777),
    ];
    for (path, rights) in &open {
        let before = fs::metadata(path).unwrap().permissions().mode();
        mode(path, *rights);
        // In a stage of tests it is nobody's business.
        fs::write(&file, &text).unwrap();
        assert!(within(&stage, &["check"], 30).0, "{}", path.display());
        fs::write(&file, text.replacen("stage: test", "stage: abnahme", 1)).unwrap();
        assert_ne!(fs::read_to_string(&file).unwrap(), text);
        for command in ["run", "check", "doctor"] {
            changeable(&stage, command, path);
        }
        mode(path, before);
    }
    // Where only owners remove, what is named cannot be exchanged; that is how secrets are mounted.
    mode(&folder.join("secrets"), 0o1777);
    let (fine, said) = within(&stage, &["check"], 30);
    assert!(fine, "{said}");
    // A way that leads over a folder of everybody's is everybody's, whatever stands at its end.
    let elsewhere = tempfile::tempdir().unwrap();
    let lies = elsewhere.path().join("offen");
    fs::create_dir(&lies).unwrap();
    for name in ["partners.yaml", "secrets/key"] {
        let (here, there) = (folder.join(name), lies.join("datei"));
        fs::rename(&here, &there).unwrap();
        std::os::unix::fs::symlink(&there, &here).unwrap();
        let (fine, said) = within(&stage, &["check"], 30);
        assert!(fine, "{said}");
        mode(&lies, 0o777);
        changeable(&stage, "check", &lies);
        mode(&lies, 0o755);
        fs::remove_file(&here).unwrap();
        fs::rename(&there, &here).unwrap();
    }
    let link = lies.join("stufe");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    mode(&lies, 0o777);
    let output = stage.command_of(&link, &["check"]).output().unwrap();
    let text = self::said(&output);
    assert!(!output.status.success() && text.contains("offen"), "{text}");
    // The authorities of the door, wherever they lie.
    fs::write(lies.join("ca.pem"), "-").unwrap();
    for name in ["server.pem", "server.key"] {
        fs::write(folder.join(name), "-").unwrap();
        mode(&folder.join(name), 0o640);
    }
    let tls = format!(
        "ops: true, tls: {{ certificate: server.pem, key: server.key, client-certificates: optional, client-ca: {} }} }}",
        lies.join("ca.pem").display()
    );
    edit(&stage, "ops: true }", &tls);
    changeable(&stage, "check", &lies);
    // A key is as secret beside its certificate as by itself.
    mode(&lies, 0o755);
    fs::write(folder.join("server.pem"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    mode(&folder.join("server.pem"), 0o644);
    let (fine, said) = within(&stage, &["check"], 30);
    let flat = said.split_whitespace().collect::<String>();
    assert!(!fine && flat.contains("server.pem") && flat.contains("defaultMode:0440"), "{said}");
}

/// Who may sign for a partner or an intermediary stands in lists of files, and in channels by which nothing leaves.
#[test]
fn certificates_that_are_pinned_in_lists_are_nobody_elses_to_change_in_real_stages() {
    let stage = StageDir::new([free_port(), free_port()]);
    let folder = stage.stage();
    let secrets = fs::read_dir(folder.join("secrets")).unwrap();
    secrets.for_each(|one| mode(&one.unwrap().path(), 0o440));
    fs::create_dir(folder.join("osci")).unwrap();
    let pins = [
        ("signature.pem", "addressee_sig.crt.pem"),
        ("cipher.pem", "addressee_enc.crt.pem"),
        ("intermediary.pem", "intermed_sig.crt.pem"),
        ("for-it.pem", "intermed_enc.crt.pem"),
        ("author.pem", "originator_sig.crt.pem"),
        ("for-her.pem", "reader_enc.crt.pem"),
    ];
    let keys = [("signature.key", "addressee_sig.key.pem"), ("cipher.key", "addressee_enc.key.pem")];
    for (name, recorded) in pins.iter().chain(&keys) {
        fs::copy(crate::osci_door::file(recorded), folder.join("osci").join(name)).unwrap();
        mode(&folder.join("osci").join(name), 0o640);
    }
    let osci = format!(
        "connections:\n  osci: {{ kind: osci, listen: '{}', \
         keys: {{ signature: {{ certificate: osci/signature.pem, key: osci/signature.key }}, \
         cipher: [{{ certificate: osci/cipher.pem, key: osci/cipher.key }}] }}, \
         intermediaries: [{{ signature: [osci/intermediary.pem], cipher: [osci/for-it.pem] }}] }}\n",
        free_port()
    );
    edit(&stage, "connections:\n", &osci);
    edit(&stage, "stage: test", "stage: abnahme");
    let channel =
        "channels: { lieferungen: {}, osci: { authors: [osci/author.pem], cipher: [osci/for-her.pem] } }";
    osci_stage::edit(&stage, "partners.yaml", "channels: { lieferungen: {} }", channel);
    let route = stage.routes.join("registerlieferung.yaml");
    let text = fs::read_to_string(&route).unwrap();
    fs::write(
        route,
        text.replacen("  - folder: lieferungen\n", "  - folder: lieferungen\n  - osci: osci\n", 1),
    )
    .unwrap();
    let (fine, said) = within(&stage, &["check"], 30);
    assert!(fine, "{said}");
    for (name, _) in pins.iter().chain(&keys) {
        let path = folder.join("osci").join(name);
        mode(&path, 0o642);
        for command in ["run", "check", "doctor"] {
            changeable(&stage, command, &path);
        }
        mode(&path, 0o640);
    }
    for (name, _) in keys {
        mode(&folder.join("osci").join(name), 0o644);
        let (fine, said) = within(&stage, &["check"], 30);
        assert!(
            !fine && said.split_whitespace().collect::<String>().contains("defaultMode:0440"),
            "{name}: {said}"
        );
        mode(&folder.join("osci").join(name), 0o640);
    }
}

/// Whoever can write the authority of the database's server can be that server.
#[test]
fn the_authority_of_the_stores_server_is_nobody_elses_to_change_in_real_stages() {
    let stage = StageDir::new([free_port(), free_port()]);
    let folder = stage.stage();
    let secrets = fs::read_dir(folder.join("secrets")).unwrap();
    secrets.for_each(|one| mode(&one.unwrap().path(), 0o440));
    let url = folder.join("secrets/url");
    fs::write(&url, "postgres://house@127.0.0.1:9/house?sslmode=require").unwrap();
    mode(&url, 0o440);
    let ca = folder.join("store-ca.pem");
    fs::copy(crate::osci_door::file("intermed_sig.crt.pem"), &ca).unwrap();
    mode(&ca, 0o640);
    let store = "store: { kind: postgres, path: store, url: { file: secrets/url }, ca: store-ca.pem }";
    edit(&stage, "store: { kind: sqlite, path: store }", store);
    edit(&stage, "stage: test", "stage: abnahme");
    let (fine, said) = within(&stage, &["check"], 30);
    assert!(fine, "{said}");
    mode(&ca, 0o642);
    for command in ["run", "check", "doctor"] {
        changeable(&stage, command, &ca);
    }
}

/// A command refuses the stage because everybody can change what lies there.
fn changeable(stage: &StageDir, command: &str, path: &Path) {
    let (fine, said) = within(stage, &[command], 30);
    // Output may be broken into lines anywhere where it is shown to a person.
    let flat = said.replace('│', "").split_whitespace().collect::<String>();
    let name = path.file_name().unwrap().to_str().unwrap();
    let told = flat.contains("everybodyonthismachinecanchange") && flat.contains(&format!("{name};chmod"));
    assert!(!fine && told, "{command}, {}: {said}", path.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_a_store_are_closed_whatever_the_umask_is() {
    let stage = StageDir::new([free_port(), free_port()]);
    let store = stage.data().join("store");
    let start = || stage.spawn(careless(stage.command(&["run"])), &[]);
    let mut running = start();
    wait_ready(stage.http).await;
    put(&stage.tray("in"), "a.xml", eintragung(&Wish::plain(1)).as_bytes());
    until("it is taken", 60, || !stage.tray("in").join("a.xml").exists()).await;
    // While it runs, its log and index lie there, too.
    assert!(store.join("drehscheibe.db-wal").exists() && store.join("keys.db-wal").exists());
    assert_eq!(open_to_others(&store), [] as [PathBuf; 0]);
    let outside = tempfile::tempdir().unwrap();
    let (copy, keys) = (outside.path().join("sicherung"), outside.path().join("schluessel"));
    for words in [vec!["backup", copy.to_str().unwrap()], vec!["backup", "keys", keys.to_str().unwrap()]] {
        let made = careless(stage.command(&words)).output().unwrap();
        assert!(made.status.success(), "{}", said(&made));
    }
    assert_eq!(open_to_others(&copy), [] as [PathBuf; 0]);
    assert_eq!(open_to_others(&keys), [] as [PathBuf; 0]);
    assert!(running.terminate());
    // What an earlier version left open is closed at the next start.
    for name in ["drehscheibe.db", "keys.db", "lock", "open.lock"] {
        mode(&store.join(name), 0o644);
    }
    for name in ["", "claims", "claims/tmp"] {
        mode(&store.join(name), 0o755);
    }
    let mut running = start();
    wait_ready(stage.http).await;
    assert_eq!(open_to_others(&store), [] as [PathBuf; 0]);
    assert!(running.terminate());
}

async fn wait_ready(http: SocketAddr) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..3_000 {
        if crate::support::ready(&client, http).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_a_real_stage_takes_no_empty_folder_for_a_new_house() {
    let stage = StageDir::new([free_port(), free_port()]);
    for name in ["key", "bremen", "whsec"] {
        mode(&stage.stage().join("secrets").join(name), 0o440);
    }
    edit(&stage, "stage: test", "stage: abnahme");
    let (fine, said) = within(&stage, &["run"], 30);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!fine && flat.contains("begins none") && flat.contains("drehscheibe migrate"), "{said}");
    assert!(!stage.data().join("store/drehscheibe.db").exists(), "nothing was begun");
    let (fine, said) = within(&stage, &["migrate"], 30);
    assert!(fine, "{said}");
    let mut running = stage.start(None);
    wait_ready(stage.http).await;
    assert!(running.terminate());
    // As a volume looks that is not mounted.
    fs::rename(stage.data().join("store"), stage.data().join("anderswo")).unwrap();
    let (fine, said) = within(&stage, &["run"], 30);
    assert!(!fine && said.contains("mount its volume"), "{said}");
    fs::rename(stage.data().join("anderswo"), stage.data().join("store")).unwrap();
    let mut running = stage.start(None);
    wait_ready(stage.http).await;
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_held_is_told_and_one_that_is_removed_admits_nobody() {
    let stage = StageDir::new([free_port(), free_port()]);
    let store = stage.data().join("store");
    let mut running = up(&stage).await;
    for removed in [&["lock"][..], &["open.lock"], &["lock", "open.lock"]] {
        for name in removed {
            fs::remove_file(store.join(name)).unwrap();
        }
        let (fine, said) = within(&stage, &["run"], 15);
        assert!(!fine && said.contains("another process runs on this store"), "{said}");
    }
    assert!(!running.ended(), "the one that runs goes on");
    assert!(running.terminate());
    // Somebody holds the turn to open the store and does not let go.
    let held = fs::File::options().write(true).open(store.join("open.lock")).unwrap();
    held.lock().unwrap();
    for command in ["run", "migrate"] {
        let (fine, said) = within(&stage, &[command], 15);
        assert!(!fine && said.contains("open.lock") && said.contains("end it"), "{command}: {said}");
        // The one that ran last wrote its number there and is gone.
        assert!(!said.contains(&running.pid().to_string()), "{command}: {said}");
    }
    // The number is of who wrote it, and the lock is what counts: it is free again when it is let go.
    drop(held);
    let mut running = up(&stage).await;
    assert!(running.terminate());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_somebody_holds_is_told_within_seconds_and_goes_on_when_it_is_let_go() {
    let stage = StageDir::new([free_port(), free_port()]);
    let mut running = up(&stage).await;
    let mark = fs::File::options().write(true).open(stage.data().join("store/keys.mark")).unwrap();
    let health = async || {
        let answer = reqwest::get(format!("http://{}/health/ready", stage.http)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    mark.lock().unwrap();
    let began = Instant::now();
    let (status, _) = post(&stage, "eins", eintragung(&Wish::plain(1))).await;
    assert_eq!(status, 503, "nothing is acknowledged");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // Whoever comes now is told at once.
    let began = Instant::now();
    assert_eq!(post(&stage, "zwei", eintragung(&Wish::plain(2))).await.0, 503);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let (status, text) = health().await;
    assert!(
        status == 503 && text.contains("store-file-held") && text.contains("keys.mark"),
        "{status} {text}"
    );
    let log = stage.log();
    assert!(log.contains("store-file-held") && log.contains("another program holds keys.mark"), "{log}");
    mark.unlock().unwrap();
    let began = Instant::now();
    while health().await.0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it goes on by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (key, n) in [("eins", 1), ("zwei", 2), ("drei", 3)] {
        let (status, said) = post(&stage, key, eintragung(&Wish::plain(n))).await;
        assert_eq!(status, 200, "{key}: {said}");
    }
    assert!(running.terminate());
    // A start says so, too, within seconds, and goes on when it is let go.
    mark.lock().unwrap();
    let told = |log: &str| log.matches("another program holds keys.mark").count();
    let before = told(&stage.log());
    let mut running = stage.start(None);
    let began = Instant::now();
    while told(&stage.log()) == before {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", stage.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(reqwest::get(format!("http://{}/health/ready", stage.http)).await.is_err(), "nobody is let in");
    drop(mark);
    let began = Instant::now();
    while reqwest::get(format!("http://{}/health/ready", stage.http)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", stage.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(health().await.0, 200);
    assert!(running.terminate());
}

/// Delivers a document with two parts of so many octets as the Jugendamt.
async fn with_parts(stage: &StageDir, key: &str, document: &str, octets: usize) -> u16 {
    let mut body = format!("--B\r\nContent-Disposition: attachment; name=document\r\nContent-Type: application/xml\r\n\r\n{document}")
        .into_bytes();
    for n in 0..2 {
        let head = format!(
            "\r\n--B\r\nContent-Disposition: attachment; name=a{n}\r\nContent-Type: application/pdf\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(key.bytes().cycle().skip(n).take(octets));
    }
    body.extend(b"\r\n--B--\r\n");
    let answer = reqwest::Client::new()
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .bearer_auth(crate::support::TOKEN)
        .header("content-type", "multipart/mixed; boundary=B")
        .header("idempotency-key", key)
        .body(body)
        .send()
        .await
        .unwrap();
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_a_delivery_of_which_only_the_hash_is_kept_go_at_once() {
    let stage = StageDir::new([free_port(), free_port()]);
    let mut running = up(&stage).await;
    let claims = stage.data().join("store/claims");
    let lie = || fs::read_dir(&claims).unwrap().filter(|one| one.as_ref().unwrap().path().is_file()).count();
    let document = eintragung(&Wish::plain(1));
    let unmarked = document.replacen(" test=\"true\"", "", 1);
    assert_ne!(document, unmarked);
    for n in 0..3 {
        assert_eq!(with_parts(&stage, &format!("ohne-{n}"), &unmarked, 1 << 20).await, 422);
    }
    until("the parts are gone", 60, || lie() == 0).await;
    // What is kept stays, and a repeat adds nothing to it.
    let kept = with_parts(&stage, "kaputt", "<kaputt", 1 << 20).await;
    assert_eq!((kept, lie()), (422, 2));
    assert_eq!(with_parts(&stage, "kaputt", "<kaputt", 1 << 20).await, 422);
    until("a repeat leaves nothing", 60, || lie() == 2).await;
    assert!(running.terminate());
    assert_eq!(lie(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tray_in_trouble_stands_in_ready_status_and_metrics_while_the_others_go_on() {
    let stage = folder_attack::stage();
    let (bremen, hamburg) = (stage.tray("in"), stage.data().join("trays/hamburg/in"));
    let mut running = up(&stage).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str| {
        let answer = client.get(format!("http://{}{path}", stage.http)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/health/ready").await, (200, "bereit\n".to_owned()));
    fs::rename(&hamburg, stage.data().join("weg")).unwrap();
    let began = Instant::now();
    let ready = loop {
        let (code, text) = ask("/health/ready").await;
        assert_eq!(code, 200, "nobody is sent away because of one tray");
        if text != "bereit\n" {
            break text;
        }
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let part = "tray of jugendamt-hamburg of lieferungen";
    assert!(ready.starts_with("eingeschränkt bereit") && ready.contains(&format!("\n{part}: ")), "{ready}");
    assert!(ready.contains("it is not there"), "{ready}");
    let metrics = ask("/metrics").await.1;
    let line = |value: u8| format!("drehscheibe_part_up{{part=\"{part}\"}} {value}");
    assert!(metrics.contains(&line(0)), "{metrics}");
    let (_, said) = within(&stage, &["status"], 15);
    assert!(said.contains("a part of it does not run") && said.contains(part), "{said}");
    put(&bremen, "a.xml", eintragung(&Wish::plain(1)).as_bytes());
    until("the other tray goes on", 60, || !bremen.join("a.xml").exists()).await;
    fs::rename(stage.data().join("weg"), &hamburg).unwrap();
    let began = Instant::now();
    while ask("/health/ready").await.1 != "bereit\n" {
        assert!(began.elapsed() < Duration::from_secs(20), "it heals by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(ask("/metrics").await.1.contains(&line(1)));
    assert!(!within(&stage, &["status"], 15).1.contains(part));
    put(&hamburg, "b.xml", b"<kein/>");
    until("it is taken again", 60, || !hamburg.join("b.xml").exists()).await;
    assert!(running.terminate());
}
