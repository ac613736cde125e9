//! The dDataBox: every letter reaches its receiver once, whatever fails and wherever the house ends, counted at the far end; nothing of a person stands in
//! a name or an address; what gives way is taken away first. The far end of the tests satisfies a client of others first.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::Envelope;
use drehscheibe::transport::port::{
    After, Attempt, Busy, Channel, Destination, Followed, Notes, Progress, Receipt, SendError, Spool,
    Withdrawal,
};
use drehscheibe::transport::postbox::ddatabox::ENTRY;
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ddatabox_server::{CLIENT, ENCRYPTED, Far, Fault, ROOM, USER};
use crate::osci_peer::Remembered;
use crate::transport_support::{House, destination_of, envelope};

const HANDLE: &str = "mailto:zoe@post.example?sms=%2B4915112345678";
const VORGANG: &str = "01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10";

/// Notes that several processes have in common.
#[derive(Default)]
struct Kept(Mutex<HashMap<String, Vec<u8>>>);

#[async_trait]
impl Notes for Kept {
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, Busy> {
        Ok(self.0.lock().unwrap().get(&format!("{connection} {key}")).cloned())
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), Busy> {
        let mut all = self.0.lock().unwrap();
        match value {
            Some(value) => all.insert(format!("{connection} {key}"), value),
            None => all.remove(&format!("{connection} {key}")),
        };
        Ok(())
    }

    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, Busy> {
        let mut all = self.0.lock().unwrap();
        let place = format!("{connection} {key}");
        let is_as_read = all.get(&place) == before.as_ref();
        if is_as_read {
            all.insert(place, value);
        }
        Ok(is_as_read)
    }
}

/// A house with its dDataBox.
struct Setup {
    far: Arc<Far>,
    house: Arc<House>,
    notes: Arc<Kept>,
    connection: Value,
    channel: Value,
}

impl Setup {
    async fn new() -> Setup {
        let far = Far::start().await;
        let connection = json!({
            "url": far.url(), "client": { "id": CLIENT.0, "secret": CLIENT.1 },
            "user": { "name": USER.0, "password": USER.1 }, "timeout": "2s", "chunk": 64,
        });
        Setup {
            far,
            house: House::new(),
            notes: Arc::default(),
            connection,
            channel: json!({ "room": ROOM }),
        }
    }

    /// The destination as a process has it that has just begun.
    fn process(&self) -> Arc<dyn Destination> {
        let mut around = self.house.around(Clock::real());
        around.notes = self.notes.clone();
        let channel = Channel { partner: "postfach".to_owned(), settings: self.channel.clone() };
        destination_of(&ENTRY, ("ddatabox", &self.connection), &channel, &around).unwrap().unwrap()
    }

    async fn letter(&self) -> Envelope {
        let body = json!({ "an": { "name": "Zoë Müller" }, "referenz": VORGANG });
        let mut letter = envelope(&body.to_string(), "application/json");
        letter.head.correlation = Some(HANDLE.to_owned());
        let partner = letter.head.partner.clone().unwrap();
        let mut writer = self.house.begin(&partner).await.unwrap();
        writer.write([b"%PDF".to_vec(), vec![b'x'; 150_000]].concat().into()).await.unwrap();
        letter.parts.push(writer.finish("auskunft.pdf", "application/pdf").await.unwrap());
        letter
    }

    /// How many notices went out, and how many passwords.
    fn told(&self) -> (usize, usize) {
        let world = self.far.world.lock().unwrap();
        (world.mails.len(), world.texts.len())
    }

    /// How many links are of use to somebody who was told of them.
    fn open_links(&self) -> usize {
        let world = self.far.world.lock().unwrap();
        let told = |id: &u64| world.mails.iter().any(|(share, ..)| share == id);
        world.shares.keys().filter(|id| told(id)).count()
    }

    fn steps(&self) -> usize {
        self.far.world.lock().unwrap().steps.len()
    }
}

/// An attempt as dispatch makes one: one that is in doubt is looked up before.
async fn dispatched(
    to: &dyn Destination,
    letter: &Envelope,
    left: &Remembered,
    in_doubt: bool,
) -> Result<Receipt, SendError> {
    assert!(!to.repeat_is_safe());
    if in_doubt {
        match to.find_by_reference(letter).await {
            Ok(Some(receipt)) => return Ok(receipt),
            Ok(None) => {}
            Err(_) => return Err(SendError::Unclear { cause: "cannot be looked up".to_owned() }),
        }
    }
    let progress = Progress::default();
    to.attempt(letter, Attempt { progress: &progress, memory: left, taken_within: None }).await
}

