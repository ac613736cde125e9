//! After a 0806 nothing opens that spoke of the child, whatever became of it, and nothing brings the child back: shown on the
//! real files of the store, open and closed.

use drehscheibe::clock::Clock;
use drehscheibe::envelope::{Inbound, Reply};
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::far::Does;
use super::rig::{Rig, TRAY, deliver, stop};
use crate::canary::marks::set;
use crate::canary::search::{Hay, Search, files};
use crate::support::root;

/// Marks of the child and its mother: strings that stand nowhere else.
const MARKS: &[(&str, &str)] = &[
    ("child's given names", "Pžemislav Uldarikôn"),
    ("mother's family name", "Żyrafiński-Öxlmåq"),
    ("mother's given names", "Quendoleïne Wyrmhild"),
];

fn marked(document: &str) -> String {
    let mut text = document.to_owned();
    for (plain, (_, mark)) in ["Lía", "Ćirković-Müller", "Zoë Marie"].iter().zip(MARKS) {
        assert!(text.contains(plain), "{plain} is not in the sample");
        text = text.replace(plain, mark);
    }
    text
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

async fn opens(rig: &Rig, id: Uuid) -> bool {
    let scope = Scope::Mandant("jugendamt-bremen".to_owned());
    let original = rig.store.original(&scope, id, "os:rita", "Probe", rig.clock.now()).await.unwrap();
    original.is_some_and(|original| !original.body.is_empty())
}

fn found(search: &Search, rig: &Rig) -> Vec<String> {
    let all: Vec<Hay> = files(rig.folder.path())
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| Hay::new(path.display().to_string(), std::fs::read(&path).unwrap_or_default()))
        .collect();
    for wanted in ["drehscheibe.db", "keys.db"] {
        assert!(all.iter().any(|hay| hay.name.contains(wanted)), "{wanted} is searched");
    }
    all.iter().flat_map(|hay| search.find(hay)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_deletion_nothing_of_the_child_opens_and_nothing_brings_it_back() {
    let rig = Rig::new(Clock::scaled("2026-11-22T09:00:00Z".parse().unwrap(), 1.0)).await;
    let engine = rig.engine();
    let search = Search::new(MARKS.iter().copied());
    let korrektur = read("xsd/xfamilie/1.3.0/samples/0805-korrektur-alle-teile.xml");
    // The new birthplace is known to nobody, so a person has to look.
    let parked = set(&marked(&korrektur), "<xfg:geburtsort>", 1, "Nirgendheim").unwrap();
    // Another child is to become this one, but nobody knows that other child yet.
    let waiting = korrektur.replacen("<xfb:name>Lía</xfb:name>", "<xfb:name>Ilse</xfb:name>", 1);
    let uuid = "7b2d4c10-1f3a-4e55-8b7a-00000000f001";
    let waiting = set(&marked(&waiting), "<xfb:nachrichtenUUID>", 0, uuid).unwrap();
    let route = |file: &str| marked(&read(&format!("routes/tests/registerlieferung/{file}")));
    let mut ids = Vec::new();
    for (what, document, state) in [
        (
            "0804",
            marked(&read("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml")),
            Inbound::Accepted,
        ),
        ("parked", parked, Inbound::Parked),
        ("rejected", route("aelter.xml"), Inbound::Rejected),
        ("waiting", waiting, Inbound::Waiting),
    ] {
        let verdict = deliver(&engine, rig.envelope_of(what, document)).await;
        assert_eq!(verdict.state, state, "{what}: {:?}", verdict.codes);
        assert!(opens(&rig, verdict.id).await, "{what} is kept so far");
        ids.push(verdict.id);
    }
    let essence = rig.store.essence().await.unwrap().join("\n");
    assert_eq!(
        search.find(&Hay::new("essence", essence)).len(),
        MARKS.len(),
        "the search finds what can be opened"
    );

    let deleted = deliver(&engine, rig.envelope_of("0806", route("loeschung.xml"))).await;
    assert_eq!((deleted.state, rig.figures().await.mirror), (Inbound::Accepted, 0), "{:?}", deleted.codes);
    let late = deliver(&engine, rig.envelope_of("late", route("eintragung-vor-loeschung.xml"))).await;
    assert_eq!((late.state, late.codes.as_slice()), (Inbound::Rejected, &["S999".to_owned()][..]));
    ids.extend([deleted.id, late.id]);
    rig.at_rest().await;

    for id in &ids {
        assert!(!opens(&rig, *id).await, "nothing opens any more");
        let shown = rig.show(*id).await;
        assert!(search.find(&Hay::new("shown", format!("{shown:?}"))).is_empty());
        assert!(!rig.store.replay(*id, "os:rita", "Probe", rig.clock.now()).await.unwrap(), "nor runs again");
    }
    assert_eq!(rig.figures().await.mirror, 0, "the late one brings nothing back");
    let essence = rig.store.essence().await.unwrap().join("\n");
    assert!(search.find(&Hay::new("essence", essence)).is_empty(), "not with all keys that are left");
    assert_eq!(found(&search, &rig), Vec::<String>::new(), "while it runs");
    stop(engine).await;
    assert_eq!(found(&search, &rig), Vec::<String>::new(), "and at rest");
    let planted = Hay::new("planted", MARKS[0].1.as_bytes());
    assert!(!search.find(&planted).is_empty(), "the search would find it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_of_what_was_deleted_gets_its_verdict_and_answer() {
    let mut rig = Rig::new(Clock::scaled("2026-11-22T09:00:00Z".parse().unwrap(), 1.0)).await;
    let tray = rig.far(TRAY, |_, _| Does::Take);
    let engine = rig.engine();
    let route = |file: &str| marked(&read(&format!("routes/tests/registerlieferung/{file}")));
    let taken = marked(&read("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml"));
    let (refused, deletion) = (route("aelter.xml"), route("loeschung.xml"));
    let mut firsts = Vec::new();
    for (name, document) in [("taken", &taken), ("refused", &refused)] {
        firsts.push((name, document, deliver(&engine, rig.envelope_of(name, document.clone())).await));
    }
    assert_eq!(deliver(&engine, rig.envelope_of("0806", deletion)).await.state, Inbound::Accepted);
    for (name, document, first) in firsts {
        assert!(!opens(&rig, first.id).await, "{name}");
        let of = |reply: &Option<Reply>| reply.clone().map(|reply| (reply.message, reply.message_id));
        // On the same exchange, then in the tray under a name of its own.
        let again = deliver(&engine, rig.envelope_of(name, document.clone())).await;
        assert!(again.again && again.forgotten, "{name}");
        assert_eq!((again.id, again.state, &again.codes), (first.id, first.state, &first.codes), "{name}");
        assert_eq!(of(&again.reply), of(&first.reply), "{name}: the same answer");
        assert!(first.reply.is_some());
        let before = tray.taken();
        let again = deliver(&engine, rig.by_tray(&format!("{name}.xml"), document.clone())).await;
        assert_eq!((again.state, of(&again.reply)), (first.state, of(&first.reply)), "{name}");
        tray.has(before + 1).await;
        let laid = tray.seen.lock().unwrap().taken[before].clone();
        assert_eq!(laid.head.correlation, Some(format!("{name}.xml")));
        assert!(String::from_utf8_lossy(&laid.body).contains(&first.reply.unwrap().message_id), "{name}");
    }
    rig.at_rest().await;
    assert_eq!((rig.figures().await.mirror, rig.listed().await.len()), (0, 3), "nothing comes back");
    let search = Search::new(MARKS.iter().copied());
    let essence = rig.store.essence().await.unwrap().join("\n");
    assert!(search.find(&Hay::new("essence", essence)).is_empty());
    stop(engine).await;
    assert_eq!(found(&search, &rig), Vec::<String>::new());
}
