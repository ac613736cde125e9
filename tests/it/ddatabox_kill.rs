//! The real program and a dDataBox: killed at every exchange of a letter, it tells her once or a person is asked. Counted at the far end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ddatabox_server::Far;
use crate::ddatabox_stage::{BOTH, SOON, ask, counted, handle, printed, waiting, with_box};
use crate::support::{Running, free_port, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_exchange_she_is_told_once_or_a_person_is_asked() {
    let far: Arc<Far> = Far::start().await;
    let stage = with_box(&far.url(), (BOTH, SOON), free_port());
    let mut running: Running = stage.start(None);
    // One that nothing happens to: how many exchanges there are.
    ask(&stage, &handle(0), Timestamp::now()).await;
    until("the first is told", 60, || counted(&far).0 == 1).await;
    until("it is noted", 60, || far.world.lock().unwrap().steps.last() == Some(&"change")).await;
    let steps: Vec<&str> = far.world.lock().unwrap().steps.clone();
    let first = steps.iter().position(|step| *step == "folder").unwrap();
    let (of_one, mut open, mut told, mut starts) = (&steps[first..], 0, 1, 1);
    let mut rounds: Vec<(usize, bool)> = (1..=of_one.len()).map(|at| (at, true)).collect();
    // Before the notice and before it is noted as about to be sent.
    let mail = of_one.iter().position(|step| *step == "mail").unwrap() + 1;
    rounds.extend([(mail, false), (mail - 1, false)]);
    let letters = rounds.len() + 1;
    for (n, (at, done)) in rounds.into_iter().enumerate() {
        let step = of_one[at - 1];
        // A new process logs in and looks at the room before it does that.
        let ahead = far.world.lock().unwrap().steps.len() + if n == 0 { 0 } else { 2 };
        far.world.lock().unwrap().stop_at = Some((ahead + at, done));
        ask(&stage, &handle(n + 1), Timestamp::now()).await;
        tokio::time::timeout(Duration::from_secs(60), far.stopped.notified())
            .await
            .unwrap_or_else(|_| panic!("{step}\n{}", stage.log()));
        assert_eq!(far.world.lock().unwrap().steps[ahead + at - 1], step, "round {n}");
        running.kill();
        far.world.lock().unwrap().stop_at = None;
        running = stage.start(None);
        let perhaps = matches!((step, done), ("mail", _)) || (at == mail - 1 && done);
        if perhaps {
            open += 1;
            told += usize::from(step == "mail" && done);
            until("a person is asked", 60, || waiting(&stage).len() == open).await;
        } else {
            told += 1;
            until("she is told", 60, || counted(&far).0 == told).await;
            until("it is noted", 60, || far.world.lock().unwrap().steps.last() == Some(&"change")).await;
        }
        assert_eq!(counted(&far).0, told, "{step} {done}\n{}", stage.log());
        // The next one logs in anew, and has nothing of this letter to look up: what was told is settled before it ends.
        starts += 1;
        until("it is ready", 60, || stage.log().matches(r#""message":"ready""#).count() == starts).await;
        assert!(running.terminate(), "{}", stage.log());
        starts += 1;
        running = stage.start(None);
        assert_eq!(waiting(&stage).len(), open, "{step} {done}");
    }
    running.kill();
    assert_eq!(far.files().len(), letters, "each lies there once");
    // Nobody got two, nothing went by post, and nobody's name or address stands in a log, a file name or an address.
    let world = far.world.lock().unwrap();
    let mut to: Vec<&String> = world.mails.iter().map(|(_, to, _)| to).collect();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), world.mails.len());
    assert_eq!(world.shares.len(), letters, "and has one link");
    assert!(printed(&stage).is_empty());
    let log = stage.log();
    for word in ["zoe", "49151", "irkovi", "Zo\u{eb}"] {
        assert!(!log.contains(word), "{word}");
    }
    for seen in &world.seen {
        let (beside, _) = seen.split_at(seen.find("} ").unwrap());
        for word in ["zoe", "49151", "irkovi", "Zo", "orge", "uskunft", "eingangs"] {
            assert!(!beside.contains(word), "{word}: {beside}");
        }
    }
}
