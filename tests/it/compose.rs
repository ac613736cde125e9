//! `compose.yaml` and what it mounts, held against the program: names of the environment, paths, ports, secrets, the stage. No
//! container engine is needed, and none is started: what an engine would do with it is not shown here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;
use drehscheibe::cli::args::Cli;
use serde_json::Value;

use crate::support::{Receiver, StageDir, ready, root};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Mounts of a service: source, target, the rest.
fn mounts(service: &Value) -> Vec<(&str, &str, &str)> {
    let parts = texts(&service["volumes"]).into_iter().map(|mount| {
        let mut parts = mount.split(':');
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or_default())
    });
    parts.collect()
}

fn script(name: &str, argument: &str) -> Output {
    let path = root().join("deploy/compose").join(name);
    Command::new("bash").arg(path).arg(argument).stdin(Stdio::null()).output().unwrap()
}

fn made_secrets(folder: &Path) -> BTreeSet<String> {
    let done = script("secrets.sh", folder.to_str().unwrap());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let names = fs::read_dir(folder.join("secrets")).unwrap().flatten();
    names.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn its_settings_are_those_that_the_program_and_the_image_have() {
    let (compose, image) = (yaml("compose.yaml"), read("deploy/compose/Containerfile"));
    let service = &compose["services"]["drehscheibe"];
    let arguments = Cli::command();
    let known: BTreeSet<&str> =
        arguments.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    let written: BTreeSet<&str> =
        service["environment"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(written, known, "every folder of the program is named, and nothing that it does not know");
    for (name, value) in service["environment"].as_object().unwrap() {
        assert!(image.contains(&format!("{name}={}", value.as_str().unwrap())), "{name} is the image's");
    }

    // It may write to one folder only, and everything else that it is given stands in the tree or is made by the script.
    let data = service["environment"]["DREHSCHEIBE_DATA"].as_str().unwrap();
    assert_eq!((&service["read_only"], &service["user"]), (&true.into(), &"10001:10001".into()));
    assert!(image.contains("USER 10001:10001") && image.contains(&format!("chown -R 10001:10001 {data}")));
    let secrets = "./deploy/compose/geheim/secrets";
    for (from, to, how) in mounts(service) {
        match from.strip_prefix("./") {
            Some(path) => {
                assert_eq!(how, "ro", "{from}");
                assert!(from == secrets || root().join(path).exists(), "{from}");
                assert!(to.starts_with("/etc/drehscheibe/"), "{to}");
            }
            None => assert!(to == data || from == "db-socket", "{from} can be written"),
        }
    }
    for service in compose["services"].as_object().unwrap().values() {
        for (from, ..) in mounts(service).into_iter().filter(|(from, ..)| !from.starts_with('.')) {
            assert!(compose["volumes"].as_object().unwrap().contains_key(from), "volume {from}");
        }
    }
    for line in
        image.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.contains("--from"))
    {
        assert!(root().join(line.split_whitespace().next().unwrap()).exists(), "{line}");
    }

    // Trays are made by the image, because a run makes none.
    let stage = yaml("deploy/compose/connections.yaml");
    for connection in ["lieferungen", "justiz"] {
        for tray in stage["connections"][connection]["trays"].as_array().unwrap() {
            for which in ["in", "out"] {
                assert!(image.contains(&format!("{data}/{}", tray[which].as_str().unwrap())), "{tray}");
            }
        }
    }

    // One port, from the listener to the outside, and the health check asks there.
    let listen = stage["connections"]["haustuer"]["listen"].as_str().unwrap();
    let port = listen.rsplit(':').next().unwrap();
    assert_eq!(texts(&service["ports"]), [format!("127.0.0.1:{port}:{port}")], "for this machine only");
    assert_eq!(stage["connections"]["haustuer"]["ops"], true);
    let check = texts(&service["healthcheck"]["test"]);
    assert_eq!(check[1..], ["bash", "/usr/local/share/drehscheibe/ready.sh", port]);
    assert!(image.contains(check[2]) && image.contains(&format!("EXPOSE {port}")));

    // The broker's name in the stage is its service; the database is reached by the socket that both mount.
    let broker = &stage["connections"]["broker"];
    assert!(compose["services"].get(broker["host"].as_str().unwrap()).is_some());
    assert_eq!(compose["networks"]["innen"]["internal"], true, "what is not encrypted leads nowhere else");
    assert_eq!(texts(&compose["services"]["rabbitmq"]["networks"]), ["innen"]);
    let sockets: Vec<&str> = ["drehscheibe", "postgres"]
        .iter()
        .flat_map(|name| mounts(&compose["services"][*name]))
        .filter(|(from, ..)| *from == "db-socket")
        .map(|(_, to, _)| to)
        .collect();
    assert_eq!(sockets, ["/var/run/postgresql"; 2]);
}

#[test]
fn its_secrets_are_made_once_and_its_stage_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let made = made_secrets(folder.path());
    let secret = |name: &str| fs::read_to_string(folder.path().join("secrets").join(name)).unwrap();
    let before: Vec<String> = made.iter().map(|name| secret(name)).collect();
    assert_eq!(made_secrets(folder.path()), made);
    assert_eq!(made.iter().map(|name| secret(name)).collect::<Vec<_>>(), before, "what is there stays");
    for (url, login) in [("store.url", "laufzeit"), ("store-owner.url", "besitzer")] {
        let wanted = format!("postgresql://{login}:{}@%2Fvar%2Frun%2Fpostgresql/drehscheibe", secret(login));
        assert_eq!(secret(url), wanted);
    }
    assert!(secret("broker.conf").contains(&format!("default_pass = {}\n", secret("broker"))));
    let compose = yaml("compose.yaml");
    for (name, file) in compose["secrets"].as_object().unwrap() {
        assert_eq!(file["file"].as_str().unwrap(), format!("deploy/compose/geheim/secrets/{name}"));
        assert!(made.contains(name), "{name}");
        assert!(
            read("deploy/compose/datenbank.sh").contains(&format!("/run/secrets/{name}"))
                || name == "postgres"
        );
    }

    // The stage as the mounts put it together.
    let (stage, routes) = (folder.path().join("stage"), folder.path().join("routes"));
    let copy = |from: &Path, to: &Path| {
        let done = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
        assert!(done.success(), "{}", from.display());
    };
    fs::create_dir(&stage).unwrap();
    copy(&folder.path().join("secrets"), &stage.join("secrets"));
    copy(&root().join("routes"), &routes);
    for (from, to, _) in mounts(&compose["services"]["drehscheibe"]) {
        let Some(from) = from.strip_prefix("./").filter(|from| !from.contains("geheim") && *from != "routes")
        else {
            continue;
        };
        let target = match to.strip_prefix("/etc/drehscheibe/stage/") {
            Some(name) => stage.join(name),
            None => routes.join(to.strip_prefix("/etc/drehscheibe/routes/").unwrap()),
        };
        copy(&root().join(from), &target);
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    check.current_dir(root()).arg("check").arg("--config").arg(&stage).arg("--routes").arg(&routes);
    let checked = check.output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn its_route_is_the_shipped_one_and_takes_from_the_broker_too() {
    let (shipped, own) =
        (read("routes/registerlieferung.yaml"), read("deploy/compose/registerlieferung.yaml"));
    let added = "  - amqp: register.lieferungen\n";
    assert!(own.contains(added));
    assert_eq!(own.replace(added, ""), shipped, "copy the shipped route anew and add the broker");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_health_check_tells_a_running_program_from_none() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let port = stage.http.port().to_string();
    assert!(!script("ready.sh", &port).status.success(), "nobody listens");
    let mut running = stage.start(None);
    let client = reqwest::Client::new();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let said = script("ready.sh", &port);
    assert!(said.status.success(), "{}\n{}", String::from_utf8_lossy(&said.stderr), stage.log());
    assert!(running.terminate());
    assert!(!script("ready.sh", &port).status.success());
}
