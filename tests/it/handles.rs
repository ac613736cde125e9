//! What the process may have open is shared: strangers at all doors together leave enough of it for store and trays.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};

use crate::support::{StageDir, free_port, post, put, ready, until};

/// So few that some sockets at each door are all of it.
const FILES: usize = 320;

/// A socket of one of many addresses; `None` where it is not taken.
async fn stranger(nth: u8, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 51, nth), 0).into()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), socket.connect(to)).await.ok()?.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_at_all_doors_leave_files_for_store_and_trays() {
    let stage = StageDir::new([free_port(), free_port()]);
    let others = [free_port(), free_port(), free_port()];
    let path = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let doors: String = others
        .iter()
        .enumerate()
        .map(|(nth, at)| format!("  tuer-{nth}: {{ kind: http, listen: '{at}' }}\n"))
        .collect();
    fs::write(&path, text.replacen("connections:\n", &format!("connections:\n{doors}"), 1)).unwrap();
    let run = stage.command(&["run"]);
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -n {FILES}; exec \"$@\""), "bash"]);
    command.arg(run.get_program()).args(run.get_args());
    let mut running = stage.spawn(command, &[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let began = Instant::now();
    while !ready(&client, stage.http).await {
        assert!(began.elapsed() < Duration::from_secs(60) && !running.ended(), "{}", stage.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let open = || fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().count();
    let mut held = Vec::new();
    let mut most = 0;
    for nth in 1..=80 {
        for door in [stage.http].iter().chain(&others) {
            held.extend(stranger(nth, *door).await);
        }
        most = most.max(open());
    }
    assert!(held.len() >= 256, "{}", held.len());
    // A loaded machine has not accepted them all by now; who says nothing is waited for longer than this takes.
    until("the doors take their part", 20, || open() > FILES / 3).await;
    for _ in 0..50 {
        most = most.max(open());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(most < FILES * 4 / 5, "{most}: and leave the rest");
    put(&stage.tray("in"), "a.xml", b"<kein-dokument/>");
    until("the file in the tray is taken", 60, || !stage.tray("in").join("a.xml").exists()).await;
    let (status, said) = post(&stage, "a", "<kein-dokument/>".to_owned()).await;
    assert_eq!(status, 422, "{said}");
    let log = stage.log();
    assert!(!log.contains("no file handle left"), "{log}");
    assert!(log.contains("raise the limit of open files"), "{log}");
    drop(held);
    assert!(running.terminate(), "{}", stage.log());
}
