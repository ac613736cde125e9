//! What goes on beside deliveries: waking waiting messages, commands of persons, pauses, figures.
//! Each loop survives a store that is busy; none of them decides about content.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::clock::Tick;
use crate::store::contract::Resumed;
use crate::store::figures::UnderWay;
use crate::store::orders::{Command, CommandState, Order, PauseKind};
use crate::store::pauses::Pause;
use crate::store::stamp::Scope;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;

use super::core::Core;
use super::points::Point;
use super::receive::Reception;
use super::retention;
use super::run::Resume;
use super::said;
use super::watch::Unwound;

/// So long is waited before pauses that could not be read are read again.
const UNKNOWN: Duration = Duration::from_millis(500);

/// What only the composition root can do when a person commands it.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Handles a command that the engine does not know, such as `apply`; the sentence is for the person. One that still waits is left to
    /// another process.
    async fn handle(&self, command: &Command) -> CommandState;
}

/// Between two looks for what is due by itself and for what persons ordered, where another process would not say so.
const OFTEN: Duration = Duration::from_millis(200);
/// Where it would: asking is only the fall-back, and an idle house leaves its database in peace.
const SELDOM: Duration = Duration::from_secs(1);

fn look(core: &Core) -> Duration {
    if core.store.tells() { SELDOM } else { OFTEN }
}

/// Passes on that another process has brought work: to send, to run again, to do.
pub async fn others(core: Arc<Core>) {
    while !core.stop.is_cancelled() {
        tokio::select! {
            () = core.store.woken() => {
                core.outbox.notify_one();
                core.woken.notify_one();
                core.ordered.notify_one();
            }
            () = core.stop.cancelled() => {}
        }
    }
}

