//! Trays on a real disk: one delivery per file, nothing lost in a crash, nothing taken that is not a plain file.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::{How, Inbound, Verdict};
use drehscheibe::telemetry::parts::Said;
use drehscheibe::transport::folder::FolderSource;
use drehscheibe::transport::folder::out::FolderDestination;
use drehscheibe::transport::port::{Attempt, Destination, Memory, Progress, SendError, Spool};
use serde_json::{Value, json};

use crate::support::names;
use crate::transport_support::{House, Running, busy, envelope, eventually, start, verdict};

/// A tray with its house.
pub struct Place {
    dir: tempfile::TempDir,
    /// The house.
    pub house: Arc<House>,
}

impl Place {
    /// An empty one.
    pub fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        for name in ["in", "out", "apart"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Place { dir, house: House::new() }
    }

    /// Something in its folder.
    pub fn path(&self, rest: &str) -> PathBuf {
        self.dir.path().join(rest)
    }

    /// Lays a whole file there, as a careful partner does.
    pub fn drop_file(&self, name: &str, content: &[u8]) {
        let whole = self.path("in").join(format!(".{}.tmp", uuid::Uuid::new_v4()));
        fs::write(&whole, content).unwrap();
        fs::rename(whole, self.path("in").join(name)).unwrap();
    }

    fn start(&self, more: Value) -> Running {
        let mut tray = json!({
            "partner": "ja-nord", "in": self.path("in"), "out": self.path("out"),
            "quarantine": self.path("apart"), "every": "50ms"
        });
        for (key, value) in more.as_object().unwrap() {
            tray[key] = value.clone();
        }
        let around = self.house.around(Clock::real());
        start(Arc::new(FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap()))
    }
}

#[tokio::test]
async fn files_are_delivered_in_order_and_removed() {
    let place = Place::new();
    for name in ["b.xml", "a.xml", "c.JSON", "x.pdf", ".hidden.xml", "d.xml.tmp", "e.xml~", "f.part"] {
        place.drop_file(name, name.as_bytes());
    }
    let running = place.start(json!({}));
    let delivered = place.house.wait_for(3).await;
    let bodies: Vec<&[u8]> = delivered.iter().map(|envelope| &envelope.body[..]).collect();
    assert_eq!(bodies, [&b"a.xml"[..], b"b.xml", b"c.JSON"]);
    let first = &delivered[0];
    assert_eq!(first.head.binding, "folder lieferungen");
    assert_eq!(first.head.return_address.as_deref(), Some("lieferungen:ja-nord"));
    assert_eq!(first.head.content_type.as_deref(), Some("application/xml"));
    assert_eq!(delivered[2].head.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        first.head.partner.as_ref().map(|partner| (partner.id.as_str(), partner.how)),
        Some(("ja-nord", How::Tray))
    );
    assert!(!first.head.transport_id.contains("a.xml"), "names are foreign text");
    eventually(|| names(&place.path("in")).len() == 5).await;
    assert_eq!(names(&place.path("in")), [".hidden.xml", "d.xml.tmp", "e.xml~", "f.part", "x.pdf"]);
    // One that comes later is noticed.
    place.drop_file("z.xml", b"later");
    place.house.wait_for(4).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_tray_that_was_mended_runs_with_the_first_file_and_not_after_the_last() {
    let place = Place::new();
    fs::rename(place.path("in"), place.path("away")).unwrap();
    for name in ["a.xml", "b.xml"] {
        fs::write(place.path("away").join(name), name).unwrap();
    }
    let around = place.house.around(Clock::real());
    let trays = json!({"trays": [{"partner": "ja-nord", "in": place.path("in"), "every": "50ms"}]});
    let running = start(Arc::new(FolderSource::new("lieferungen", &trays, &around).unwrap()));
    let fails = || around.parts.said().iter().any(|said| said.failing.is_some());
    eventually(fails).await;
    let hold = place.house.hold();
    fs::rename(place.path("away"), place.path("in")).unwrap();
    place.house.wait_for(1).await;
    hold.notify_waiters();
    // The second one is held while the look goes on.
    place.house.wait_for(2).await;
    assert!(!fails());
    *place.house.hold.lock().unwrap() = None;
    hold.notify_waiters();
    running.end().await.unwrap();
}

#[tokio::test]
async fn refused_files_are_put_apart_with_codes_only_and_kept_ones_stay() {
    let place = Place::new();
    fs::write(place.path("apart/schlecht-Vorname.xml"), "an earlier one").unwrap();
    let refused = Verdict {
        id: uuid::Uuid::from_u128(8),
        codes: vec!["X001".into(), "X002".into()],
        ..verdict(Inbound::Rejected)
    };
    place.house.then(Ok(verdict(Inbound::Accepted)));
    place.house.then(Ok(Verdict { conflict: true, ..verdict(Inbound::Quarantined) }));
    place.house.then(Ok(refused));
    place.drop_file("a-gut-Vorname.xml", b"<gut/>");
    place.drop_file("konflikt-Vorname.xml", b"<k/>");
    place.drop_file("schlecht-Vorname.xml", b"<schlecht/>");
    let running = place.start(json!({"keep": true}));
    // The earlier file and two reasons; what was refused lies sealed in the store and not in clear here.
    eventually(|| names(&place.path("apart")).len() == 3).await;
    running.end().await.unwrap();
    assert_eq!(fs::read_to_string(place.path("apart/schlecht-Vorname.xml")).unwrap(), "an earlier one");
    fs::remove_file(place.path("apart/schlecht-Vorname.xml")).unwrap();
    let kept = names(&place.path("in/.done"));
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read(place.path("in/.done").join(&kept[0])).unwrap(), b"<gut/>");
    let apart = names(&place.path("apart"));
    // Senders write persons into the names of files; none of them stays.
    assert!(kept.iter().chain(&apart).all(|name| !name.contains("Vorname")), "{kept:?} {apart:?}");
    let reasons: Vec<String> =
        apart.iter().map(|name| fs::read_to_string(place.path("apart").join(name)).unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.starts_with("grund: konflikt\n")), "{reasons:?}");
    let reason = reasons.iter().find(|reason| reason.starts_with("grund: rejected\n")).unwrap();
    assert!(reason.contains("grund: rejected\ncodes: X001 X002\n"), "{reason}");
    assert!(!reason.contains("schlecht"));
}

