//! OSCI in the real program: an office delivers by an intermediary, gets its Quittung on the same exchange, and the same octets again have the
//! same answer and no second effect, also after the process was killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use drehscheibe::cli::args::Cli;
use drehscheibe::cli::args_messages::OriginalArgs;
use drehscheibe::cli::exit::{CliError, Exit};
use drehscheibe::cli::output::Output;
use drehscheibe::cli::{proof, stage};
use drehscheibe::clock::Clock;

use drehscheibe::transport::osci::content::Item;
use drehscheibe::transport::osci::envelope::Standing;
use drehscheibe::transport::osci::kind::Kind;
use jiff::Timestamp;

use crate::osci_door::{Delivery, answered, channel, code, message, settings};
use crate::osci_support::{certificate, inside_term, verified};
use crate::support::{Running, StageDir, free_port, ready};
use crate::xta_server_support::delivery;

/// A stage to which an office delivers by OSCI.
pub struct Amt {
    /// The stage.
    pub stage: StageDir,
    url: String,
    address: std::net::SocketAddr,
    client: reqwest::Client,
    clock: String,
}

/// Changes a file of a stage.
pub fn edit(stage: &StageDir, file: &str, from: &str, to: &str) {
    let path = stage.stage().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

impl Amt {
    /// A stage with a recipient `osci` and an office `jugendamt-bremen`.
    pub fn new() -> Amt {
        let stage = StageDir::new([free_port(), free_port()]);
        let address = free_port();
        let mut osci = settings(serde_json::json!({}));
        osci["kind"] = "osci".into();
        osci["listen"] = address.to_string().into();
        // JSON is YAML.
        edit(&stage, "connections.yaml", "connections:\n", &format!("connections:\n  osci: {osci}\n"));
        let channel = channel(serde_json::json!({}));
        edit(
            &stage,
            "partners.yaml",
            "channels: { lieferungen: {} }",
            &format!("channels: {{ lieferungen: {{}}, osci: {channel} }}"),
        );
        let route = stage.routes.join("registerlieferung.yaml");
        let text = fs::read_to_string(&route).unwrap();
        let bound =
            text.replacen("  - folder: lieferungen\n", "  - folder: lieferungen\n  - osci: osci\n", 1);
        assert_ne!(bound, text);
        fs::write(route, bound).unwrap();
        // The certificates of the recordings have a term; whatever day this machine has.
        let off = inside_term().as_second() - Timestamp::now().as_second();
        let clock = stage.dir.path().join("clock");
        fs::write(&clock, off.to_string()).unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Amt {
            stage,
            url: format!("http://{address}/osci"),
            address,
            client,
            clock: clock.to_str().unwrap().to_owned(),
        }
    }

    /// Starts it.
    pub async fn up(&self) -> Running {
        let mut running = self.stage.start_with(&[("DREHSCHEIBE_CLOCK_FILE", self.clock.clone())]);
        for _ in 0..3_000 {
            let listens = tokio::net::TcpStream::connect(self.address).await.is_ok();
            if listens && ready(&self.client, self.stage.http).await {
                return running;
            }
            assert!(!running.ended(), "{}", self.stage.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not ready\n{}", self.stage.log());
    }

    async fn post(&self, body: bytes::Bytes) -> bytes::Bytes {
        let answer = self.client.post(&self.url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", self.stage.log());
        answer.bytes().await.unwrap()
    }

    /// What a command says.
    pub fn cli(&self, words: &[&str]) -> (bool, String) {
        let output = self.stage.command(words).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }
}

/// The document in an answer.
fn document(answer: &bytes::Bytes) -> String {
    let received = answered(answer);
    assert_eq!(message(&received).kind, Kind::ResponseToProcessDelivery);
    let items = received.contents.unwrap();
    let [Item::Container { reader: Some(_), container: Standing::Signed { covered, .. } }] = &items[..]
    else {
        panic!("{items:?}")
    };
    let [Item::Octets { octets, .. }] = &covered.get().items[..] else { panic!("one content") };
    String::from_utf8(octets.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_delivers_by_osci_and_gets_its_quittung_on_the_same_exchange_once() {
    let amt = Amt::new();
    let (good, said) = amt.cli(&["check"]);
    assert!(good, "{said}");
    let mut running = amt.up().await;
    let good = Delivery::of(Kind::ProcessDelivery, "lieferung-1", &delivery(1)).body();
    let first = amt.post(good.clone()).await;
    assert_eq!(code(&first), "0800", "{}", amt.stage.log());
    let quittung = document(&first);
    assert!(quittung.contains("0011"), "{quittung}");
    running.kill();
    let mut running = amt.up().await;
    // The same octets, and another delivery under the same id.
    let again = amt.post(good).await;
    assert_eq!((code(&again).as_str(), document(&again)), ("0800", quittung));
    let other = Delivery::of(Kind::ProcessDelivery, "lieferung-1", &delivery(2)).body();
    assert_eq!(code(&amt.post(other).await), "9801");
    // One-way: its Quittung goes into the tray.
    let one_way = Delivery::of(Kind::AcceptDelivery, "lieferung-2", &delivery(3)).body();
    assert_eq!(code(&amt.post(one_way).await), "0800");
    crate::support::until("the Quittung lies in the tray", 60, || {
        crate::support::names(&amt.stage.tray("out")).iter().any(|name| name.ends_with(".xml"))
    })
    .await;
    // What is no document of the standard is refused by the house, and that document goes back as well.
    let ill = amt.post(Delivery::of(Kind::ProcessDelivery, "lieferung-3", "<kein-dokument/>").body()).await;
    assert_eq!(code(&ill), "0800");
    // A stranger leaves hash, size and code.
    let mut stranger = Delivery::of(Kind::ProcessDelivery, "lieferung-4", &delivery(4));
    (stranger.originator, stranger.author) = ("author_sig", Some("author_sig"));
    assert_eq!(code(&amt.post(stranger.body()).await), "9805");
    let (_, listed) = amt.cli(&["messages", "list", "--json"]);
    for state in ["accepted", "quarantined", "denied"] {
        assert!(listed.contains(state), "{state}: {listed}");
    }
    assert!(!amt.stage.log().contains("kein-dokument"));
    assert!(running.terminate(), "{}", amt.stage.log());
    let all: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let of =
        |state: &str| all.as_array().unwrap().iter().find(|one| one["state"] == state).unwrap()["id"].clone();
    let id: uuid::Uuid = of("accepted").as_str().unwrap().parse().unwrap();
    let (_, shown) = amt.cli(&["messages", "show", &id.to_string()]);
    let signer = &certificate("originator_sig").fingerprint()[..16];
    for line in
        ["verified   envelope: ", &format!("verified   document: sha256-rsa-MGF1 under certificate {signer}")]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    proved(&amt, id, of("denied").as_str().unwrap().parse().unwrap()).await;
}

/// What `messages proof` does for a person, while nothing runs.
async fn asked(amt: &Amt, of: uuid::Uuid, person: &str) -> Result<Exit, CliError> {
    let command = amt.stage.command(&["status"]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let global = Cli::try_parse_from(words).unwrap().global;
    let mut out = Output::stdout(true);
    let store = stage::write_store(&global, &mut out).unwrap();
    let folder = amt.stage.dir.path().join("nachweis");
    let args = OriginalArgs { id: of, out: folder, reason: "Zugang bestritten".to_owned() };
    let exit = proof::run(&*store, &Clock::set(inside_term()), person, &args, &mut out).await;
    store.close(Duration::from_secs(10)).await.unwrap();
    exit
}

/// The folder that two persons get of a message.
pub async fn exported(amt: &Amt, of: uuid::Uuid) -> std::path::PathBuf {
    let folder = amt.stage.dir.path().join("nachweis");
    assert_eq!(asked(amt, of, "os:anna").await.unwrap(), Exit::Ok);
    assert!(!folder.exists(), "alone nobody gets it");
    assert_eq!(asked(amt, of, "os:rita").await.unwrap(), Exit::Ok);
    folder
}

/// What two persons get, and that somebody else judges it as we did.
async fn proved(amt: &Amt, id: uuid::Uuid, denied: uuid::Uuid) {
    let folder = exported(amt, id).await;
    let octets = |name: &str| fs::read(folder.join(name)).unwrap();
    let verdict: serde_json::Value = serde_json::from_slice(&octets("urteil.json")).unwrap();
    let judged = verdict["verified"].as_array().unwrap();
    let document = judged.iter().find(|one| one["over"] == serde_json::json!(["document"])).unwrap();
    assert_eq!(document["fingerprint"], certificate("originator_sig").fingerprint());
    assert_eq!((&document["counts"], judged.len()), (&true.into(), 2), "{verdict}");
    assert!(document["revocation"].as_str().unwrap().starts_with("not asked"), "{document}");
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files: Vec<String> = Vec::new();
    for file in fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        assert_eq!(mode(&file.path()), 0o600);
        files.push(file.file_name().into_string().unwrap());
    }
    let summed = |folder: &Path| {
        let mut sums = std::process::Command::new("sha256sum");
        sums.args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(folder);
        sums.status().unwrap().success()
    };
    assert!(summed(&folder));
    // An independent verifier finds what we found: as many signatures, each good.
    let body = octets("empfangen.http-body.bin");
    let judge = |body: &[u8]| verified(&[("empfangen", body)]).map(|lines| lines[0].clone());
    let Some(said) = judge(&body) else { return };
    assert!(
        said.contains("ClientSignature ok(") && said.contains("content-sig container by id ok("),
        "{said}"
    );
    assert_eq!(
        said.matches(" ok(").count(),
        judged.iter().filter(|one| one["counts"] == true).count(),
        "{said}"
    );
    // One octet changed is found, in whichever file; where it is signed by the verifier, too.
    for name in files.iter().filter(|name| *name != "SHA256SUMS") {
        let before = octets(name);
        let mut other = before.clone();
        let at = other.len() / 2;
        other[at] ^= 1;
        fs::write(folder.join(name), &other).unwrap();
        assert!(!summed(&folder), "{name}");
        fs::write(folder.join(name), &before).unwrap();
    }
    let at = body.windows(10).position(|window| window == b"<osci:Chal").unwrap() + 18;
    let mut other = body.clone();
    other[at] = if other[at] == b'A' { b'B' } else { b'A' };
    assert!(!judge(&other).unwrap().contains("ClientSignature ok("));
    // A folder that is there is never written into, and of a stranger nothing is kept that proves anything.
    assert_eq!(asked(amt, id, "os:anna").await.unwrap(), Exit::Ok);
    assert!(asked(amt, id, "os:rita").await.is_err());
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(asked(amt, denied, "os:anna").await.unwrap(), Exit::Ok);
    assert_eq!(asked(amt, denied, "os:rita").await.unwrap(), Exit::No);
    assert!(!folder.exists());
}

#[test]
fn doctor_and_check_say_what_is_wrong_with_keys_and_certificates() {
    let amt = Amt::new();
    let (_, said) = amt.cli(&["doctor"]);
    assert!(said.contains("osci: keys/signature: certificate"), "{said}");
    assert!(said.contains("osci: jugendamt-bremen"), "{said}");
    // Another key's certificate, and a file that is not there.
    edit(&amt.stage, "connections.yaml", "addressee_sig.key.pem", "intermed_sig.key.pem");
    edit(&amt.stage, "partners.yaml", "originator_sig.crt.pem", "nirgends.crt.pem");
    let (good, said) = amt.cli(&["doctor"]);
    assert!(!good && said.contains("the certificate is that of another key"), "{said}");
    assert!(said.contains("nirgends.crt.pem: certificate file cannot be read"), "{said}");
    // Who only delivers here is not written to.
    edit(&amt.stage, "partners.yaml", "answers-by: lieferungen", "answers-by: osci");
    let (good, said) = amt.cli(&["check"]);
    assert!(!good && said.contains("takes in but does not send"), "{said}");
}
