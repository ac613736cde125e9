//! How much lies in the queues of a link, asked now and then: for the operator, and for the house, which has to know of each partner
//! until when all of its deliveries were taken. Never says that a queue was empty before it is sure of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::link::Link;
use super::settings::{QueueSettings, queue_part};
use super::topology;
use crate::envelope::Lying;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::port::{Credential, Place, Stop, Surroundings};

/// How often it is asked how much lies in the queues.
const ASKED: Duration = Duration::from_secs(15);
/// As long as nothing may come out of a queue that is said to be empty: a delivery that has left it and is not here yet lies nowhere.
const QUIET: Duration = Duration::from_secs(1);

/// What of a queue is in hand here, and how much of it was taken since the link was made.
#[derive(Debug, Default)]
pub struct Flow {
    begun: AtomicU64,
    ended: AtomicU64,
    taken: AtomicU64,
    held: AtomicU64,
    upset: AtomicU64,
}

impl Flow {
    /// A delivery is held while later ones go on; it is as long as what is returned lives.
    pub fn hold(self: &Arc<Flow>) -> Upset {
        self.held.fetch_add(1, Ordering::Relaxed);
        self.upset.fetch_add(1, Ordering::Release);
        Upset(self.clone())
    }

    /// How often the order was upset, and whether it is now.
    fn order(&self) -> (u64, bool) {
        (self.upset.load(Ordering::Acquire), self.held.load(Ordering::Relaxed) > 0)
    }

