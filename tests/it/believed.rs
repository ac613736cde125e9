//! What commands believe of who answers at the address of their house: its own process, and nobody else.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::support::{StageDir, free_port, until, up};

fn said(stage: &StageDir, words: &[&str]) -> String {
    let output = stage.command(words).output().expect("the program runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn edit(stage: &StageDir, from: &str, to: &str) {
    let file = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&file).expect("connections");
    assert!(text.contains(from), "{from}");
    fs::write(&file, text.replace(from, to)).expect("written");
}

fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().expect("an address")
}

/// A second stage on the address of the first, with a store of its own that was made by a run of its own.
async fn beside(first: &StageDir) -> (StageDir, SocketAddr) {
    let stage = StageDir::new([nowhere(); 2]);
    let mut made = up(&stage).await;
    assert!(made.terminate());
    let own = stage.http;
    edit(&stage, &own.to_string(), &first.http.to_string());
    (stage, own)
}

fn port(stage: &StageDir, at: SocketAddr) -> String {
    let told = said(stage, &["doctor"]);
    let line = told.lines().find(|line| line.contains("port") && line.contains(&at.to_string()));
    line.unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_on_the_address_of_another_is_not_taken_for_it() {
    let first = StageDir::new([nowhere(); 2]);
    // What the first one says of its parts is not the second one's.
    let lost = first.tray("in");
    let mut running = up(&first).await;
    fs::remove_dir_all(&lost).expect("removed");
    until("the first one tells of its tray", 60, || said(&first, &["status"]).contains("see below")).await;
    assert!(
        said(&first, &["status"])
            .contains(&format!("house      runs and takes deliveries at {}", first.http))
    );
    assert!(port(&first, first.http).contains("held by the drehscheibe of this stage that runs"));

    // The same stage and key, another store.
    let (second, own) = beside(&first).await;
    let told = said(&second, &["status"]);
    assert!(told.contains("house      is not who answers at") && told.contains("another house"), "{told}");
    assert!(!told.contains("see below") && !told.contains("tray of"), "{told}");
    let json: serde_json::Value = serde_json::from_str(&said(&second, &["status", "--json"])).expect("JSON");
    assert_eq!(json["parts"], serde_json::json!([]));
    assert!(port(&second, first.http).starts_with("NOT OK"));
    let bundle = said(&second, &["support", "bundle", "--show"]);
    assert!(bundle.contains("does not prove to be the process of this stage and store"), "{bundle}");

    // Also while the second one runs and cannot have the address.
    let mut other = second.start(None);
    until("it tried", 60, || second.log().contains("cannot listen on")).await;
    let told = said(&second, &["status"]);
    assert!(told.contains("house      is not who answers at"), "{told}");
    other.kill();

    // Another key, and no store at all to compare.
    let third = StageDir::new([nowhere(); 2]);
    fs::write(third.stage().join("secrets/key"), "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
        .expect("key");
    let there = third.http;
    edit(&third, &there.to_string(), &first.http.to_string());
    let told = said(&third, &["status"]);
    assert!(told.contains("house      is not who answers at"), "{told}");

    // The same key and no store: it is of this stage, and of no store anything is said.
    edit(&second, "path: store", "path: nirgends");
    let told = said(&second, &["status"]);
    assert!(told.contains("house      cannot be told") && !told.contains("takes deliveries"), "{told}");
    assert!(running.terminate());
    edit(&second, &first.http.to_string(), &own.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_of_the_house_is_known_as_its_own_and_no_other() {
    let stage = StageDir::new([nowhere(); 2]);
    let (plain, taken) = (free_port(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let foreign = taken.local_addr().expect("its address");
    edit(
        &stage,
        "  lieferungen:\n",
        &format!(
            "  innen: {{ kind: http, listen: \"{plain}\" }}\n  besetzt: {{ kind: http, listen: \"{foreign}\" }}\n  lieferungen:\n"
        ),
    );
    let mut running = up(&stage).await;
    until("the second door stands", 60, || port(&stage, plain).contains("held by")).await;
    for own in [stage.http, plain] {
        let line = port(&stage, own);
        assert!(line.starts_with("ok") && line.contains("of this stage that runs"), "{line}");
    }
    let line = port(&stage, foreign);
    assert!(line.starts_with("NOT OK") && line.contains("runs without it"), "{line}");
    assert!(running.terminate());
}

/// A program that answers whatever it is asked like a house of before: with no proof.
fn old_program(at: SocketAddr) {
    let listener = TcpListener::bind(at).expect("the address");
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let read = socket.read(&mut head).unwrap_or(0);
            let parts = head[..read].starts_with(b"GET /health/parts");
            let body = match parts {
                true => r#"[{"part":"tray of nobody","waits":7,"failing":null,"seconds":0}]"#,
                false => "bereit\n",
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes());
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_proof_is_nobodys_word() {
    let stage = StageDir::new([nowhere(); 2]);
    let mut made = up(&stage).await;
    assert!(made.terminate());
    old_program(stage.http);
    let told = said(&stage, &["status"]);
    assert!(told.contains("house      cannot be told") && told.contains("an older program"), "{told}");
    assert!(!told.contains("tray of nobody") && !told.contains("runs and takes"), "{told}");
    let line = port(&stage, stage.http);
    assert!(line.starts_with("NOT OK") && line.contains("proves nothing"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_running_store_does_not_believe_the_house_that_it_was_copied_from() {
    let stage = StageDir::new([nowhere(); 2]);
    let mut running = up(&stage).await;
    let words = |data: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        command.arg("status").arg("--config").arg(stage.stage()).arg("--routes").arg(&stage.routes);
        command.arg("--xsd").arg(crate::support::root().join("xsd")).arg("--data").arg(data);
        let output = command.output().expect("the program runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let dir = tempfile::tempdir().expect("a folder");
    let copied = dir.path().join("copied");
    crate::support::copy(&stage.data(), &copied);
    // Of links: its files are those of the house, its folder is not.
    let linked = dir.path().join("linked");
    let made = std::process::Command::new("cp").arg("-al").arg(stage.data()).arg(&linked).status();
    for (how, data) in [("copied", &copied), ("linked", &linked)] {
        if how == "linked" && !made.as_ref().is_ok_and(std::process::ExitStatus::success) {
            println!("no links from here to the temporary folder");
            continue;
        }
        let told = said_of(&words(data));
        assert!(told.contains("is not who answers at"), "{how}: {told}");
    }
    // By another name of the same folder it is the house.
    let named = dir.path().join("named");
    std::os::unix::fs::symlink(stage.data(), &named).expect("a link");
    for data in [&named, &stage.data()] {
        let told = said_of(&words(data));
        assert!(told.contains("runs and takes deliveries"), "{told}");
    }
    // A backup holds nothing of the run that it was made beside, and is put back for one of its own.
    let backup = dir.path().join("backup");
    let told = said(&stage, &["backup", &backup.display().to_string()]);
    assert!(told.contains("keys and deletion ledger are not in it"), "{told}");
    assert!(running.terminate());
}

fn said_of(told: &str) -> String {
    told.lines().find(|line| line.starts_with("house")).unwrap_or(told).to_owned()
}
