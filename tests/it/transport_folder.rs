//! Trays on a real disk: one delivery per file, nothing lost in a crash, nothing taken that is not a plain file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::envelope::{How, Inbound, Verdict};
use drehscheibe::transport::folder::FolderSource;
use drehscheibe::transport::folder::out::FolderDestination;
use drehscheibe::transport::port::{Destination, SendError, Spool};
use serde_json::{Value, json};

use crate::transport_support::{House, Running, busy, envelope, eventually, start, verdict};

struct Place {
    dir: tempfile::TempDir,
    house: Arc<House>,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        for name in ["in", "out", "apart"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Place { dir, house: House::new() }
    }

    fn path(&self, rest: &str) -> PathBuf {
        self.dir.path().join(rest)
    }

    fn drop_file(&self, name: &str, content: &[u8]) {
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

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
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
    eventually(|| names(&place.path("in")).len() == 6).await;
    assert_eq!(names(&place.path("in")), [".hidden.xml", ".work", "d.xml.tmp", "e.xml~", "f.part", "x.pdf"]);
    eventually(|| names(&place.path("in/.work")).is_empty()).await;
    // One that comes later is noticed.
    place.drop_file("z.xml", b"later");
    place.house.wait_for(4).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn refused_files_are_put_apart_with_codes_only_and_kept_ones_stay() {
    let place = Place::new();
    fs::write(place.path("apart/schlecht-Vorname.xml"), "an earlier one").unwrap();
    let refused = Verdict { codes: vec!["X001".into(), "X002".into()], ..verdict(Inbound::Rejected) };
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
async fn what_a_crash_left_in_work_is_delivered_again_under_the_same_id() {
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
    assert!(names(&place.path("in")).iter().all(|name| name != "a.xml"));
    let running = place.start(json!({}));
    let after = place.house.wait_for(2).await;
    assert_eq!(after[1].head.transport_id, before[0].head.transport_id);
    assert_eq!(after[1].body, before[0].body);
    eventually(|| names(&place.path("in/.work")).is_empty()).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn busy_gives_the_file_back_and_slows_the_tray_down() {
    let place = Place::new();
    place.house.then(Err(busy(Duration::from_millis(1500))));
    place.drop_file("a.xml", b"<a/>");
    let running = place.start(json!({}));
    place.house.wait_for(1).await;
    eventually(|| place.path("in/a.xml").exists()).await;
    // A new file does not wake it before its time.
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

#[cfg(unix)]
#[tokio::test]
async fn links_and_large_files_are_put_apart_folders_left_alone_strange_names_taken() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let secret = place.path("geheim.txt");
    fs::write(&secret, "GEHEIM").unwrap();
    std::os::unix::fs::symlink(&secret, place.path("in/link.xml")).unwrap();
    fs::create_dir(place.path("in/folder.xml")).unwrap();
    place.drop_file("large.xml", &vec![b' '; (8 << 20) + 1]);
    let strange = std::ffi::OsStr::from_bytes(b"..\xff\n $(rm -rf) \x1b[31m'\".xml");
    fs::write(place.path("in").join(strange), "<strange/>").unwrap();
    let long = format!("{}.xml", "l".repeat(251));
    place.drop_file(&long, b"<long/>");
    place.house.then(Ok(verdict(Inbound::Rejected)));
    let running = place.start(json!({}));
    let delivered = place.house.wait_for(1).await;
    eventually(|| names(&place.path("apart")).len() == 5).await;
    running.end().await.unwrap();
    assert_eq!(place.house.delivered().len(), 1, "only the long name: names beginning with a dot wait");
    assert_eq!(&delivered[0].body[..], b"<long/>");
    let apart: Vec<(PathBuf, String)> = names(&place.path("apart"))
        .iter()
        .filter_map(|name| name.strip_suffix(".grund.txt"))
        .map(|name| place.path("apart").join(name))
        .map(|file| (file.clone(), fs::read_to_string(format!("{}.grund.txt", file.display())).unwrap()))
        .collect();
    let of = |reason: &str| &apart.iter().find(|(_, text)| text.starts_with(reason)).unwrap().0;
    assert!(fs::symlink_metadata(of("grund: verweis\n")).unwrap().is_symlink());
    assert_eq!(fs::metadata(of("grund: zu-gross\n")).unwrap().len(), (8 << 20) + 1);
    assert!(!of("grund: rejected\n").exists(), "what was refused lies sealed in the store only");
    assert!(place.path("in/folder.xml").is_dir());
    assert_eq!(fs::read_to_string(secret).unwrap(), "GEHEIM");
}

#[cfg(unix)]
#[tokio::test]
async fn a_name_of_any_octets_is_only_a_name() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    for name in [&b"a\xff\n$(x).xml"[..], b"b;'\"\\.xml", b"c\xc3\xa4 .xml", b"-rf.xml"] {
        fs::write(place.path("in").join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    let running = place.start(json!({}));
    place.house.wait_for(4).await;
    eventually(|| names(&place.path("in")) == [".work"]).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_file_must_have_settled_and_two_sources_share_a_tray() {
    let place = Place::new();
    place.drop_file("a.xml", b"<a/>");
    let slow = place.start(json!({"settled-after": "2s"}));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(place.house.delivered().is_empty());
    place.house.wait_for(1).await;
    slow.end().await.unwrap();
    let (one, two) = (place.start(json!({})), place.start(json!({})));
    for count in 0..20 {
        place.drop_file(&format!("n{count}.xml"), format!("<n{count}/>").as_bytes());
    }
    place.house.wait_for(21).await;
    eventually(|| names(&place.path("in")) == [".work"] && names(&place.path("in/.work")).is_empty()).await;
    one.end().await.unwrap();
    two.end().await.unwrap();
    // A source that starts may repeat what the other one has under way; the transport id makes that harmless.
    let ids: BTreeSet<String> =
        place.house.delivered().into_iter().map(|envelope| envelope.head.transport_id).collect();
    assert_eq!(ids.len(), 21);
    assert!(place.house.delivered().len() <= 22);
}

#[tokio::test]
async fn a_tray_that_is_not_there_is_said_to_be_broken() {
    let place = Place::new();
    fs::remove_dir(place.path("in")).unwrap();
    let running = place.start(json!({}));
    let outcome = tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    assert!(outcome.unwrap_err().to_string().contains("ja-nord"));
}

#[tokio::test]
async fn envelopes_leave_whole_under_our_id_and_a_repeat_changes_nothing() {
    let place = Place::new();
    let around = place.house.around(Clock::real());
    let destination = FolderDestination::new(place.path("out"), "ja-nord".to_owned(), &around);
    let mut leaving = envelope("<a/>", "application/xml; charset=utf-8");
    let partner = leaving.head.partner.clone().unwrap();
    let mut writer = place.house.begin(&partner).await.unwrap();
    writer.write(vec![7u8; 10_000].into()).await.unwrap();
    leaving.parts.push(writer.finish("geheimer name", "application/pdf").await.unwrap());
    assert!(destination.find_by_reference(&leaving).await.unwrap().is_none());
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

    fs::remove_file(&leaving.parts[0].claim.name).unwrap();
    assert!(matches!(destination.send(&leaving).await, Err(SendError::Never { .. })));
    let json = envelope("{}", "application/json");
    let gone = FolderDestination::new(place.path("nowhere"), "ja-nord".to_owned(), &around);
    assert!(matches!(gone.send(&json).await, Err(SendError::Later { far_end: true, .. })));
    assert_eq!(destination.send(&json).await.unwrap().reference, format!("{id}.json"));
}
