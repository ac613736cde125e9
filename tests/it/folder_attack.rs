//! A partner that does in its own tray whatever the system lets it: links, pipes, other partners' files, the store's files, names
//! of any octets, files that are swapped while they are looked at. Played against the real program and the real transport.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::transport::folder::FolderSource;
use drehscheibe::transport::ids::sha256_hex;
use serde_json::json;

use crate::support::{Seeded, StageDir, free_port, names, put, ready, until};
use crate::transport_amqp_neighbours::Lines;
use crate::transport_support::{House, eventually, start};

/// A stage with trays of two offices; Bremen attacks.
pub fn stage() -> StageDir {
    let stage = StageDir::new([free_port(), free_port()]);
    let edit = |file: &str, from: &str, to: &str| {
        let path = stage.stage().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    edit(
        "connections.yaml",
        "every: 100ms }\n",
        "every: 100ms }\n      - { partner: jugendamt-hamburg, in: trays/hamburg/in, out: trays/hamburg/out, every: 100ms }\n",
    );
    let hamburg = "  jugendamt-hamburg:
    name: Jugendamt Hamburg-Mitte
    mandant: jugendamt-hamburg
    groups: [jugendaemter]
    identities: [\"jga:020000000000\"]
    channels: { lieferungen: {} }
    answers-by: lieferungen
";
    edit("partners.yaml", "  kita-portal-nord:\n", &format!("{hamburg}  kita-portal-nord:\n"));
    for folder in ["in", "out"] {
        fs::create_dir_all(stage.data().join("trays/hamburg").join(folder)).unwrap();
    }
    stage
}

#[test]
fn no_tray_meets_another_or_what_is_ours_in_whatever_connection_and_spelling() {
    let stage = stage();
    let path = stage.stage().join("connections.yaml");
    let written = fs::read_to_string(&path).unwrap();
    let with = |trays: &str| {
        let (before, behind) = written.split_once("connections:\n").unwrap();
        let more = format!("  zweite:\n    kind: folder\n    trays:\n{trays}");
        fs::write(&path, format!("{before}connections:\n{more}{behind}")).unwrap();
        let told = stage.command(&["check"]).output().unwrap();
        let text = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).replace('│', " ");
        (told.status.success(), text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let tray = |folder: &str, more: &str| {
        format!("      - {{ partner: jugendamt-hamburg, in: \"{folder}\", every: 100ms{more} }}\n")
    };
    let data = stage.data();
    let absolute = |below: &str| data.join(below).display().to_string();
    let own = stage.tray("in").strip_prefix(&data).unwrap().display().to_string();
    assert!(with(&tray("trays/hamburg/zweite", "")).0);
    for (folder, more, why) in [
        (own.clone(), String::new(), "two partners never share a folder"),
        (absolute(&own), String::new(), "two partners never share a folder"),
        (format!("./{own}"), String::new(), "two partners never share a folder"),
        (format!("{own}/unten"), String::new(), "two partners never share a folder"),
        ("trays".to_owned(), String::new(), "two partners never share a folder"),
        ("trays/hamburg/in".to_owned(), String::new(), "taken twice"),
        ("trays/hamburg/out".to_owned(), String::new(), "would come back"),
        (".".to_owned(), String::new(), "must name a folder of its own"),
        (data.display().to_string(), String::new(), "the folder of claims"),
        ("store/claims/x".to_owned(), String::new(), "the folder of claims"),
        ("quarantine/x".to_owned(), String::new(), "the folder of quarantine"),
        (stage.stage().join("secrets").display().to_string(), String::new(), "the folder of the stage"),
        ("trays/drei".to_owned(), format!(", quarantine: \"{own}/q\""), "where a partner can write"),
    ] {
        let (fits, told) = with(&tray(&folder, &more));
        assert!(!fits && told.contains(why), "{folder}: {told}");
    }
}

/// Every file below a folder that is no log and no index of a database, with what it is.
fn picture(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match fs::symlink_metadata(&path).unwrap() {
                found if found.is_dir() => open.push(path),
                _ if name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with("lock") => {}
                _ => drop(found.insert(path.clone(), sha256_hex(&fs::read(&path).unwrap_or_default()))),
            }
        }
    }
    found
}

async fn wait_ready(stage: &StageDir) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not ready\n{}", stage.log());
}

