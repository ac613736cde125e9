//! How much lies in the queues of a link, asked now and then: for the operator, and for the house, which has to know of each partner
//! until when all of its deliveries were taken. Never says that a queue was empty before it is sure of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::flow::{Flow, Mark, Sequence};
use super::link::Link;
use super::settings::{QueueSettings, queue_part};
use super::topology;
use crate::clock::Tick;
use crate::envelope::Lying;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::port::{Credential, Place, Stop, Surroundings};

/// How often it is asked how much lies in the queues.
const ASKED: Duration = Duration::from_secs(15);
/// As long as nothing may come out of a queue that is said to be empty: a delivery that has left it and is not here yet lies nowhere.
const QUIET: Duration = Duration::from_secs(1);
/// A broker that has not answered for so long may not be heard, because what it sent before waits for room here.
const UNHEARD: Duration = Duration::from_secs(2);
/// So many heartbeats after a link was lost the broker knows it as well, and has put back what it had handed over on it.
const BEATS: u32 = 3;

/// Since when the oldest delivery of a queue can lie there at most. A broker says how many there are and not how old they are; but it
/// hands them out in their order, so once as many were taken as lay there at a look, what is left came after that look. Where one was
/// held meanwhile, it may be the one that is left: then nothing follows from that look. What has left the queue and is here lies there as well.
#[derive(Debug, Default)]
struct Age {
    since: Option<Timestamp>,
    look: Option<(Timestamp, u64)>,
    upset: u64,
    mark: Mark,
}