fn followed<'a>(letter: &Envelope, receipt: &'a Receipt, keep: &'a [u8], last: bool) -> Followed<'a> {
    Followed { id: letter.head.id, reference: &receipt.reference, keep, looks: 0, last }
}

fn keep(receipt: &Receipt) -> Vec<u8> {
    receipt.follow.as_ref().unwrap().keep.to_vec()
}

#[test]
fn a_client_of_others_is_satisfied_by_the_far_end_of_the_tests() {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let named = std::env::var("DREHSCHEIBE_DRACOON").ok();
    let mut pythons = named.into_iter().chain([format!("{target}/dracoon/bin/python"), "python3".to_owned()]);
    let has = |python: &String| {
        let asked = Command::new(python).args(["-c", "import dracoon"]).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let Some(python) = pythons.find(has) else {
        println!(
            "skipped: dracoon is not here (tests/run.sh fetches it); nobody else spoke to the far end of the tests"
        );
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let far = runtime.block_on(Far::start());
    let order =
        json!({ "url": far.url(), "client": [CLIENT.0, CLIENT.1], "user": [USER.0, USER.1], "room": ROOM });
    let mut child = Command::new(python)
        .args(["-c", include_str!("ddatabox_foreign.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), &order).unwrap();
    let output = child.wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(
        said,
        json!({
            "room": [ROOM, "room", false], "again": "HTTPConflictError", "file": ["Schreiben.pdf", 70_004, true],
            "conflict": "HTTPConflictError", "found": [true], "share": ["Schreiben", 0, 3, true, "x offen"],
            "shares": [true], "noted": "x benachrichtigt", "deleted": "HTTPNotFoundError",
        })
    );
    let world = far.world.lock().unwrap();
    assert_eq!(world.mails.len(), 1);
    assert_eq!(world.texts, [("+4915112345678".to_owned(), "Kennwort1".to_owned())]);
}

/// The description that the far end of the tests is written from knows every call and every member that the product sends.
#[tokio::test]
async fn what_is_sent_is_what_the_description_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/schemas/dracoon/dracoon-openapi-4.42.3-subset.json");
    let Ok(text) = std::fs::read_to_string(file) else {
        println!(
            "skipped: the description of DRACOON's interface is not here; what is sent was not compared with it"
        );
        return;
    };
    let description: Value = serde_json::from_str(&text).unwrap();
    let setup = Setup::new().await;
    let (letter, to) = (setup.letter().await, setup.process());
    let receipt = dispatched(&*to, &letter, &Remembered::default(), false).await.unwrap();
    let kept = keep(&receipt);
    to.look_after(&followed(&letter, &receipt, &kept, false)).await.unwrap();
    let Withdrawal::Step { keep } = to.withdraw(&followed(&letter, &receipt, &kept, true)).await.unwrap()
    else {
        panic!()
    };
    to.withdraw(&followed(&letter, &receipt, &keep, true)).await.unwrap();
    let world = setup.far.world.lock().unwrap();
    let mut compared = 0;
    for seen in world.seen.iter().filter(|seen| seen.contains(" /api/v4/")) {
        let mut words = seen.split(' ');
        let (method, address) = (words.next().unwrap().to_lowercase(), words.next().unwrap());
        let path = address.strip_prefix("/api").unwrap().split('?').next().unwrap();
        let fits = |template: &str| {
            let (one, two): (Vec<&str>, Vec<&str>) =
                (template.split('/').collect(), path.split('/').collect());
            let same = |(of, is): (&&str, &&str)| of == is || of.starts_with('{');
            one.len() == two.len() && one.iter().zip(&two).all(same)
        };
        let paths = description["paths"].as_object().unwrap();
        // One that names its last part goes before one that leaves it open.
        let mut found: Vec<&String> = paths.keys().filter(|template| fits(template)).collect();
        found.sort_by_key(|template| template.matches('{').count());
        let call = &description["paths"][found.first().unwrap_or_else(|| panic!("{seen}")).as_str()][&method];
        assert!(call.is_object(), "{method} {path}");
        let schema =
            call.pointer("/requestBody/content/application~1json/schema/$ref").and_then(Value::as_str);
        if let Some(name) = schema.and_then(|schema| schema.strip_prefix('#')) {
            let members = description.pointer(name).unwrap()["properties"].as_object().unwrap();
            let body: Value = serde_json::from_str(&seen[seen.find("} {").unwrap() + 2..]).unwrap();
            let odd = body.as_object().unwrap().keys().find(|key| !members.contains_key(*key));
            assert_eq!(odd, None, "{path}");
            compared += 1;
        }
    }
    assert!(compared >= 6, "{compared}");
}

#[tokio::test]
async fn a_letter_is_laid_down_told_of_once_and_collected() {
    let setup = Setup::new().await;
    let (letter, to) = (setup.letter().await, setup.process());
    let receipt = dispatched(&*to, &letter, &Remembered::default(), false).await.unwrap();
    assert_eq!(setup.told(), (1, 1));
    let id = letter.head.id;
    assert_eq!(setup.far.files(), [(VORGANG.to_owned(), format!("Schreiben {id}.pdf"), 150_004)]);
    let kept = keep(&receipt);
    {
        let world = setup.far.world.lock().unwrap();
        let (share, mail, body) = &world.mails[0];
        let ((phone, password), link) = (&world.texts[0], &world.shares[share]);
        assert_eq!((mail.as_str(), phone.as_str()), ("zoe@post.example", "+4915112345678"));
        assert!(!body.contains(password) && password.len() == 20, "never by the same channel");
        assert_eq!((link.name.as_str(), link.most), ("Schreiben", 10));
        let file = world.nodes.values().find(|node| node.kind == "file").unwrap();
        assert_eq!(file.classification, 3);
        // Nothing of a person or of a register in a name, address or notice; her address stands in the one call that needs it.
        for seen in &world.seen {
            let (beside, body) = seen.split_at(seen.find("} ").unwrap());
            for word in ["Zo", "M\u{fc}ller", "zoe", "49151", "orge", "uskunft"] {
                assert!(!beside.contains(word), "{word}: {beside}");
                let needed = beside.contains("/email ") || beside.contains("POST /api/v4/shares/downloads ");
                assert!(needed || beside.contains("/uploads/") || !body.contains(word), "{word}: {seen}");
            }
        }
    }
    assert!(matches!(
        to.look_after(&followed(&letter, &receipt, &kept, false)).await,
        Ok(After::Open { .. })
    ));
    let failed = to.look_after(&followed(&letter, &receipt, &kept, true)).await.unwrap();
    assert!(matches!(failed, After::Failed { .. }), "{failed:?}");
    assert_eq!(setup.far.collect().unwrap().len(), 150_004);
    for last in [false, true] {
        let found = to.look_after(&followed(&letter, &receipt, &kept, last)).await.unwrap();
        assert!(matches!(found, After::Confirmed(_)), "{found:?}");
    }
    let back = to.withdraw(&followed(&letter, &receipt, &kept, true)).await.unwrap();
    assert!(matches!(back, Withdrawal::Collected(_)), "what was collected is not taken back: {back:?}");
    // Another letter of the same Vorgang lies in the same folder, with a link of its own.
    let mut next = letter.clone();
    next.head.id = Uuid::from_u128(9);
    dispatched(&*to, &next, &Remembered::default(), false).await.unwrap();
    assert_eq!(setup.told(), (2, 2));
    let folders: Vec<String> = setup.far.files().into_iter().map(|(folder, ..)| folder).collect();
    assert_eq!(folders, [VORGANG, VORGANG]);
}

/// The house ends between every two exchanges, before or after the far end has done what it was asked for; a new process goes on.
#[tokio::test]
async fn wherever_the_house_ends_she_is_told_once_or_a_person_is_asked() {
    let all = {
        let setup = Setup::new().await;
        dispatched(&*setup.process(), &setup.letter().await, &Remembered::default(), false).await.unwrap();
        setup.steps()
    };
    let (mut unclear, mut arrived) = (Vec::new(), 0);
    for stop in 1..=all {
        for done in [false, true] {
            let setup = Setup::new().await;
            let letter = setup.letter().await;
            setup.far.world.lock().unwrap().stop_at = Some((stop, done));
            let (to, left) = (setup.process(), Arc::new(Remembered::default()));
            let going = tokio::spawn({
                let (letter, left) = (letter.clone(), left.clone());
                async move { dispatched(&*to, &letter, &left, false).await.map(drop) }
            });
            setup.far.stopped.notified().await;
            going.abort();
            let step = {
                let mut world = setup.far.world.lock().unwrap();
                world.stop_at = None;
                world.steps[stop - 1]
            };
            let outcome = dispatched(&*setup.process(), &letter, &left.next(), true).await;
            let (mails, texts) = setup.told();
            match outcome {
                Ok(_) => {
                    arrived += 1;
                    assert_eq!(mails, 1, "{step} {done}");
                    assert!(setup.far.collect().is_some(), "{step} {done}");
                }
                Err(SendError::Unclear { .. }) => {
                    unclear.push((step, done));
                    assert!(mails <= 1, "{step} {done}");
                }
                other => panic!("{step} {done}: {other:?}"),
            }
            assert_eq!((setup.far.files().len(), texts), (1, 1), "{step} {done}");
            // Nothing is left of an upload that was broken off.
            assert!(setup.open_links() <= 1);
        }
    }
    // Only about the notice itself nobody can tell.
    assert_eq!(unclear, [("change", true), ("mail", false), ("mail", true), ("change", false)]);
    assert_eq!(arrived, 2 * all - 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_far_end_answers_has_its_outcome_and_she_is_told_once() {
    use Fault::*;
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Is {
        Later(bool),
        Never,
        Unclear,
        Fine,
    }
    let before_anybody_knows = [
        (Status(500), Is::Later(true)),
        (After(429, 7), Is::Later(true)),
        (Status(507), Is::Later(false)),
        (Status(403), Is::Later(false)),
        (Status(404), Is::Later(false)),
        (Status(400), Is::Never),
        (Page, Is::Later(true)),
        (Redirect, Is::Later(false)),
        (ErrorIn200, Is::Later(true)),
        (Drip, Is::Later(true)),
        (Silent, Is::Later(true)),
        (DoneSilent, Is::Later(true)),
        (Status(401), Is::Fine),
        (Expired, Is::Fine),
    ];
    let notice = [
        (Status(500), Is::Unclear),
        (After(429, 7), Is::Later(true)),
        (Status(507), Is::Later(false)),
        (Status(403), Is::Later(false)),
        (Status(400), Is::Never),
        (Page, Is::Unclear),
        (Redirect, Is::Later(false)),
        (ErrorIn200, Is::Unclear),
        (Drip, Is::Unclear),
        (Silent, Is::Unclear),
        (DoneSilent, Is::Unclear),
        (Status(401), Is::Fine),
        (Expired, Is::Fine),
    ];
    let mut rounds = Vec::new();
    for step in ["room", "folder", "find", "begin", "piece", "complete", "shares", "share"] {
        rounds.extend(before_anybody_knows.map(|(fault, is)| (step, fault, is)));
    }
    rounds.extend(notice.map(|(fault, is)| ("mail", fault, is)));
    let round = |(step, fault, is): (&'static str, Fault, Is)| async move {
        let setup = Setup::new().await;
        let letter = setup.letter().await;
        setup.far.fail(step, fault);
        let (to, left) = (setup.process(), Remembered::default());
        let outcome = dispatched(&*to, &letter, &left, false).await;
        let found = match &outcome {
            Ok(_) => Is::Fine,
            Err(SendError::Later { far_end, retry_after, cause }) => {
                let asked = matches!(fault, After(..)).then(|| Duration::from_secs(7));
                assert_eq!(*retry_after, asked, "{step} {fault:?}");
                assert!(!cause.contains("so gewollt") && !cause.contains("Wartung"), "{cause}");
                Is::Later(*far_end)
            }
            Err(SendError::Never { .. }) => Is::Never,
            Err(SendError::Unclear { .. }) => Is::Unclear,
        };
        // A piece that may be there already is refused the second time; a page or an empty answer is as good as the one it expects.
        let odd = step == "piece" && matches!(fault, ErrorIn200);
        if !odd {
            assert_eq!(found, is, "{step} {fault:?}: {outcome:?}");
        }
        let left = left.next();
        let sent = match found {
            Is::Fine => outcome,
            Is::Later(_) => dispatched(&*to, &letter, &left, false).await,
            Is::Unclear => dispatched(&*setup.process(), &letter, &left, true).await,
            Is::Never => {
                assert_eq!((setup.told().0, setup.open_links()), (0, 0), "{step}: another way may be taken");
                assert!(setup.far.world.lock().unwrap().shares.is_empty(), "{step}: nothing is left");
                return;
            }
        };
        match sent {
            Ok(_) => assert_eq!(setup.told().0, 1, "{step} {fault:?}"),
            Err(SendError::Unclear { .. }) if step == "mail" => assert!(setup.told().0 <= 1, "{fault:?}"),
            other => panic!("{step} {fault:?}: {other:?}"),
        }
        assert_eq!(setup.told().1, 1, "{step} {fault:?}: one password");
        assert_eq!(setup.far.files().len(), 1);
    };
    // They wait for timeouts, not for each other.
    futures_util::stream::iter(rounds).for_each_concurrent(12, round).await;
}

#[tokio::test]
async fn a_link_that_gives_way_is_of_no_use_before_it_is_deleted() {
    let setup = Setup::new().await;
    let (letter, to) = (setup.letter().await, setup.process());
    let receipt = dispatched(&*to, &letter, &Remembered::default(), false).await.unwrap();
    let first = keep(&receipt);
    let Withdrawal::Step { keep: locked } =
        to.withdraw(&followed(&letter, &receipt, &first, true)).await.unwrap()
    else {
        panic!("it goes in steps that are kept")
    };
    assert!(setup.far.collect().is_none(), "nobody collects it between the look and the deletion");
    // The far end fails or is silent: nothing is called gone.
    let faults = [Fault::Status(400), Fault::Status(403), Fault::Status(500)];
    for fault in faults.into_iter().chain([Fault::Page, Fault::Silent, Fault::ErrorIn200]) {
        for step in ["look", "delete"] {
            if step == "delete" && matches!(fault, Fault::ErrorIn200) {
                continue;
            }
            setup.far.fail(step, fault);
            let back = to.withdraw(&followed(&letter, &receipt, &locked, true)).await;
            assert!(matches!(back, Err(SendError::Later { .. })), "{step} {fault:?}: {back:?}");
            assert_eq!(setup.far.world.lock().unwrap().shares.len(), 1, "{step} {fault:?}");
        }
    }
    // Deleted, and the answer was lost: asked again it says the same.
    setup.far.fail("delete", Fault::DoneSilent);
    assert!(to.withdraw(&followed(&letter, &receipt, &locked, true)).await.is_err());
    for process in [&to, &setup.process()] {
        let back = process.withdraw(&followed(&letter, &receipt, &locked, true)).await.unwrap();
        assert!(matches!(back, Withdrawal::Gone), "{back:?}");
    }
    assert!(setup.far.files().is_empty() && setup.open_links() == 0);
    // What somebody else took away may have been used.
    let back = to.withdraw(&followed(&letter, &receipt, &first, true)).await;
    assert!(matches!(back, Err(SendError::Never { .. })), "{back:?}");
    let look = to.look_after(&followed(&letter, &receipt, &first, false)).await.unwrap();
    assert!(matches!(look, After::Failed { .. }), "{look:?}");
    // Collected between the step and the deletion it is hers.
    let mut again = letter.clone();
    again.head.id = Uuid::from_u128(3);
    let receipt = dispatched(&*to, &again, &Remembered::default(), false).await.unwrap();
    assert!(setup.far.collect().is_some());
    let back = to.withdraw(&followed(&again, &receipt, &keep_locked(&receipt), true)).await.unwrap();
    assert!(matches!(back, Withdrawal::Collected(_)), "{back:?}");
}

fn keep_locked(receipt: &Receipt) -> Vec<u8> {
    let mut kept: Value = serde_json::from_slice(&keep(receipt)).unwrap();
    kept["locked"] = true.into();
    kept.to_string().into_bytes()
}

#[tokio::test]
async fn a_link_that_ended_or_was_told_of_in_doubt_is_made_anew_and_the_old_one_is_gone() {
    let setup = Setup::new().await;
    let (letter, to) = (setup.letter().await, setup.process());
    setup.far.fail("mail", Fault::DoneSilent);
    assert!(matches!(
        dispatched(&*to, &letter, &Remembered::default(), false).await,
        Err(SendError::Unclear { .. })
    ));
    let old = setup.far.world.lock().unwrap().mails[0].0;
    assert_eq!(
        to.lies_there(&letter).await.unwrap(),
        Some(old.to_string()),
        "told of or not, it can be used"
    );
    // A person says that it did not arrive: it is sent anew, and what may have arrived is of no use.
    dispatched(&*to, &letter, &Remembered::default(), false).await.unwrap();
    let world = setup.far.world.lock().unwrap();
    assert_eq!(world.shares.len(), 1);
    assert!(!world.shares.contains_key(&old) && world.mails.len() == 2);
    let link = world.shares.values().next().unwrap();
    assert_eq!(world.texts.last().unwrap().1, link.password);
}

#[tokio::test]
async fn who_cannot_be_reached_here_is_refused_before_anything_is_laid_down() {
    let setup = Setup::new().await;
    let to = setup.process();
    for handle in [None, Some("handle-1"), Some("mailto:zoe@post.example")] {
        let mut letter = setup.letter().await;
        letter.head.correlation = handle.map(str::to_owned);
        let outcome = dispatched(&*to, &letter, &Remembered::default(), false).await;
        assert!(matches!(outcome, Err(SendError::Never { .. })), "{handle:?}: {outcome:?}");
    }
    let mut letter = setup.letter().await;
    letter.parts.clear();
    assert!(matches!(
        dispatched(&*to, &letter, &Remembered::default(), false).await,
        Err(SendError::Never { .. })
    ));
    assert_eq!(setup.steps(), 0, "nobody was asked");
    // With a password that was agreed on no number is needed.
    let agreed = Setup { channel: json!({ "room": ROOM, "password": "Vorher-Vereinbart-1" }), ..setup };
    let mut letter = agreed.letter().await;
    letter.head.correlation = Some("mailto:zoe@post.example".to_owned());
    dispatched(&*agreed.process(), &letter, &Remembered::default(), false).await.unwrap();
    assert_eq!(agreed.told(), (1, 0));
    // A room that its users encrypt.
    let sealed = Setup { channel: json!({ "room": ENCRYPTED }), ..agreed };
    let outcome = dispatched(&*sealed.process(), &sealed.letter().await, &Remembered::default(), false).await;
    let Err(SendError::Later { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("Triple-Crypt"), "{cause}");
}

#[tokio::test]
async fn another_file_under_its_name_is_not_taken_for_it() {
    let setup = Setup::new().await;
    let (letter, to) = (setup.letter().await, setup.process());
    setup.far.fail("share", Fault::Status(500));
    assert!(dispatched(&*to, &letter, &Remembered::default(), false).await.is_err());
    for node in setup.far.world.lock().unwrap().nodes.values_mut().filter(|node| node.kind == "file") {
        node.content = b"etwas anderes".to_vec();
    }
    let outcome = dispatched(&*to, &letter, &Remembered::default(), false).await;
    assert!(matches!(outcome, Err(SendError::Never { .. })), "{outcome:?}");
    assert_eq!(setup.told(), (0, 0));
}

#[tokio::test]
async fn what_a_consent_gave_is_exchanged_and_kept_and_two_processes_share_it() {
    let mut setup = Setup::new().await;
    setup.connection.as_object_mut().unwrap().remove("user");
    setup.connection["refresh-token"] = json!("erneuern-0");
    let whole = setup.letter().await;
    let letter = |n: u128| {
        let mut letter = whole.clone();
        letter.head.id = Uuid::from_u128(n);
        letter
    };
    let (one, two) = (setup.process(), setup.process());
    dispatched(&*one, &letter(1), &Remembered::default(), false).await.unwrap();
    // The second one begins later, and with what is written in the configuration it would be refused.
    dispatched(&*two, &letter(2), &Remembered::default(), false).await.unwrap();
    // Both tokens are over: the first one exchanges again what the second one has kept.
    setup.far.fail("room", Fault::Expired);
    setup.far.fail("folder", Fault::Expired);
    dispatched(&*one, &letter(3), &Remembered::default(), false).await.unwrap();
    dispatched(&*two, &letter(4), &Remembered::default(), false).await.unwrap();
    let third = setup.process();
    dispatched(&*third, &letter(5), &Remembered::default(), false).await.unwrap();
    assert_eq!(setup.told(), (5, 5));
    // Withdrawn: a person has to give it anew, and it is said so.
    setup.far.world.lock().unwrap().refresh = None;
    let outcome = dispatched(&*setup.process(), &letter(6), &Remembered::default(), false).await;
    let Err(SendError::Later { cause, far_end: false, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("consent"), "{cause}");
    setup.far.world.lock().unwrap().refresh = Some("neu".to_owned());
    setup.connection["refresh-token"] = json!("neu");
    dispatched(&*setup.process(), &letter(6), &Remembered::default(), false).await.unwrap();
}