/// Runs messages again that were woken, are past their time, or were replayed.
pub async fn resume(core: Arc<Core>, reception: Arc<Reception>) {
    tokio::select! {
        () = core.gate.opened() => {}
        () = core.stop.cancelled() => return,
    }
    pauses_known(&core).await;
    // They run side by side and meet in the batches that everything goes through; half a batch is taken up while another is under way.
    let most = core.settings.batch.max(2);
    let mut under_way: JoinSet<()> = JoinSet::new();
    while !core.stop.is_cancelled() && !core.points.crashed() {
        while under_way.try_join_next().is_some() {}
        let room = most - under_way.len().min(most);
        if room >= most / 2 {
            match core.store.resume(core.clock.now(), core.settings.lease, room).await {
                Ok(woken) => {
                    for resumed in woken {
                        if core.points.reach(Point::Resumed).is_err() {
                            return;
                        }
                        under_way.spawn(again(core.clone(), reception.clone(), resumed));
                    }
                }
                Err(error) => core.store_failed(&error),
            }
        }
        tokio::select! {
            () = core.woken.notified() => {}
            // Where as many came as were asked for more may be due.
            Some(_) = under_way.join_next(), if under_way.len() > most / 2 => {}
            () = tokio::time::sleep(look(&core)) => {}
            () = core.stop.cancelled() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Runs one of them. `Busy` leaves it as it is: the lease runs out and it comes again.
async fn again(core: Arc<Core>, reception: Arc<Reception>, resumed: Resumed) {
    let _unwound = Unwound("resume".to_owned());
    let Resumed { envelope, expired, acting_person } = resumed;
    let _ = reception.resume(envelope, Resume { at: core.clock.now(), expired, acting_person }).await;
}

/// Makes the pauses of this process those that hold. What one held that has ended by itself has its time back before anybody takes it for over,
/// also where it ended while nobody ran.
pub async fn pauses(core: &Core) {
    let now = core.clock.now();
    let over = |pause: &Pause| pause.until.is_some_and(|until| until <= now);
    if core.pauses.load().as_ref().is_none_or(|known| known.iter().any(over))
        && let Err(error) = core.store.pauses_over(now).await
    {
        core.store_failed(&error);
        return;
    }
    if let Ok(pauses) = core.store.pauses(now).await {
        core.pauses.store(Some(Arc::new(pauses)));
    }
}

/// Waits until the pauses that hold are known: a start must not send past them what it finds in the outbox.
pub async fn pauses_known(core: &Core) {
    while !core.stop.is_cancelled() && !core.points.crashed() && core.pauses.load().is_none() {
        pauses(core).await;
        if core.pauses.load().is_none() {
            tokio::time::sleep(UNKNOWN).await;
        }
    }
}

/// Claims commands that persons committed, and keeps the pauses of this process fresh.
pub async fn commands(core: Arc<Core>, others: Arc<dyn Commands>) {
    while !core.stop.is_cancelled() && !core.points.crashed() {
        pauses(&core).await;
        match core.store.take_commands(16).await {
            Ok(commands) => {
                for command in commands {
                    if matches!(command.order, Order::Retention {}) {
                        // May take long; other commands do not wait for it. Broken off, it is taken again at the next start.
                        tokio::spawn(retention_ordered(core.clone(), command));
                        continue;
                    }
                    if matches!(command.order, Order::NotArrived { .. }) {
                        // A far end is asked first, and no other command waits for that.
                        let (core, others) = (core.clone(), others.clone());
                        tokio::spawn(async move {
                            let _unwound = Unwound("commands".to_owned());
                            carry_out(&core, &*others, &command).await;
                        });
                        continue;
                    }
                    carry_out(&core, &*others, &command).await;
                }
            }
            Err(error) => core.store_failed(&error),
        }
        tokio::select! {
            () = core.ordered.notified() => {}
            () = tokio::time::sleep(look(&core)) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

async fn carry_out(core: &Core, others: &dyn Commands, command: &Command) {
    let state = handle(core, others, command).await;
    ended(core, command, state).await;
}

async fn retention_ordered(core: Arc<Core>, command: Command) {
    let _unwound = Unwound("retention".to_owned());
    let state = retention::ordered(&core, &command.person).await;
    ended(&core, &command, state).await;
}

async fn ended(core: &Core, command: &Command, state: CommandState) {
    if state == CommandState::Waiting {
        tracing::info!(command = %command.order.what(), "a command is left to another process");
        let _ = core.store.leave_command(command.id).await;
        return;
    }
    tracing::info!(command = %command.order.what(), person = %command.person, ?state, "command");
    let _ = core.store.end_command(command.id, state).await;
}

async fn handle(core: &Core, others: &dyn Commands, command: &Command) -> CommandState {
    match &command.order {
        Order::Pause { kind, name, until } => pause(core, command, (*kind, name), Some(*until)).await,
        Order::Resume { kind, name } => pause(core, command, (*kind, name), None).await,
        Order::Replay { id } => replay(core, command, *id).await,
        Order::Reject { id } => reject(core, command, *id).await,
        Order::Arrived { id } => arrived(core, command, *id).await,
        Order::NotArrived { id, way } => said::not_arrived(core, (*id, way), command).await,
        Order::Unread { what, .. } => CommandState::Refused(Order::unread(what)),
        Order::Deliver { .. }
        | Order::Recover {}
        | Order::RecoverOpen {}
        | Order::Apply { .. }
        | Order::EndDrain { .. }
        | Order::Retention {} => others.handle(command).await,
    }
}

/// Holds something (`Some`, with its end where it has one), or lets it go on.
async fn pause(
    core: &Core,
    command: &Command,
    (kind, name): (PauseKind, &str),
    held: Option<Option<Timestamp>>,
) -> CommandState {
    let now = core.clock.now();
    let word = kind.as_str();
    let known = match kind {
        PauseKind::Route => core.set.load().plans.iter().any(|plan| plan.route == name),
        PauseKind::Partner => core.set.load().partners.contains_key(name),
        PauseKind::Destination => core.set.load().destinations.contains_key(name),
    };
    if !known && held.is_some() {
        return CommandState::Refused(format!("there is no {word} of this name in the running set"));
    }
    let pause = held.map(|until| Pause {
        kind: word.to_owned(),
        name: name.to_owned(),
        until,
        reason: command.reason.clone(),
        person: command.person.clone(),
        since: now,
    });
    let stored = core.store.set_pause(word, name, pause, &command.person, now).await;
    pauses(core).await;
    core.outbox.notify_one();
    match stored {
        Ok(()) => CommandState::Done(format!("{word} {name}: {}d", command.order.what())),
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

async fn replay(core: &Core, command: &Command, id: Uuid) -> CommandState {
    match core.store.replay(id, &command.person, &command.reason, core.clock.now()).await {
        Ok(true) => {
            core.woken.notify_one();
            core.outbox.notify_one();
            CommandState::Done("replayed; see `messages show` for what became of it".to_owned())
        }
        Ok(false) => CommandState::Refused(
            "nothing of this id is parked, unclear or quarantined; what was sent and not confirmed (`failed`) is never sent \
             again by itself: ask the receiver, then `parked arrived` or `parked not-arrived`"
                .to_owned(),
        ),
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

async fn reject(core: &Core, command: &Command, id: Uuid) -> CommandState {
    match core.store.reject(id, &command.person, &command.reason, core.clock.now()).await {
        Ok(true) => CommandState::Done(
            "it stays refused and waits for nobody any more; what it says against answers ends by itself or by `lieferung list`"
                .to_owned(),
        ),
        Ok(false) => CommandState::Refused(
            "nothing of this id is kept apart, or its sender has no answer yet: that one `parked replay` runs again".to_owned(),
        ),
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

async fn arrived(core: &Core, command: &Command, id: Uuid) -> CommandState {
    match core.store.arrived(id, &command.person, &command.reason, core.clock.now()).await {
        Ok(true) => {
            core.outbox.notify_one();
            CommandState::Done("noted as delivered; what waited behind it goes on".to_owned())
        }
        Ok(false) => CommandState::Refused(
            "no delivery of this id is parked, unclear, failed or not taken back".to_owned(),
        ),
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

/// A row that waits longer than this calls a person.
const OLD: Duration = Duration::from_secs(4 * 3600);

/// A clock that gains more than this on the steady one between two looks has jumped.
const JUMP: Duration = Duration::from_secs(30);

const MINUTE: Duration = Duration::from_secs(60);

/// Sets the figures that an operator watches: every few seconds what is under way, and as often as it costs next to nothing what whole
/// tables have to be counted for.
pub async fn figures(core: Arc<Core>) {
    let (mut last, mut tick) = (core.clock.now(), Tick::now());
    let (mut counted, mut until_counted) = (Tick::now(), Duration::ZERO);
    let mut destinations = BTreeSet::new();
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let now = core.clock.now();
        let ahead = Duration::try_from(now.duration_since(last)).unwrap_or_default();
        if now < last || (core.clock.is_real() && ahead > tick.elapsed() + JUMP) {
            raise(Alarm::ClockJumped, "engine", &[]);
        }
        (last, tick) = (now, Tick::now());
        let began = Tick::now();
        if let Ok(open) = core.store.under_way().await {
            tell(&core, &open, &mut destinations, now);
        }
        let pause = rest(began.elapsed(), MINUTE);
        if counted.elapsed() >= until_counted {
            let began = Tick::now();
            if let Ok(figures) = core.store.figures(&Scope::Operator).await {
                metric::mirror_entries(figures.mirror);
                for (state, count) in &figures.inbound {
                    metric::inbound(state, *count);
                }
            }
            (counted, until_counted) = (Tick::now(), rest(began.elapsed(), 60 * MINUTE));
        }
        metric::queue_depth(
            "in-flight",
            core.settings.in_flight - core.room.available_permits().min(core.settings.in_flight),
        );
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

/// How long nobody looks after a look that took so long: a hundred times as long, so that looking never becomes work of its own in a
/// house that has grown.
fn rest(took: Duration, most: Duration) -> Duration {
    (took * 100).clamp(Duration::from_secs(5), most)
}

/// Tells what is under way; of a destination that has nothing left that this is so.
fn tell(core: &Core, open: &[UnderWay], destinations: &mut BTreeSet<String>, now: Timestamp) {
    for UnderWay { destination, waiting, oldest, held, followed } in open {
        let age = oldest.map(|oldest| now.duration_since(oldest)).unwrap_or_default();
        let age = Duration::try_from(age).unwrap_or_default();
        metric::backlog(destination, *waiting, age, *held);
        metric::followed(destination, *followed);
        if age > OLD {
            raise(Alarm::BacklogOld, destination, &[]);
        }
    }
    destinations.extend(core.set.load().destinations.keys().cloned());
    destinations.extend(open.iter().map(|one| one.destination.clone()));
    for idle in destinations.iter().filter(|known| open.iter().all(|one| one.destination != **known)) {
        metric::backlog(idle, 0, Duration::ZERO, 0);
        metric::followed(idle, 0);
    }
}