#[tokio::test]
async fn what_a_crash_left_is_delivered_again_under_the_same_id() {
    let place = Place::new();
    place.drop_file("a.xml", b"<a/>");
    let hold = place.house.hold();
    let running = place.start(json!({}));
    let before = place.house.wait_for(1).await;
    // The process dies while the delivery is under way.
    running.task.abort();
    let _ = running.task.await;
    drop(hold);
    *place.house.hold.lock().unwrap() = None;
    assert!(place.path("in/a.xml").exists(), "nothing goes before it was answered");
    let running = place.start(json!({}));
    let after = place.house.wait_for(2).await;
    assert_eq!(after[1].head.transport_id, before[0].head.transport_id);
    assert_eq!(after[1].body, before[0].body);
    eventually(|| names(&place.path("in")).is_empty()).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_crash_while_an_answered_file_goes_repeats_it_under_the_same_id() {
    let place = Place::new();
    place.drop_file("a.xml", b"<a/>");
    let running = place.start(json!({}));
    let before = place.house.wait_for(1).await;
    eventually(|| names(&place.path("in")).is_empty()).await;
    running.end().await.unwrap();
    let hash = drehscheibe::transport::ids::sha256_hex(b"a.xml");
    let aside = format!(".fertig.{hash}.{}.xml", uuid::Uuid::from_u128(7));
    fs::write(place.path("in").join(aside), "<a/>").unwrap();
    let running = place.start(json!({}));
    let after = place.house.wait_for(2).await;
    assert_eq!(after[1].head.transport_id, before[0].head.transport_id);
    eventually(|| names(&place.path("in")).is_empty()).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn what_an_earlier_version_left_inside_the_tray_is_taken_once() {
    let place = Place::new();
    let (one, two) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    for folder in [format!("in/.work/{one}"), "in/.work/leer".to_owned(), "in/.quarantine".to_owned()] {
        fs::create_dir_all(place.path(&folder)).unwrap();
    }
    fs::write(place.path(&format!("in/.work/{one}/a.xml")), "<a/>").unwrap();
    fs::write(place.path(&format!("in/.quarantine/{two}.xml")), vec![b' '; (8 << 20) + 1]).unwrap();
    fs::write(place.path(&format!("in/.quarantine/{two}.xml.grund.txt")), "grund: zu-gross\n").unwrap();
    fs::write(place.path("in/.quarantine/fremd.xml"), "fremd").unwrap();
    let around = place.house.around(Clock::real());
    let tray = json!({"partner": "ja-nord", "in": place.path("in"), "every": "50ms"});
    let source = FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap();
    let running = start(Arc::new(source));
    let delivered = place.house.wait_for(1).await;
    let hash = drehscheibe::transport::ids::sha256_hex;
    let expected = format!("ja-nord:{}-{}", hash(b"a.xml"), hash(b"<a/>"));
    assert_eq!(delivered[0].head.transport_id, expected, "the same id as the earlier version gave it");
    eventually(|| !place.house.apart.lock().unwrap().is_empty()).await;
    eventually(|| names(&place.path("in")) == [".quarantine"]).await;
    let stays = [format!("{two}.xml.grund.txt"), "fremd.xml".to_owned()];
    assert_eq!(names(&place.path("in/.quarantine")), stays);
    running.end().await.unwrap();
    assert_eq!(place.house.delivered().len(), 1);
}

#[tokio::test]
async fn busy_gives_the_file_back_and_slows_the_tray_down() {
    let place = Place::new();
    place.house.then(Err(busy(Duration::from_millis(1500))));
    place.drop_file("a.xml", b"<a/>");
    let running = place.start(json!({}));
    place.house.wait_for(1).await;
    eventually(|| place.path("in/a.xml").exists()).await;
    // A new file does not wake the tray before its time.
    place.drop_file("b.xml", b"<b/>");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(place.house.delivered().len(), 1);
    let delivered = place.house.wait_for(3).await;
    assert_eq!(delivered[0].head.transport_id, delivered[1].head.transport_id);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_file_given_back_never_overwrites_a_new_one_of_its_name() {
    let place = Place::new();
    place.house.then(Err(busy(Duration::from_millis(50))));
    place.drop_file("a.xml", b"old");
    let hold = place.house.hold();
    let running = place.start(json!({}));
    place.house.wait_for(1).await;
    place.drop_file("a.xml", b"new");
    *place.house.hold.lock().unwrap() = None;
    hold.notify_one();
    let delivered = place.house.wait_for(3).await;
    let bodies: Vec<&[u8]> = delivered.iter().map(|envelope| &envelope.body[..]).collect();
    assert_eq!(bodies, [&b"old"[..], b"old", b"new"]);
    running.end().await.unwrap();
}

#[tokio::test]
async fn what_is_no_plain_file_is_left_alone_and_what_is_too_large_is_kept_by_its_hash() {
    let place = Place::new();
    let secret = place.path("geheim.txt");
    fs::write(&secret, "GEHEIM").unwrap();
    std::os::unix::fs::symlink(&secret, place.path("in/link.xml")).unwrap();
    fs::create_dir(place.path("in/folder.xml")).unwrap();
    let large = vec![b' '; (8 << 20) + 1];
    place.drop_file("large.xml", &large);
    let strange = std::ffi::OsStr::from_bytes(b"..\xff\n $(rm -rf) \x1b[31m'\".xml");
    fs::write(place.path("in").join(strange), "<strange/>").unwrap();
    let long = format!("{}.xml", "l".repeat(251));
    place.drop_file(&long, b"<long/>");
    place.house.then(Ok(verdict(Inbound::Quarantined)));
    place.house.then(Ok(verdict(Inbound::Rejected)));
    let running = place.start(json!({}));
    let delivered = place.house.wait_for(1).await;
    eventually(|| names(&place.path("in")).len() == 3).await;
    running.end().await.unwrap();
    assert_eq!(place.house.delivered().len(), 1, "only the long name: names beginning with a dot wait");
    assert_eq!(&delivered[0].body[..], b"<long/>");
    let apart = place.house.apart.lock().unwrap();
    let [(kept, cause)] = &apart[..] else { panic!("one was set apart") };
    assert!(kept.body.is_empty() && kept.evidence.size == large.len() as u64 && cause.contains("too large"));
    assert_eq!(kept.evidence.octets_sha256, drehscheibe::transport::ids::sha256_hex(&large));
    // The operator finds both reasons, the partner the one that no answer tells it; nothing lies there in clear.
    let reasons = |folder: &str| -> Vec<String> {
        let read = |name: &String| fs::read_to_string(place.path(folder).join(name)).unwrap();
        names(&place.path(folder)).iter().map(read).collect()
    };
    assert_eq!(reasons("out").len(), 1);
    assert!(reasons("out")[0].starts_with("grund: zu-gross\n"), "{:?}", reasons("out"));
    assert!(fs::symlink_metadata(place.path("in/link.xml")).unwrap().is_symlink());
    assert!(place.path("in/folder.xml").is_dir());
    assert_eq!(fs::read_to_string(secret).unwrap(), "GEHEIM");
}

#[tokio::test]
async fn a_name_of_any_octets_is_only_a_name() {
    let place = Place::new();
    for name in [&b"a\xff\n$(x).xml"[..], b"b;'\"\\.xml", b"c\xc3\xa4 .xml", b"-rf.xml"] {
        fs::write(place.path("in").join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    let running = place.start(json!({}));
    place.house.wait_for(4).await;
    eventually(|| names(&place.path("in")).is_empty()).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_file_has_settled_when_it_stayed_the_same_for_so_long_whatever_its_time_says() {
    let place = Place::new();
    let running = place.start(json!({"settled-after": "600ms"}));
    let day = Duration::from_secs(24 * 3600);
    // One whose time lies ahead is taken like any other.
    place.drop_file("ahead.xml", b"<ahead/>");
    let ahead = fs::File::options().write(true).open(place.path("in/ahead.xml")).unwrap();
    ahead.set_modified(std::time::SystemTime::now() + day).unwrap();
    // One that grows under its own name, its time set back after each piece.
    let mut growing = fs::File::create(place.path("in/growing.xml")).unwrap();
    for piece in 0..12 {
        write!(growing, "<{piece}/>").unwrap();
        growing.set_modified(std::time::SystemTime::now() - day).unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(place.house.delivered().iter().all(|envelope| !envelope.body.starts_with(b"<0/>")));
    }
    let delivered = place.house.wait_for(2).await;
    let whole: String = (0..12).map(|piece| format!("<{piece}/>")).collect();
    assert_eq!(&delivered[0].body[..], b"<ahead/>");
    assert_eq!(&delivered[1].body[..], whole.as_bytes(), "all of it, once");
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(place.house.delivered().len(), 2);
    running.end().await.unwrap();
}

#[tokio::test]
async fn two_sources_on_one_tray_have_one_effect_for_each_file() {
    let place = Place::new();
    let (one, two) = (place.start(json!({})), place.start(json!({})));
    for count in 0..20 {
        place.drop_file(&format!("n{count}.xml"), format!("<n{count}/>").as_bytes());
    }
    eventually(|| names(&place.path("in")).is_empty()).await;
    one.end().await.unwrap();
    two.end().await.unwrap();
    // Which replica runs a source is the house's matter (a duty); what both take has one transport id.
    let ids: BTreeSet<String> =
        place.house.delivered().into_iter().map(|envelope| envelope.head.transport_id).collect();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn a_tray_in_trouble_says_so_stops_no_other_and_heals_by_itself() {
    let place = Place::new();
    fs::create_dir(place.path("sued")).unwrap();
    fs::rename(place.path("in"), place.path("weg")).unwrap();
    let around = place.house.around(Clock::real());
    let trays = json!([
        {"partner": "ja-nord", "in": place.path("in"), "every": "50ms"},
        {"partner": "ja-sued", "in": place.path("sued"), "every": "50ms"},
    ]);
    let source = Arc::new(FolderSource::new("lieferungen", &json!({"trays": trays}), &around).unwrap());
    let running = start(source.clone());
    let parts = around.parts.clone();
    let causes = || -> Vec<(String, String)> {
        let failing = |said: Said| said.failing.map(|failing| (said.part, failing.cause));
        parts.said().into_iter().filter_map(failing).collect()
    };
    eventually(|| causes().len() == 1).await;
    let (part, cause) = causes().remove(0);
    assert_eq!(part, "tray of ja-nord of lieferungen");
    assert!(cause.contains("it is not there"), "{cause}");
    fs::write(place.path("sued/.a"), "<a/>").unwrap();
    fs::rename(place.path("sued/.a"), place.path("sued/a.xml")).unwrap();
    let delivered = place.house.wait_for(1).await;
    assert_eq!(delivered[0].head.partner.as_ref().map(|partner| partner.id.as_str()), Some("ja-sued"));
    // A link in its place is as good as nothing.
    std::os::unix::fs::symlink(place.path("sued"), place.path("in")).unwrap();
    eventually(|| causes().iter().any(|(_, cause)| cause.contains("is a link"))).await;
    fs::remove_file(place.path("in")).unwrap();
    fs::rename(place.path("weg"), place.path("in")).unwrap();
    eventually(|| causes().is_empty()).await;
    place.drop_file("b.xml", b"<b/>");
    place.house.wait_for(2).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn the_oldest_file_that_was_not_taken_is_known() {
    let place = Place::new();
    place.house.then(Err(busy(Duration::from_secs(60))));
    let around = place.house.around(Clock::real());
    let tray = json!({"partner": "ja-nord", "in": place.path("in"), "every": "50ms"});
    let source = Arc::new(FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap());
    assert!(source.oldest().is_empty());
    place.drop_file("a.xml", b"<a/>");
    let file = fs::File::options().write(true).open(place.path("in/a.xml")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(24 * 3600)).unwrap();
    let running = start(source.clone());
    eventually(|| source.oldest().contains_key("ja-nord")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let age = source.oldest()["ja-nord"];
    assert!(
        age >= Duration::from_millis(300) && age < Duration::from_secs(60),
        "{age:?}, not what the sender says"
    );
    running.end().await.unwrap();
    assert!(source.oldest().is_empty());
}

#[tokio::test]
async fn envelopes_leave_whole_under_our_id_and_a_repeat_changes_nothing() {
    let place = Place::new();
    let around = place.house.around(Clock::real());
    let destination = FolderDestination::new(place.path("out"), "ja-nord".to_owned(), (None, None), &around);
    let mut leaving = envelope("<a/>", "application/xml; charset=utf-8");
    let partner = leaving.head.partner.clone().unwrap();
    let mut writer = place.house.begin(&partner).await.unwrap();
    writer.write(vec![7u8; 10_000].into()).await.unwrap();
    leaving.parts.push(writer.finish("geheimer name", "application/pdf").await.unwrap());
    // What does not lie there the partner may have taken: nobody can say that it never did.
    assert!(matches!(destination.find_by_reference(&leaving).await, Err(SendError::Unclear { .. })));
    let id = leaving.head.id;
    // What a crash left of an earlier file goes, what is being written now and what is not ours stays.
    let old = std::time::SystemTime::now() - Duration::from_secs(48 * 3600);
    for (name, old) in [
        (uuid::Uuid::from_u128(1).to_string(), Some(old)),
        (uuid::Uuid::from_u128(2).to_string(), None),
        ("fremd".to_owned(), Some(old)),
    ] {
        let file = fs::File::create(place.path(&format!("out/.{name}.tmp"))).unwrap();
        if let Some(old) = old {
            file.set_modified(old).unwrap();
        }
    }
    for _ in 0..2 {
        assert_eq!(destination.send(&leaving).await.unwrap().reference, format!("{id}.xml"));
    }
    let fresh = format!(".{}.tmp", uuid::Uuid::from_u128(2));
    let expected = [fresh, ".fremd.tmp".to_owned(), format!("{id}.part-1"), format!("{id}.xml")];
    assert_eq!(names(&place.path("out")), expected);
    assert_eq!(fs::read(place.path(&format!("out/{id}.part-1"))).unwrap(), vec![7u8; 10_000]);
    assert!(destination.find_by_reference(&leaving).await.unwrap().is_some());
    assert!(destination.repeat_is_safe());
    // The partner takes it: from then on nobody can say that it did not arrive.
    fs::remove_file(place.path(&format!("out/{id}.xml"))).unwrap();
    let found = destination.find_by_reference(&leaving).await;
    assert!(matches!(found, Err(SendError::Unclear { .. })), "{found:?}");

    fs::remove_file(&leaving.parts[0].claim.name).unwrap();
    assert!(matches!(destination.send(&leaving).await, Err(SendError::Never { .. })));
    let json = envelope("{}", "application/json");
    let gone = FolderDestination::new(place.path("nowhere"), "ja-nord".to_owned(), (None, None), &around);
    // A tray that is not there is ours to make.
    assert!(matches!(gone.send(&json).await, Err(SendError::Later { far_end: false, .. })));
    assert_eq!(destination.send(&json).await.unwrap().reference, format!("{id}.json"));
}

/// What attempts leave, in memory.
struct Left {
    left: Option<String>,
    kept: Mutex<Vec<String>>,
    refuses: bool,
}

impl Left {
    fn by(left: &str) -> Left {
        Left { left: Some(left.to_owned()), kept: Mutex::default(), refuses: false }
    }
}

#[async_trait]
impl Memory for Left {
    fn left(&self) -> Option<&[u8]> {
        self.left.as_deref().map(str::as_bytes)
    }

    async fn remember(&self, what: &[u8]) -> Result<(), SendError> {
        if self.refuses {
            let cause = "not now".to_owned();
            return Err(SendError::Later { cause, retry_after: None, far_end: false });
        }
        self.kept.lock().unwrap().push(String::from_utf8(what.to_vec()).unwrap());
        Ok(())
    }
}

#[tokio::test]
async fn what_a_broken_off_attempt_left_half_written_goes_with_the_next_one() {
    let place = Place::new();
    let around = place.house.around(Clock::real());
    let destination = FolderDestination::new(place.path("out"), "ja-nord".to_owned(), (None, None), &around);
    let mut leaving = envelope("<a/>", "application/xml");
    let partner = leaving.head.partner.clone().unwrap();
    let mut writer = place.house.begin(&partner).await.unwrap();
    writer.write(vec![7u8; 10_000].into()).await.unwrap();
    leaving.parts.push(writer.finish("nachweis", "application/pdf").await.unwrap());
    let id = leaving.head.id;
    let half = format!(".{}.tmp", uuid::Uuid::from_u128(7));
    let other = format!(".{}.tmp", uuid::Uuid::from_u128(8));
    for name in [&half, &other, "fremd.xml"] {
        fs::write(place.path("out").join(name), "halb").unwrap();
    }
    let progress = Progress::default();
    let attempt = async |memory: &Left| {
        destination.attempt(&leaving, Attempt { progress: &progress, memory, taken_within: None }).await
    };
    // What cannot be known to the next attempt is not begun.
    let refuses = Left { left: None, kept: Mutex::default(), refuses: true };
    assert!(matches!(attempt(&refuses).await, Err(SendError::Later { far_end: false, .. })));
    assert_eq!(names(&place.path("out")).len(), 3);
    let memory = Left::by(&half);
    attempt(&memory).await.unwrap();
    let whole = [other.clone(), format!("{id}.part-1"), format!("{id}.xml"), "fremd.xml".to_owned()];
    assert_eq!(names(&place.path("out")), whole, "another row's is not touched");
    let kept = memory.kept.lock().unwrap().clone();
    assert!(kept.len() == 1 && kept[0] != half && kept[0].ends_with(".tmp"), "{kept:?}");
    // Only what we give such a name is removed.
    for name in ["fremd.xml", "../in/a.xml", ".fremd.tmp"] {
        attempt(&Left::by(name)).await.unwrap();
        assert!(place.path("out/fremd.xml").exists());
    }
    // What is small is written in a moment and needs no memory.
    leaving.parts.clear();
    let memory = Left::by(&other);
    destination
        .attempt(&leaving, Attempt { progress: &progress, memory: &memory, taken_within: None })
        .await
        .unwrap();
    assert!(memory.kept.lock().unwrap().is_empty());
}
