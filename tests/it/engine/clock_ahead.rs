//! An office whose clock is ahead, and deliveries of one child that swap on their way: capped by their receipts they are ordered by the
//! way alone. Over the real door, engine and store no Negativauskunft leaves until a delivery settles it that is younger for certain.

use drehscheibe::cli::sample::{Wish, eintragung, korrektur, loeschung};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::entscheidung::Fall;
use jiff::SignedDuration;

use super::no_wrong_answer::Witnessed;

/// What an office says of a child, in seconds of a day that its clock is in already.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// 0804, with or without an entry of Art 01.
    Is(u32, bool),
    /// 0805, from one to the other.
    Turns(u32, bool, bool),
    /// 0806.
    Goes(u32),
}

use Said::{Goes, Is, Turns};

async fn say(world: &mut Witnessed, child: u64, said: Said) -> Inbound {
    let arten = |entry: bool| if entry { vec!["01"] } else { vec![] };
    let wish = |second, entry, message| Wish { message, second, arten: arten(entry), ..Wish::plain(child) };
    let number = world.house.fresh();
    let (wish, body) = match said {
        Is(second, entry) => {
            let wish = wish(second, entry, number);
            (wish.clone(), eintragung(&wish))
        }
        Turns(second, from, to) => {
            let wish = wish(second, to, number);
            (wish.clone(), korrektur(&wish, if from { &["01"] } else { &[] }))
        }
        Goes(second) => {
            let wish = wish(second, false, number);
            (wish.clone(), loeschung(&wish))
        }
    };
    let verdict = world.take(&wish, body).await;
    let clock = &world.house.clock;
    clock.move_to(clock.now() + SignedDuration::from_secs(20));
    verdict.state
}

/// Six in the evening by the office's clock; ours says ten in the morning.
const EVENING: u32 = 18 * 3600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_swapped_on_its_way_stands_against_answers_until_a_younger_one_comes() {
    let at = |minute: u32| EVENING + minute * 60;
    // In the order of their arrival; the last word of the office by its own clock is an entry, each time.
    let plays: [&[Said]; 7] = [
        &[Is(at(2), true), Is(at(1), false)],
        &[Is(at(2), true), Is(at(2), false)],
        // Between the two nothing settles it, although it came last.
        &[Is(at(9), true), Is(at(1), false), Turns(at(5), true, false)],
        &[Turns(at(9), false, true), Turns(at(4), false, false), Is(at(5), false)],
        // What a deletion took with it that was older than what it deleted.
        &[Is(at(9), true), Goes(at(1)), Is(at(5), false)],
        &[Is(at(9), true), Goes(at(1)), Goes(at(2)), Is(at(5), false)],
        // Said again from earlier, it is as young as it was.
        &[Is(at(9), true), Is(at(1), true), Is(at(5), false)],
    ];
    let children: Vec<u64> = (1..=plays.len() as u64).map(|n| 700_000 + n).collect();
    let mut world = Witnessed::new(7_000_000).await;
    world.declared(&children).await;
    world.ahead = true;
    let mut asked = Vec::new();
    for (child, play) in children.iter().zip(plays) {
        for said in play {
            say(&mut world, *child, *said).await;
        }
        asked.push((world.ask(*child).await, Fall::I, format!("{play:?}")));
        // A younger one with the same content as what is stored, whatever that is, and then the last word.
        say(&mut world, *child, Is(at(20), true)).await;
        assert_eq!(say(&mut world, *child, Is(at(21), false)).await, Inbound::Accepted);
        asked.push((world.ask(*child).await, Fall::A, format!("{play:?} and what settles it")));
    }
    let letters = world.letters().await;
    for (id, fall, play) in asked {
        assert_eq!(letters.get(&id), Some(&fall), "{play}");
    }
    world.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_its_order_is_answered_although_the_clock_is_ahead() {
    let child = 700_100;
    let mut world = Witnessed::new(7_100_000).await;
    world.declared(&[child]).await;
    world.ahead = true;
    for said in [
        Is(EVENING, true),
        Turns(EVENING + 1, true, false),
        Goes(EVENING + 2),
        Is(EVENING + 3, true),
        Is(EVENING + 4, false),
    ] {
        assert_eq!(say(&mut world, child, said).await, Inbound::Accepted, "{said:?}");
    }
    let id = world.ask(child).await;
    assert_eq!(world.letters().await.get(&id), Some(&Fall::A));
    world.house.stop().await;
}