impl Age {
    /// At a look at which so many lay there, and when so many had been taken.
    fn at(&mut self, now: Timestamp, lie: u64, taken: u64, Sequence { upset, held }: Sequence) -> Lying {
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

/// What lay in a queue and was here of it, when, and how far its deliveries had come by then.
struct Seen {
    at: Timestamp,
    before: Mark,
    ready: u64,
    here: u64,
    mark: Mark,
}

impl Seen {
    /// What lies there, by a second look that nothing sent before it can come behind: `ready` is what lay in the queue then. What came out of it
    /// between the two may have lain there.
    fn lie(&self, ready: u64, now: Mark) -> u64 {
        match self.ready + self.here + now.came_since(self.mark) {
            0 => ready,
            lie => lie,
        }
    }
}

impl Age {
    /// What follows from a look of which the second one is over. `unsure`: the broker may have more of it than it says.
    fn of(&mut self, seen: &Seen, ready: u64, flow: &Flow, unsure: bool) -> Lying {
        let now = flow.mark();
        // What goes back is nowhere for a moment.
        let unsure = unsure || now.gave_back_since(std::mem::replace(&mut self.mark, seen.before));
        let lie = seen.lie(ready, now).max(u64::from(unsure));
        let Sequence { upset, held } = flow.order();
        self.at(seen.at, lie, flow.taken(), Sequence { upset, held: held || unsure })
    }
}

/// A queue that is looked at.
pub struct Watched {
    /// Its settings.
    pub queue: QueueSettings,
    /// What of it is here.
    pub flow: Arc<Flow>,
    ready: AtomicU64,
}

impl Watched {
    /// One that nobody has looked at.
    pub fn new(queue: &QueueSettings) -> Watched {
        Watched { queue: queue.clone(), flow: Arc::default(), ready: AtomicU64::new(0) }
    }
}

/// Looks how much lies in the queues of a link and in their dead-letter queues.
pub struct Depths {
    /// The connection.
    pub connection: String,
    /// Its queues.
    pub queues: Vec<Watched>,
    /// The link.
    pub link: Arc<Link>,
    /// When the link before it was lost, if one was.
    pub lost: Option<Tick>,
    /// How often each side of a link says that it is there.
    pub heartbeat: Duration,
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
            let unsure = self.lost.is_some_and(|lost| lost.elapsed() < self.heartbeat * BEATS);
            let mut seen = Vec::with_capacity(self.queues.len());
            for watched in &self.queues {
                seen.push(self.look(watched).await);
            }
            self.pause(QUIET).await;
            for (watched, (seen, age)) in self.queues.iter().zip(seen.into_iter().zip(&mut ages)) {
                if let Some(seen) = seen
                    && let Some(ready) = self.ask(watched).await
                    && self.goes_on()
                {
                    self.tell(&watched.queue, age.of(&seen, ready, &watched.flow, unsure)).await;
                }
                self.dead(&watched.queue).await;
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
    async fn look(&self, watched: &Watched) -> Option<Seen> {
        // Whatever lay there at this moment is counted below, or was taken.
        let (at, before) = (self.around.clock.now(), watched.flow.mark());
        let ready = self.ask(watched).await?;
        // The mark first: what comes between the two counts rather twice than not at all.
        let mark = watched.flow.mark();
        Some(Seen { at, before, ready, here: watched.flow.here(), mark })
    }

    /// Asks how much the broker has in a queue, all of its parts; `None` where one of them could not be asked. The answer comes behind whatever the
    /// broker sent on this link before it: as long as that waits for room, so does the answer.
    async fn ask(&self, watched: &Watched) -> Option<u64> {
        let asking = self.ready(&watched.queue);
        tokio::pin!(asking);
        let (ready, all) = loop {
            match tokio::time::timeout(UNHEARD, &mut asking).await {
                Ok(answer) => break answer,
                Err(_) => self.queues.iter().for_each(|watched| self.say(watched)),
            }
        };
        if let Some(ready) = ready {
            watched.ready.store(ready, Ordering::Relaxed);
            self.say(watched);
        }
        ready.filter(|_| all)
    }

    async fn ready(&self, queue: &QueueSettings) -> (Option<u64>, bool) {
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
        (ready, all)
    }

    /// Says how much waits at a queue: what is here the broker counts as gone.
    fn say(&self, watched: &Watched) {
        let waits = watched.ready.load(Ordering::Relaxed) + watched.flow.here();
        self.around.parts.waits(&queue_part(&self.connection, watched.queue.name()), waits);
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
    const CALM: Sequence = Sequence { upset: 0, held: false };

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

    /// A look at a queue of which the broker has this many, and a second one.
    fn looked(age: &mut Age, second: i64, flow: &Flow, ready: (u64, u64), between: impl FnOnce()) -> Lying {
        let before = flow.mark();
        let seen = Seen { at: at(second), before, ready: ready.0, here: flow.here(), mark: before };
        between();
        age.of(&seen, ready.1, flow, false)
    }

    #[test]
    fn what_was_handed_over_and_nobody_has_read_lies_there() {
        let (flow, mut age) = (Arc::new(Flow::default()), Age::default());
        let calm = || ();
        assert_eq!(looked(&mut age, 0, &flow, (0, 0), calm), Lying::Nothing);
        assert_eq!(looked(&mut age, 15, &flow, (0, 1), calm), Lying::Something, "it came between the two");
        // Under way at the first look, here at the second.
        assert_eq!(looked(&mut age, 30, &flow, (0, 0), || flow.hand_over()), Lying::Something);
        assert_eq!(looked(&mut age, 45, &flow, (0, 0), calm), Lying::Something, "unread");
        let hand = flow.begin();
        assert_eq!(looked(&mut age, 60, &flow, (0, 0), calm), Lying::Something, "in hand");
        hand.taken();
        drop(hand);
        assert_eq!(looked(&mut age, 75, &flow, (0, 0), calm), Lying::Nothing);
        // 53 handed over, one in hand: as many have to be taken before what is left came after the look.
        (0..53).for_each(|_| flow.hand_over());
        assert_eq!(looked(&mut age, 90, &flow, (0, 0), calm), Lying::Something);
        let take = |count| (0..count).for_each(|_| flow.begin().taken());
        take(52);
        (0..9).for_each(|_| flow.hand_over());
        assert_eq!(looked(&mut age, 105, &flow, (3, 3), calm), Lying::Something, "52 of 53");
        take(1);
        assert_eq!(looked(&mut age, 120, &flow, (3, 3), calm), Lying::Since(at(90)));
    }

    #[test]
    fn nothing_follows_from_a_look_while_deliveries_go_back() {
        let (flow, mut age) = (Arc::new(Flow::default()), Age::default());
        (0..4).for_each(|_| flow.hand_over());
        assert_eq!(looked(&mut age, 0, &flow, (0, 0), || ()), Lying::Something);
        let taken = flow.begin();
        taken.taken();
        drop(taken);
        // They are back in the queue when the broker gets to it, and what was taken may come again.
        assert_eq!(looked(&mut age, 15, &flow, (0, 0), || flow.give_back(3)), Lying::Something);
        assert_eq!(
            looked(&mut age, 30, &flow, (0, 0), || ()),
            Lying::Something,
            "perhaps on their way still"
        );
        assert_eq!(looked(&mut age, 45, &flow, (4, 4), || ()), Lying::Something, "it begins anew");
        (0..4).for_each(|_| flow.hand_over());
        (0..3).for_each(|_| flow.begin().taken());
        assert_eq!(looked(&mut age, 60, &flow, (2, 2), || ()), Lying::Something, "one of the four is left");
        flow.begin().taken();
        assert_eq!(looked(&mut age, 75, &flow, (2, 2), || ()), Lying::Since(at(45)));
        flow.give_back(0);
        assert_eq!(looked(&mut age, 90, &flow, (0, 0), || ()), Lying::Since(at(45)), "between two looks");
        assert_eq!(looked(&mut age, 105, &flow, (0, 0), || ()), Lying::Nothing);
    }

    #[test]
    fn what_the_broker_handed_over_on_a_lost_link_may_be_more_than_it_says() {
        let (flow, mut age) = (Arc::new(Flow::default()), Age::default());
        let seen =
            |second| Seen { at: at(second), before: flow.mark(), ready: 0, here: 0, mark: flow.mark() };
        assert_eq!(age.of(&seen(0), 0, &flow, true), Lying::Something);
        assert_eq!(age.of(&seen(15), 0, &flow, true), Lying::Something);
        assert_eq!(age.of(&seen(30), 0, &flow, false), Lying::Nothing);
    }
}