    /// A delivery has come; it is in hand as long as what is returned lives.
    pub fn begin(self: &Arc<Flow>) -> InHand {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InHand(self.clone())
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn in_hand(&self) -> u64 {
        let ended = self.ended.load(Ordering::Acquire);
        self.begun.load(Ordering::Relaxed).saturating_sub(ended)
    }
}

/// A delivery in hand.
#[derive(Debug)]
pub struct InHand(Arc<Flow>);

impl InHand {
    /// The house has taken it.
    pub fn taken(&self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// A delivery that later ones overtake.
#[derive(Debug)]
pub struct Upset(Arc<Flow>);

impl Drop for Upset {
    fn drop(&mut self) {
        self.0.upset.fetch_add(1, Ordering::Release);
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Since when the oldest delivery of a queue can lie there at most. A broker says how many there are and not how old they are; but it
/// hands them out in their order, so once as many were taken as lay there at a look, what is left came after that look. Where one was
/// held meanwhile, it may be the one that is left: then nothing follows from that look.
#[derive(Debug, Default)]
struct Age {
    since: Option<Timestamp>,
    look: Option<(Timestamp, u64)>,
    upset: u64,
}

impl Age {
    /// At a look at which so many lay there, and when so many had been taken.
    fn at(&mut self, now: Timestamp, lie: u64, taken: u64, (upset, held): (u64, bool)) -> Lying {
        if std::mem::replace(&mut self.upset, upset) != upset || held {
            self.look = None;
        }
        if lie == 0 {
            (self.since, self.look) = (None, None);
            return Lying::Nothing;
        }
        if held {
            return self.since.map_or(Lying::Something, Lying::Since);
        }
        if let Some((then, until)) = self.look
            && until <= taken
        {
            (self.since, self.look) = (Some(then), None);
        }
        self.look.get_or_insert((now, taken + lie));
        self.since.map_or(Lying::Something, Lying::Since)
    }
}

/// What lay in a queue and in hand of it, when, and how many had come out of it by then.
struct Seen {
    at: Timestamp,
    lie: u64,
    begun: u64,
}

impl Seen {
    /// What lies there. Where nothing seemed to, what came out of it since may have lain there.
    fn lie(&self, flow: &Flow) -> u64 {
        match self.lie {
            0 => flow.in_hand().max(flow.begun.load(Ordering::Relaxed) - self.begun),
            lie => lie,
        }
    }
}

/// Looks how much lies in the queues of a link and in their dead-letter queues.
pub struct Depths {
    /// The connection.
    pub connection: String,
    /// Its queues, and what of each is in hand.
    pub queues: Vec<(QueueSettings, Arc<Flow>)>,
    /// The link.
    pub link: Arc<Link>,
    /// Ends it.
    pub stop: Stop,
    /// The house.
    pub around: Surroundings,
}

/// Where the deliveries of a queue lie.
pub fn place(connection: &str, queue: &QueueSettings, around: &Surroundings) -> Place {
    let partners = match &queue.partner {
        Some(partner) => vec![partner.clone()],
        // Whoever may publish to it: whose the oldest is nobody sees from outside.
        None => {
            let ours = format!("{connection}/");
            let admission = around.doors.admission();
            let by_user = admission.entries.iter().filter(
                |entry| matches!(&entry.credential, Credential::BrokerUser(user) if user.starts_with(&ours)),
            );
            let mut partners: Vec<String> = by_user.map(|entry| entry.partner.clone()).collect();
            partners.sort_unstable();
            partners.dedup();
            partners
        }
    };
    Place {
        connection: connection.to_owned(),
        name: queue.name().to_owned(),
        binding: format!("amqp {}", queue.binding),
        partners,
    }
}

impl Depths {
    /// Looks until the link is lost.
    pub async fn watch(self) {
        let mut ages: Vec<Age> = self.queues.iter().map(|_| Age::default()).collect();
        while self.goes_on() {
            let mut seen = Vec::with_capacity(self.queues.len());
            for (queue, flow) in &self.queues {
                seen.push(self.ask(queue, flow).await);
            }
            self.pause(QUIET).await;
            for ((queue, flow), (seen, age)) in self.queues.iter().zip(seen.into_iter().zip(&mut ages)) {
                if let Some(seen) = seen.filter(|_| self.goes_on()) {
                    self.tell(queue, age.at(seen.at, seen.lie(flow), flow.taken(), flow.order())).await;
                }
                self.dead(queue).await;
            }
            self.pause(ASKED).await;
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.is_cancelled() && self.link.is_up()
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.link.lost.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// How much lies in a queue; `None` where not all of it could be asked: then it counts since it last was.
    async fn ask(&self, queue: &QueueSettings, flow: &Flow) -> Option<Seen> {
        // Whatever lay there at this moment is counted below, or was taken.
        let at = self.around.clock.now();
        let (mut ready, mut all) = (None, true);
        for name in queue.names() {
            // One that is missing is its keeper's to say.
            match topology::ready(&self.link, &name).await {
                Ok(messages) => {
                    metric::broker_queue(&self.connection, &name, messages);
                    ready = Some(ready.unwrap_or(0) + u64::from(messages));
                }
                Err(_) => all = false,
            }
        }
        if let Some(ready) = ready {
            // What is in hand here the broker counts as gone.
            let waits = ready + flow.in_hand();
            self.around.parts.waits(&queue_part(&self.connection, queue.name()), waits);
        }
        let begun = flow.begun.load(Ordering::Relaxed);
        ready.filter(|_| all).map(|ready| Seen { at, lie: ready + flow.in_hand(), begun })
    }

    async fn tell(&self, queue: &QueueSettings, lying: Lying) {
        let place = place(&self.connection, queue, &self.around);
        if let Err(busy) = self.around.notes.looked(&place, lying).await {
            tracing::debug!(
                connection = self.connection,
                cause = busy.cause,
                "the age of a queue is not kept"
            );
        }
    }

    async fn dead(&self, queue: &QueueSettings) {
        let dead = queue.dead();
        let Ok(messages) = topology::ready(&self.link, &dead).await else { return };
        metric::broker_queue(&self.connection, &dead, messages);
        let part = queue_part(&self.connection, &dead);
        self.around.parts.waits(&part, messages.into());
        if messages == 0 {
            self.around.parts.runs(&part);
            return;
        }
        raise(Alarm::DeadLetters, &self.connection, &[("queue", &dead), ("messages", &messages.to_string())]);
        self.around.parts.fails(
            &part,
            Failing {
                cause: "the broker gave up on messages that the house never took".to_owned(),
                next: "look at them, have the sender repeat them or put them back into their queue"
                    .to_owned(),
                turn: Turn::Person,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Nothing was ever held.
    const CALM: (u64, bool) = (0, false);

    #[test]
    fn what_was_held_may_be_older_than_what_was_taken_meanwhile() {
        let flow = Arc::new(Flow::default());
        let mut age = Age::default();
        assert_eq!(age.at(at(0), 3, 10, flow.order()), Lying::Something);
        let held = flow.hold();
        assert_eq!(age.at(at(15), 3, 20, flow.order()), Lying::Something, "one of the three may lie there");
        assert_eq!(age.at(at(30), 3, 90, flow.order()), Lying::Something);
        drop(held);
        assert_eq!(age.at(at(45), 3, 99, flow.order()), Lying::Something, "it begins anew");
        assert_eq!(age.at(at(60), 3, 102, flow.order()), Lying::Since(at(45)));
        // Held and gone between two looks.
        drop(flow.hold());
        assert_eq!(age.at(at(75), 3, 200, flow.order()), Lying::Since(at(45)));
    }

    #[test]
    fn what_lies_in_a_queue_came_after_the_last_look_of_which_all_was_taken() {
        let mut age = Age::default();
        assert_eq!(age.at(at(0), 3, 10, CALM), Lying::Something, "how old it is nobody knows");
        assert_eq!(age.at(at(15), 9, 12, CALM), Lying::Something, "two of the three were taken");
        assert_eq!(age.at(at(30), 9, 13, CALM), Lying::Since(at(0)));
        assert_eq!(age.at(at(45), 9, 21, CALM), Lying::Since(at(0)), "eight of nine");
        assert_eq!(age.at(at(60), 1, 30, CALM), Lying::Since(at(30)));
        assert_eq!(age.at(at(75), 1, 30, CALM), Lying::Since(at(30)), "it does not move");
        assert_eq!(age.at(at(90), 0, 31, CALM), Lying::Nothing);
        assert_eq!(age.at(at(105), 1, 31, CALM), Lying::Something);
    }

    #[test]
    fn what_is_given_back_is_not_in_hand_and_not_taken() {
        let flow = Arc::new(Flow::default());
        let (one, other) = (flow.begin(), flow.begin());
        one.taken();
        assert_eq!(flow.in_hand(), 2);
        drop(one);
        drop(other);
        assert_eq!((flow.in_hand(), flow.taken()), (0, 1));
    }
}
