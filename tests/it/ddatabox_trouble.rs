//! Whatever a dDataBox answers in the middle of a letter has its outcome, which `messages show` tells; and whatever it answers, nothing of a person stands
//! anywhere but in the letter and in the two calls that need her address. The real program, counted at the far end.

use std::fs;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::canary::search::{Hay, Search, files};
use crate::ddatabox_server::{Far, Fault};
use crate::ddatabox_stage::{
    BOTH, BOX, Hands, SOON, answer, ask, ask_with, counted, handle, letter_of, printed, waiting, with_box,
};
use crate::support::{cli, edit, free_port, root, until};

/// What becomes of a letter.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    /// She is told as if nothing had been.
    Told,
    /// It is tried again, and this is why.
    Later(&'static str),
    /// A person is asked, and this is why; so often she was told.
    Unclear(&'static str, usize),
    /// It goes by post.
    Post(&'static str),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_it_answers_in_the_middle_has_its_outcome_in_lists() {
    use Fault::*;
    let rounds: [(&[(&str, Fault)], Is); 22] = [
        (&[("piece", Expired)], Is::Told),
        (&[("mail", Expired)], Is::Told),
        (&[("folder", Expired), ("token", Status(401))], Is::Later("does not take the login of the house")),
        // It has no login now, so it asks for one first.
        (&[("token", Page)], Is::Later("such as a page")),
        (&[("begin", Status(507))], Is::Later("have the quota raised (HTTP 507)")),
        (&[("piece", Status(507))], Is::Later("have the quota raised (HTTP 507)")),
        (&[("piece", After(429, 7))], Is::Later("it asks for time (HTTP 429)")),
        (&[("piece", Drip)], Is::Later("no whole answer in time")),
        (&[("complete", Page)], Is::Later("such as a page")),
        (&[("complete", Late)], Is::Later("no whole answer in time")),
        (&[("share", Redirect)], Is::Later("which is not followed")),
        (&[("share", ErrorIn200)], Is::Later("lacks what its interface says")),
        (&[("share", Late)], Is::Later("no whole answer in time")),
        (&[("share", Status(400))], Is::Post("it refuses that (HTTP 400)")),
        (&[("mail", After(429, 7))], Is::Later("it asks for time (HTTP 429)")),
        (&[("mail", Status(507))], Is::Later("have the quota raised (HTTP 507)")),
        (&[("mail", Redirect)], Is::Later("which is not followed")),
        (&[("mail", Status(400))], Is::Post("it refuses that (HTTP 400)")),
        (&[("mail", Page)], Is::Unclear("such as a page", 0)),
        (&[("mail", ErrorIn200)], Is::Unclear("the notice may have been sent", 0)),
        (&[("mail", Drip)], Is::Unclear("no whole answer in time", 0)),
        (&[("mail", Late)], Is::Unclear("no whole answer in time", 1)),
    ];
    let far: Arc<Far> = Far::start().await;
    // What is tried again waits until everything was looked at.
    let patient = "{ first: 1h, longest: 1h, breaker-after: 100, breaker-open: 1h }";
    let stage = with_box(&far.url(), (BOTH, patient), free_port());
    let clock = Hands::of(&stage);
    let mut running = stage.start_with(&clock.environment());
    let mut asked = Vec::new();
    for (n, (faults, is)) in rounds.iter().enumerate() {
        far.world.lock().unwrap().faults.extend(faults.iter().copied());
        let id = ask(&stage, &handle(n), Timestamp::now()).await.id;
        asked.push(id);
        let (state, by) = match is {
            Is::Told => ("sent", BOX),
            Is::Later(_) => ("retrying", BOX),
            Is::Unclear(..) => ("unclear", BOX),
            Is::Post(_) => ("sent", "brief:postfach"),
        };
        let stands = || {
            let letter = letter_of(&stage, id);
            (letter["state"].as_str(), letter["destination"].as_str()) == (Some(state), Some(by))
        };
        until(&format!("{faults:?} {is:?}"), 30, stands).await;
        assert!(far.world.lock().unwrap().faults.is_empty(), "{faults:?}: it was met");
        let letter = letter_of(&stage, id);
        let why = match is {
            Is::Post(_) => &letter["ways"][0]["cause"],
            _ => &letter["cause"],
        };
        if let Is::Later(cause) | Is::Unclear(cause, _) | Is::Post(cause) = is {
            assert!(why.as_str().unwrap_or_default().contains(cause), "{faults:?}: {letter}");
        }
        let (_, shown) = cli(&stage, &["messages", "show", &id.to_string()]);
        assert!(!shown.contains("so gewollt") && !shown.contains("Wartung"), "{shown}");
    }
    let of = |n: usize| {
        let world = far.world.lock().unwrap();
        let to = format!("zoe{n}@post.example");
        world.mails.iter().filter(|(_, mail, _)| *mail == to).count()
    };
    // What can be tried again without harm is, and reaches her; what could double is not.
    clock.off(SignedDuration::from_hours(2));
    for (n, (faults, is)) in rounds.iter().enumerate() {
        let state = || letter_of(&stage, asked[n])["state"].as_str().unwrap().to_owned();
        match is {
            Is::Told | Is::Later(_) => {
                until(&format!("{faults:?}: she is told"), 30, || of(n) == 1).await;
                until(&format!("{faults:?}: it is settled"), 30, || state() == "sent").await;
            }
            Is::Unclear(_, told) => assert_eq!((of(n), state().as_str()), (*told, "unclear"), "{faults:?}"),
            Is::Post(_) => assert_eq!(of(n), 0, "{faults:?}"),
        }
    }
    let reached = rounds.iter().filter(|(_, is)| !matches!(is, Is::Post(_))).count();
    let told = rounds.iter().filter(|(_, is)| !matches!(is, Is::Post(_) | Is::Unclear(_, 0))).count();
    assert_eq!(counted(&far), (told, told), "each once");
    let posted = rounds.len() - reached;
    assert_eq!(printed(&stage).len(), 3 * posted);
    let world = far.world.lock().unwrap();
    // One link for each whom it may have reached, and none of a letter that went by post.
    assert_eq!(world.shares.len(), reached);
    assert_eq!(waiting(&stage).len(), rounds.iter().filter(|(_, is)| matches!(is, Is::Unclear(..))).count());
    drop(world);
    running.kill();
}

/// Marked values of a request: what they are, what stands in the documents, and what stands there instead.
const MARKS: &[(&str, &str, &str)] = &[
    ("family name", "Ćirković-Müller", "Żyrafiński-Öxlmåq"),
    ("given names", "Zoë Marie", "Quendoleïne Wyrmhild"),
    ("child's given names", "Lía", "Pžemislav Uldarikôn"),
    ("street", "Musterstraße", "Ğümüşkäferstieg"),
    ("register number", "1234/2024", "90417/2004"),
    ("account", "bundid-4711", "konto-Fremdlingshausen"),
];
const MAIL: &str = "quendoleine.wyrmhild@zyrafinski.example";
const PHONE: &str = "+4915198765432";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_person_stands_beside_her_letter() {
    let far: Arc<Far> = Far::start().await;
    let stage = with_box(&far.url(), ("[ { by: ddatabox, within: 7d }, brief ]", SOON), free_port());
    let config = stage.stage().join("connections.yaml");
    edit(&config, "telemetry: { log: info }", "telemetry: { log: trace }");
    let clock = Hands::of(&stage);
    let mut running = stage.start_with(&clock.environment());
    let marked =
        |text: &str| MARKS.iter().fold(text.to_owned(), |text, (_, from, to)| text.replace(from, to));
    let sample = fs::read_to_string(root().join("xsd/xfamilie/1.3.0/samples/0801-antrag.xml")).unwrap();
    let document = marked(&sample);
    assert!(MARKS.iter().filter(|(what, ..)| *what != "account").all(|(_, _, to)| document.contains(to)));
    let handle = format!("mailto:{MAIL}?sms={}", PHONE.replace('+', "%2B"));
    let login = |login: &mut Value| *login = serde_json::from_str(&marked(&login.to_string())).unwrap();
    let marks =
        MARKS.iter().map(|(what, _, to)| (*what, *to)).chain([("mail", MAIL), ("phone", &PHONE[1..])]);
    let search = Search::new(marks);
    // Told at once; in trouble first; nobody knows; refused, so by post; not collected, so by post.
    let story: [&[(&str, Fault)]; 5] = [
        &[],
        &[("piece", Fault::Status(500)), ("share", Fault::Page), ("mail", Fault::After(429, 0))],
        &[("mail", Fault::DoneSilent)],
        &[("mail", Fault::Status(400))],
        &[],
    ];
    let (mut hays, mut ids) = (Vec::new(), Vec::new());
    for (n, faults) in story.iter().enumerate() {
        far.world.lock().unwrap().faults.extend(faults.iter().copied());
        let asked = ask_with(&stage, &handle, (Timestamp::now(), document.clone(), login)).await;
        let (mail, post, doubt) = [(1, 0, 0), (2, 0, 0), (3, 0, 1), (3, 3, 1), (4, 3, 1)][n];
        let stands =
            || (counted(&far).0, printed(&stage).len(), waiting(&stage).len()) == (mail, post, doubt);
        until(&format!("{n}"), 60, stands).await;
        ids.push(asked);
    }
    assert!(far.collect().is_some());
    answer(&stage, &ids[1]).await;
    clock.off(SignedDuration::from_mins(10));
    until("it is known that she has it", 60, || letter_of(&stage, ids[4].id)["state"] == "confirmed").await;
    clock.off(SignedDuration::from_hours(7 * 24 + 1));
    until("what she left goes by post", 90, || printed(&stage).len() >= 9).await;
    for words in [
        &["status"][..],
        &["messages", "list"],
        &["messages", "show", &ids[0].id.to_string()],
        &["messages", "show", &ids[2].id.to_string()],
        &["parked", "list"],
        &["vorgang", "show", &ids[4].id.to_string(), "--reason", "Nachfrage"],
        &["check"],
    ] {
        let (_, said) = cli(&stage, words);
        hays.push(Hay::new(format!("{words:?}"), said));
    }
    let config = fs::read_to_string(&config).unwrap();
    let listen = config.split("listen: ").nth(1).unwrap().lines().next().unwrap().trim();
    for path in ["/metrics", "/health/parts"] {
        let told = reqwest::get(format!("http://{listen}{path}")).await.unwrap().text().await.unwrap();
        hays.push(Hay::new(path, told));
    }
    assert!(running.terminate(), "{}", stage.log());
    let log = stage.log();
    assert!(log.lines().count() > 20 && log.contains(BOX), "it tells all that it does");
    hays.push(Hay::new("log", log));
    let names: Vec<String> = files(&stage.data()).iter().map(|file| file.display().to_string()).collect();
    hays.push(Hay::new("names of files", names.join("\n")));
    let world = far.world.lock().unwrap();
    let mut needed = 0;
    for seen in &world.seen {
        let (beside, body) = seen.split_at(seen.find("} ").unwrap());
        hays.push(Hay::new("a call without its body", beside));
        let call = beside.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let mut body: Value = match serde_json::from_str(body.trim_start_matches("} ")) {
            Ok(body) => body,
            // The letter itself, sealed by the way there and by nothing else; a login is a form of the house's own.
            Err(_) if call.contains("/uploads/") => continue,
            Err(_) => body.into(),
        };
        // Her address stands where it has to, and nowhere else.
        for (of, key) in [("/email", "recipients"), ("/shares/downloads", "textMessageRecipients")] {
            if call.ends_with(of) && body.get(key).is_some() {
                body.as_object_mut().unwrap().remove(key);
                needed += 1;
            }
        }
        hays.push(Hay::new(call, body.to_string()));
    }
    assert!(needed >= 8, "{needed}");
    for node in world.nodes.values() {
        hays.push(Hay::new("name of a node", node.name.clone()));
        let law = ["orge", "uskunft", "eingangs", "ind"];
        assert!(node.kind != "file" || law.iter().all(|word| !node.name.contains(word)), "{}", node.name);
    }
    for (_, _, notice) in &world.mails {
        hays.push(Hay::new("a notice", notice.clone()));
        assert!(["orgeregister", "uskunft", "Kind"].iter().all(|word| !notice.contains(word)), "{notice}");
    }
    let found: Vec<String> = hays.iter().flat_map(|hay| search.find(hay)).collect();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
    // The search would find them.
    for seen in world.seen.iter().filter(|seen| seen.contains("/email ")) {
        assert!(!search.find(&Hay::new("a notice", seen.clone())).is_empty());
    }
    assert!(search.find(&Hay::new("a request", document)).len() >= MARKS.len() - 1);
}