/// The messages of the store: partner and state of each.
fn messages(stage: &StageDir) -> Vec<(String, String)> {
    let told = stage.command(&["messages", "list", "--limit", "1000", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = listed.as_array().unwrap_or_else(|| panic!("{listed}"));
    rows.iter().map(|row| (text(row, "partner"), text(row, "state"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_link_of_a_partner_reaches_the_store_the_secrets_or_another_tray() {
    let stage = stage();
    let (tray, hamburg, store) =
        (stage.tray("in"), stage.data().join("trays/hamburg"), stage.data().join("store"));
    let mut running = stage.start(None);
    wait_ready(&stage).await;
    put(&tray, "erste.xml", eintragung(&Wish::plain(1)).as_bytes());
    until("the first is taken", 60, || names(&stage.tray("out")).len() == 1).await;
    assert!(running.terminate());
    // A file that Hamburg is still writing.
    fs::write(hamburg.join("in/.hamburg.xml.tmp"), "<hamburg/>").unwrap();
    let watched = [store.clone(), stage.stage(), hamburg.clone()];
    let before: Vec<_> = watched.iter().map(|folder| picture(folder)).collect();
    type Form<'a> = (&'a str, &'a dyn Fn(&Path));
    let forms: &[Form<'_>] = &[
        ("work is a link to the store", &|tray| symlink(&store, tray.join(".work")).unwrap()),
        ("work is a link to the secrets", &|tray| {
            symlink(stage.stage().join("secrets"), tray.join(".work")).unwrap()
        }),
        ("work holds links to folders", &|tray| {
            fs::create_dir(tray.join(".work")).unwrap();
            symlink(&store, tray.join(".work/store")).unwrap();
            symlink(stage.stage().join("secrets"), tray.join(".work/secrets")).unwrap();
            symlink(hamburg.join("in"), tray.join(".work/hamburg")).unwrap();
        }),
        ("work holds links to files", &|tray| {
            let place = tray.join(".work/00000000-0000-4000-8000-000000000001");
            fs::create_dir_all(&place).unwrap();
            symlink(store.join("drehscheibe.db"), place.join("a.xml")).unwrap();
            fs::hard_link(store.join("keys.db"), place.join("b.xml")).unwrap();
            fs::hard_link(stage.stage().join("secrets/key"), place.join("c.xml")).unwrap();
            fs::hard_link(hamburg.join("in/.hamburg.xml.tmp"), place.join("d.xml")).unwrap();
        }),
        ("quarantine is a link to another tray", &|tray| {
            symlink(hamburg.join("in"), tray.join(".quarantine")).unwrap()
        }),
        ("quarantine holds links", &|tray| {
            fs::create_dir(tray.join(".quarantine")).unwrap();
            let of = |n: u128| tray.join(".quarantine").join(format!("{}.xml", uuid::Uuid::from_u128(n)));
            symlink(store.join("keys.db"), of(1)).unwrap();
            fs::hard_link(store.join("drehscheibe.db"), of(2)).unwrap();
        }),
        ("files are links", &|tray| {
            symlink(store.join("keys.db"), tray.join("a.xml")).unwrap();
            symlink(stage.stage().join("secrets/key"), tray.join("b.xml")).unwrap();
            fs::hard_link(stage.stage().join("secrets/bremen"), tray.join("c.xml")).unwrap();
            fs::hard_link(hamburg.join("in/.hamburg.xml.tmp"), tray.join("d.xml")).unwrap();
        }),
        ("the out tray is a link to another tray", &|_| {
            fs::rename(stage.tray("out"), stage.data().join("aside")).unwrap();
            symlink(hamburg.join("in"), stage.tray("out")).unwrap();
        }),
        ("the tray is a link to another tray", &|tray| {
            fs::rename(tray, stage.data().join("aside")).unwrap();
            symlink(hamburg.join("in"), tray).unwrap();
        }),
    ];
    for (nth, (what, build)) in forms.iter().enumerate() {
        build(&tray);
        let mut running = stage.start(None);
        wait_ready(&stage).await;
        if fs::symlink_metadata(&tray).unwrap().is_dir() {
            let name = format!("gut-{nth}.xml");
            put(&tray, &name, eintragung(&Wish::plain(10 + nth as u64)).as_bytes());
            until("a delivery beside it is taken", 60, || !tray.join(&name).exists()).await;
        } else {
            until("its trouble is told", 60, || stage.log().contains("is a link")).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(running.terminate(), "{what}\n{}", stage.log());
        let now: Vec<_> = watched.iter().map(|folder| picture(folder)).collect();
        for (before, now) in before.iter().zip(&now) {
            for (path, hash) in before {
                let content = now.get(path);
                // The database itself goes on; that it is there and opens is what counts.
                let same = content == Some(hash) || (path.starts_with(&store) && content.is_some());
                assert!(same, "{what}: {}", path.display());
            }
        }
        assert_eq!(names(&hamburg.join("in")), [".hamburg.xml.tmp"], "{what}");
        assert_eq!(names(&hamburg.join("out")), [] as [&str; 0], "{what}");
        // Cleared by hand, as a person would.
        for (at, aside) in
            [(stage.tray("out"), stage.data().join("aside")), (tray.clone(), stage.data().join("aside"))]
        {
            if fs::symlink_metadata(&at).unwrap().is_symlink() {
                fs::remove_file(&at).unwrap();
                fs::rename(aside, at).unwrap();
            }
        }
        fs::remove_dir_all(&tray).unwrap();
        fs::create_dir(&tray).unwrap();
    }
    assert!(
        messages(&stage).iter().all(|(partner, _)| partner == "jugendamt-bremen"),
        "{:?}",
        messages(&stage)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_eighty_tries_nothing_of_bremen_is_taken_as_hamburgs() {
    let stage = stage();
    let (tray, hamburg) = (stage.tray("in"), stage.data().join("trays/hamburg"));
    let mut running = stage.start(None);
    wait_ready(&stage).await;
    // Swaps its folders and one of its files as fast as it can.
    let end = Arc::new(AtomicBool::new(false));
    let (swapped, at, other, other_out) =
        (end.clone(), tray.clone(), hamburg.join("in"), stage.tray("out").parent().unwrap().join("egal"));
    let attacker = std::thread::spawn(move || {
        let mut turn = 0_u64;
        while !swapped.load(Ordering::Relaxed) {
            for folder in [".quarantine", ".work", ".done"] {
                let path = at.join(folder);
                let _ = fs::remove_file(&path);
                let _ = fs::remove_dir_all(&path);
                let _ = match turn % 3 {
                    0 => symlink(&other, &path),
                    1 => fs::create_dir(&path),
                    _ => symlink(&other_out, &path),
                };
            }
            turn += 1;
            std::thread::sleep(Duration::from_micros(300));
        }
    });
    let large = vec![b' '; (8 << 20) + 1];
    for nth in 0..80 {
        // What ended in quarantine before: too large, no file, or refused.
        match nth % 4 {
            0 => put(&tray, &format!("{nth}.xml"), &large),
            1 => drop(symlink(hamburg.join("out"), tray.join(format!("{nth}.xml")))),
            2 => put(&tray, &format!("{nth}.xml"), eintragung(&Wish::plain(nth)).as_bytes()),
            _ => put(&tray, &format!("{nth}.xml"), b"<kein/>"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let regular = |name: &String| fs::symlink_metadata(tray.join(name)).is_ok_and(|found| found.is_file());
    until("all files are answered", 60, || !names(&tray).iter().any(regular)).await;
    end.store(true, Ordering::Relaxed);
    attacker.join().unwrap();
    assert!(running.terminate(), "{}", stage.log());
    assert_eq!(names(&hamburg.join("in")), [] as [&str; 0]);
    assert_eq!(names(&hamburg.join("out")), [] as [&str; 0]);
    let messages = messages(&stage);
    assert!(messages.len() >= 60, "{messages:?}");
    assert!(messages.iter().all(|(partner, _)| partner == "jugendamt-bremen"), "{messages:?}");
    // What is too large lies nowhere in clear.
    for path in picture(&stage.data()).keys() {
        assert!(
            fs::metadata(path).map_or(0, |found| found.len()) != large.len() as u64,
            "{}",
            path.display()
        );
    }
}

/// What becomes of an odd entry.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    /// Delivered with this content.
    Taken(Vec<u8>),
    /// Kept apart by its hash.
    Apart,
    /// Left where it lies.
    Alone,
}

/// The odd entries that a partner can make; `None` where this machine does not let us.
const ODD: usize = 24;

fn odd(kind: usize, at: &Path, outside: &Path, lot: &mut Seeded) -> Option<(OsString, Fate)> {
    let body = format!("<odd nr=\"{kind}\" los=\"{}\"/>", lot.below(1 << 40)).into_bytes();
    let plain = format!("k{kind}-{}.xml", lot.below(1 << 40));
    let path = at.join(&plain);
    let named = |name: Vec<u8>| {
        let name = OsString::from_vec(name);
        fs::write(at.join(&name), &body).unwrap();
        (name, Fate::Taken(body.clone()))
    };
    let alone = |made: bool| made.then(|| (OsString::from(&plain), Fate::Alone));
    let node = |kind: rustix::fs::FileType, device: u64| {
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, rustix::fs::Mode::from_raw_mode(0o600), device)
            .is_ok()
    };
    match kind {
        0 => alone(symlink(outside.join("geheim"), &path).is_ok()),
        1 => alone(symlink(outside, &path).is_ok()),
        2 => alone(symlink(outside.join("nirgends"), &path).is_ok()),
        3 => alone(symlink(&path, &path).is_ok()),
        4 => alone(symlink("/dev/zero", &path).is_ok()),
        5 => alone(symlink("/proc/self/environ", &path).is_ok()),
        6 => alone(fs::hard_link(outside.join("geheim"), &path).is_ok()),
        7 => {
            fs::write(at.join(format!(".{plain}")), &body).unwrap();
            alone(fs::hard_link(at.join(format!(".{plain}")), &path).is_ok())
        }
        8 => alone(node(rustix::fs::FileType::Fifo, 0)),
        9 => alone(node(rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(1, 5))),
        10 => alone(node(rustix::fs::FileType::BlockDevice, rustix::fs::makedev(7, 0))),
        11 => alone(UnixListener::bind(&path).is_ok()),
        12 => alone(fs::create_dir(&path).is_ok()),
        13 => {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("innen.xml"), &body).unwrap();
            alone(true)
        }
        14 => Some(named([b"zeile\n", plain.as_bytes()].concat())),
        15 => Some(named([vec![b'l'; 251 - plain.len() + 4], plain.clone().into_bytes()].concat())),
        16 => Some(named([&b"a\xff\xfe"[..], plain.as_bytes()].concat())),
        17 => Some(named([&b"$(x) `y` ;'\"\\ -rf "[..], plain.as_bytes()].concat())),
        18 => {
            fs::write(&path, b"").unwrap();
            Some((plain.into(), Fate::Taken(Vec::new())))
        }
        19 => {
            // A terabyte that occupies nothing.
            fs::File::create(&path).unwrap().set_len(1 << 40).ok()?;
            Some((plain.into(), Fate::Apart))
        }
        20 => {
            fs::write(&path, vec![b'x'; (8 << 20) + 1 + lot.below(4096) as usize]).unwrap();
            Some((plain.into(), Fate::Apart))
        }
        21 => {
            fs::write(&path, &body).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
            let ahead = std::time::SystemTime::now() + Duration::from_secs(86_400 * 365);
            fs::File::options().write(true).open(&path).unwrap().set_modified(ahead).unwrap();
            Some((plain.into(), Fate::Taken(body)))
        }
        22 => {
            // Named as one that was answered, and a link.
            let forged = format!(
                ".fertig.{}.{}.xml",
                sha256_hex(b"x"),
                uuid::Uuid::from_u128(lot.below(1 << 40).into())
            );
            symlink(outside.join("geheim"), at.join(&forged)).unwrap();
            Some((forged.into(), Fate::Alone))
        }
        _ => {
            fs::write(&path, &body).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
            // Who runs the test as root reads it all the same.
            let read = fs::read(&path).is_ok();
            Some((plain.into(), if read { Fate::Taken(body) } else { Fate::Alone }))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_entries_are_taken_whole_kept_by_hash_or_left_alone() {
    let long = std::env::var("DREHSCHEIBE_LONG").is_ok_and(|value| value == "1");
    for seed in 0..if long { 60 } else { 3 } {
        let mut lot = Seeded(0x0dd0_0dd0 + seed);
        let dir = tempfile::tempdir().unwrap();
        let (at, outside) = (dir.path().join("in"), dir.path().join("draussen"));
        fs::create_dir(&at).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("geheim"), "GEHEIM").unwrap();
        let mut kinds: Vec<usize> = (0..ODD).collect();
        for last in (1..ODD).rev() {
            kinds.swap(last, lot.below(last as u64 + 1) as usize);
        }
        let house = House::new();
        let around = house.around(Clock::real());
        let tray = json!({"partner": "ja-nord", "in": at, "every": "20ms", "settled-after": if seed % 2 == 0 { "0s" } else { "100ms" }});
        let source = Arc::new(FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap());
        // Half of it lies there before the source starts.
        let (first, rest) = kinds.split_at(ODD / 2);
        let mut made: Vec<(OsString, Fate)> =
            first.iter().filter_map(|kind| odd(*kind, &at, &outside, &mut lot)).collect();
        let running = start(source);
        for kind in rest {
            // Made aside and renamed, as the protocol without a span asks for.
            let aside = dir.path().join(format!("aside-{kind}"));
            fs::create_dir(&aside).unwrap();
            let Some((name, fate)) = odd(*kind, &aside, &outside, &mut lot) else { continue };
            for entry in fs::read_dir(&aside).unwrap() {
                let entry = entry.unwrap();
                fs::rename(entry.path(), at.join(entry.file_name())).unwrap();
            }
            made.push((name, fate));
        }
        assert!(made.len() >= ODD - 3, "devices at most cannot be made here");
        let of = |wanted: &dyn Fn(&Fate) -> bool| made.iter().filter(|(_, fate)| wanted(fate)).count();
        let taken = of(&|fate| matches!(fate, Fate::Taken(_)));
        let apart = of(&|fate| *fate == Fate::Apart);
        house.wait_for(taken).await;
        eventually(|| house.apart.lock().unwrap().len() == apart).await;
        eventually(|| made.iter().all(|(name, fate)| *fate == Fate::Alone || !at.join(name).exists())).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.end().await.unwrap();
        let mut bodies: Vec<Vec<u8>> =
            house.delivered().iter().map(|envelope| envelope.body.to_vec()).collect();
        let mut expected: Vec<Vec<u8>> = made
            .iter()
            .filter_map(|(_, fate)| match fate {
                Fate::Taken(body) => Some(body.clone()),
                _ => None,
            })
            .collect();
        bodies.sort();
        expected.sort();
        assert_eq!(bodies, expected, "seed {seed}");
        for (name, _) in made.iter().filter(|(_, fate)| *fate == Fate::Alone) {
            assert!(fs::symlink_metadata(at.join(name)).is_ok(), "seed {seed}: {name:?} is left alone");
        }
        assert_eq!(fs::read_to_string(outside.join("geheim")).unwrap(), "GEHEIM");
        assert!(around.parts.said().is_empty(), "{:?}", around.parts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_swapped_while_it_is_looked_at_is_never_read_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (at, secret) = (dir.path().join("in"), dir.path().join("geheim"));
    fs::create_dir(&at).unwrap();
    fs::write(&secret, "GEHEIM").unwrap();
    let house = House::new();
    let around = house.around(Clock::real());
    let tray = json!({"partner": "ja-nord", "in": at, "every": "1ms"});
    let running = start(Arc::new(FolderSource::new("l", &json!({"trays": [tray]}), &around).unwrap()));
    let (end, place, target) = (Arc::new(AtomicBool::new(false)), at.clone(), secret.clone());
    let swapping = end.clone();
    let attacker = std::thread::spawn(move || {
        let mut turn = 0_u32;
        while !swapping.load(Ordering::Relaxed) {
            let fresh = place.join(".neu");
            let _ = fs::remove_file(&fresh);
            match turn % 3 {
                0 => symlink(&target, &fresh).unwrap(),
                1 => fs::hard_link(&target, &fresh).unwrap(),
                _ => fs::write(&fresh, format!("<x{turn}/>")).unwrap(),
            }
            let _ = fs::rename(&fresh, place.join("a.xml"));
            turn += 1;
        }
        turn
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    end.store(true, Ordering::Relaxed);
    let turns = attacker.join().unwrap();
    running.end().await.unwrap();
    assert!(turns > 1000 && !house.delivered().is_empty(), "{turns}");
    assert!(
        house.delivered().iter().all(|envelope| envelope.body.starts_with(b"<x")),
        "only files of its own"
    );
    assert_eq!(fs::read_to_string(&secret).unwrap(), "GEHEIM");
}

#[tokio::test]
async fn files_of_another_user_are_left_alone_where_an_owner_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("in");
    fs::create_dir(&at).unwrap();
    put(&at, "a.xml", b"<a/>");
    let own = fs::metadata(at.join("a.xml")).unwrap().uid();
    let house = House::new();
    let around = house.around(Clock::real());
    let source = |owner: u32| {
        let tray = json!({"partner": "ja-nord", "in": at, "every": "20ms", "owner": owner});
        Arc::new(FolderSource::new("l", &json!({"trays": [tray]}), &around).unwrap())
    };
    let running = start(source(own + 1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    running.end().await.unwrap();
    assert!(house.delivered().is_empty() && at.join("a.xml").exists());
    let running = start(source(own));
    house.wait_for(1).await;
    running.end().await.unwrap();
}

// On one thread, so that all lines are heard.
#[tokio::test]
async fn who_lays_down_one_thing_after_the_other_gets_no_line_for_each() {
    let (lines, _hearing) = Lines::hear();
    let dir = tempfile::tempdir().unwrap();
    for name in ["in", "out"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let around = House::new().around(Clock::real());
    let tray = json!({"partner": "ja-nord", "in": dir.path().join("in"), "out": dir.path().join("out"), "every": "20ms"});
    let source = FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap();
    let running = start(Arc::new(source));
    let waits = || {
        let said = around.parts.said().into_iter().find(|said| said.part.starts_with("left alone"));
        said.and_then(|said| said.waits).unwrap_or(0)
    };
    for n in 1..=20 {
        fs::create_dir(dir.path().join("in").join(format!("{n}.xml"))).unwrap();
        for _ in 0..500 {
            if waits() == n {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(waits(), n, "what is said in `status` is always the newest");
    }
    running.end().await.unwrap();
    let text = lines.text();
    assert_eq!(text.matches("are left alone").count(), 1, "{text}");
}
