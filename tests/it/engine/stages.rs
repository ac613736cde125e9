//! Stages: in `produktion` a test message is receipted and touches nothing; elsewhere only test messages come in.

use drehscheibe::cli::sample::eintragung;
use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::store::stamp::Scope;

use super::far::Does;
use super::rig::{NORD, Rig, TRAY, WOHNGELD, deliver, fast, stop, wish};

fn rows(rig: &Rig, table: &str) -> i64 {
    let db = rusqlite::Connection::open(rig.folder.path().join("drehscheibe.db")).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_produktion_a_test_message_runs_dry_and_is_receipted() {
    let mut rig = Rig::of_stage(fast(1.0), Stage::Produktion).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let wohngeld = rig.far(WOHNGELD, |_, _| Does::Take);
    let tray = rig.far(TRAY, |_, _| Does::Take);
    let engine = rig.engine();
    let real = eintragung(&wish(1, 1)).replace(" test=\"true\"", "");
    let taken = deliver(&engine, rig.envelope_of("real", real)).await;
    assert_eq!(taken.state, Inbound::Accepted);
    nord.has(1).await;
    wohngeld.has(1).await;
    // By HTTP and by the tray, one of them about a child that the mirror knows.
    let dry = deliver(&engine, rig.envelope(&wish(1, 2))).await;
    let by_tray = deliver(&engine, rig.by_tray("file", eintragung(&wish(2, 1)))).await;
    for verdict in [&dry, &by_tray] {
        assert_eq!(verdict.state, Inbound::Accepted);
        let reply = verdict.reply.clone().unwrap();
        assert_eq!(reply.message, "xfamilie.0011");
        assert!(String::from_utf8_lossy(&reply.body).contains("test=\"true\""));
        assert!(rig.show(verdict.id).await.test);
    }
    tray.has(1).await;
    assert_eq!(
        tray.seen.lock().unwrap().taken[0].body,
        by_tray.reply.unwrap().body,
        "the tray gets its receipt"
    );
    rig.at_rest().await;
    assert_eq!((rig.figures().await.mirror, nord.attempts(), wohngeld.attempts()), (1, 1, 1));
    assert_eq!(rows(&rig, "abrufprotokoll"), 1, "what was read for it is on record all the same");
    // What it said did not become the state of the child either: the same state, for real, is news.
    let real = eintragung(&wish(1, 3)).replace(" test=\"true\"", "");
    assert_eq!(deliver(&engine, rig.envelope_of("real-2", real)).await.state, Inbound::Accepted);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elsewhere_a_message_without_the_mark_is_refused_and_only_its_hash_is_kept() {
    let rig = Rig::new(fast(1.0)).await;
    let engine = rig.engine();
    let real = eintragung(&wish(1, 1)).replace(" test=\"true\"", "");
    let refused = deliver(&engine, rig.envelope_of("real", real.clone())).await;
    assert_eq!((refused.state, refused.codes.clone()), (Inbound::Rejected, vec!["S999".to_owned()]));
    assert!(refused.reply.is_some());
    let shown = rig.show(refused.id).await;
    assert_eq!(shown.octets_sha256, drehscheibe::transport::ids::sha256_hex(real.as_bytes()));
    assert_eq!(shown.size, real.len() as u64);
    let scope = Scope::Mandant("jugendamt-bremen".to_owned());
    let kept = rig.store.original(&scope, refused.id, "os:rita", "test", rig.clock.now()).await.unwrap();
    assert!(kept.is_none());
    assert_eq!(rig.figures().await.mirror, 0);
    // What cannot be read goes its normal way.
    let unreadable = deliver(&engine, rig.envelope_of("half", real[..real.len() / 2].to_owned())).await;
    assert_eq!(unreadable.codes, ["X000"]);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_for_a_message_that_is_refused_is_on_record_too() {
    let rig = Rig::new(fast(1.0)).await;
    let engine = rig.engine();
    deliver(&engine, rig.envelope(&wish(1, 2))).await;
    assert_eq!(rows(&rig, "abrufprotokoll"), 0, "nothing was there to be read");
    assert_eq!(deliver(&engine, rig.envelope(&wish(1, 1))).await.state, Inbound::Rejected);
    assert_eq!(rows(&rig, "abrufprotokoll"), 1);
    stop(engine).await;
}
