//! The life of one consumer: deliveries run to their verdict, are acknowledged after it and never before.
//! Never gives one back at once when the house is busy: it holds it and tries again, because each return counts against
//! the delivery limit, and a broker's dead-letter queue holds only what never reached us. Where the house takes nothing of one partner
//! alone, its deliveries are held aside, and as many more are fetched for the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::task::JoinSet;

use super::aside::{Aside, HOLD, MOST, Waiting};
use super::fault::Fault;
use super::flow::InHand;
use super::link::{Link, jittered};
use super::parcel::{Opened, Opener, Parcel};
use super::permit::{Holder, Permit};
use super::settings::Order;
use super::settings::partner_part;
use crate::clock::Tick;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::port::{Busy, Stop};

/// The shortest and the longest pause between attempts with a held delivery.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// What is said of the others where deliveries of a partner are held aside, and where as many are held as a queue that keeps its order fetches.
const GOES_ON: &str = "its deliveries are held, those of the others go on";
const STANDS: &str = "as many of its deliveries are held as the queue fetches ahead (prefetch), and it keeps its order: it stands still for all";
/// How long begun deliveries may take when the source is stopped.
const GRACE: Duration = Duration::from_secs(30);
/// As many completed deliveries at most wait for one acknowledgement.
const TOGETHER: usize = 64;
/// As many deliveries more are fetched at least, where so many are held aside that the others lack places; a broker takes 2,000 at most.
const FURTHER: (usize, usize) = (100, 1000);

/// Why a consumer ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Stopped,
    /// The house was busy for so long that everything was given back; the queue is tried again after a pause.
    GaveBack,
    /// The channel, the consumer or the connection is gone.
    Broken(Fault),
}

/// Consumes one queue until it ends; the channel is closed then, which gives back what was not acknowledged.
/// `runs` is called once the broker has taken it.
pub async fn consume(
    link: &Link,
    name: &str,
    opener: &Arc<Opener>,
    stop: &Stop,
    runs: impl FnOnce() + Send,
) -> End {
    let channel = match link.channel().await {
        Ok(channel) => channel,
        Err(fault) => return End::Broken(fault),
    };
    // Before anything can come; it is held until the channel is closed.
    let give_back = Stop::new();
    let holder = link.gate.consumer(channel.id(), opener.flow.clone(), give_back.clone());
    let consumer = match subscribe(&channel, name, opener.queue.prefetch).await {
        Ok(consumer) => consumer,
        Err(fault) => return End::Broken(fault),
    };
    let side_by_side = match opener.queue.order {
        Order::None => usize::from(opener.queue.prefetch),
        Order::SingleActiveConsumer | Order::ConsistentHash => 1,
    };
    runs();
    // What waits for a busy house must not outlive this consumer.
    let ended = stop.child_token();
    let keeps_order = opener.queue.order != Order::None;
    let prefetch = usize::from(opener.queue.prefetch);
    let mut line = Line {
        channel: &channel,
        name,
        opener,
        ended: ended.clone(),
        side_by_side,
        lost: &link.lost,
        holder: &holder,
        give_back: &give_back,
        begun: JoinSet::new(),
        tags: Tags::default(),
        aside: Aside::new(prefetch / 4, keeps_order),
        said: BTreeMap::new(),
        fetched: prefetch,
        further: Vec::new(),
    };
    let end = line.run(consumer, stop).await;
    line.said.keys().for_each(|partner| line.opener.around.parts.gone(&line.part(partner)));
    ended.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(5), channel.close(200, "done".into())).await;
    end
}

async fn subscribe(channel: &Channel, name: &str, prefetch: u16) -> Result<Consumer, Fault> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(|error| Fault::of(&error))?;
    let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
    channel.basic_consume(name.into(), "".into(), options, table).await.map_err(|error| Fault::of(&error))
}

/// A delivery with all that was made of it.
struct Held {
    parcel: Parcel,
    /// Parts are spooled once; only the delivery itself is repeated.
    opened: Option<Opened>,
    /// Room for its octets among those of the link; what is held aside has a bound of its own.
    permit: Option<Permit>,
}

/// What a delivery that was begun came to.
enum Outcome {
    /// Committed: it may be acknowledged. With its partner, and whether it was held aside before.
    Committed(Option<String>, bool),
    /// Not committed: it goes back, with all others.
    GiveBack,
    /// Of its partner alone nothing is taken now, for this cause.
    Aside(Box<Waiting<Held>>, String),
}

type Done = Result<(u64, Outcome), tokio::task::JoinError>;

struct Line<'a> {
    channel: &'a Channel,
    name: &'a str,
    opener: &'a Arc<Opener>,
    ended: Stop,
    side_by_side: usize,
    lost: &'a Stop,
    holder: &'a Holder,
    /// Cancelled where other queues of the link wait for what this one holds.
    give_back: &'a Stop,
    begun: JoinSet<(u64, Outcome)>,
    tags: Tags,
    aside: Aside<Held>,
    /// The partners of whom it is said that theirs are held, and why.
    said: BTreeMap<String, String>,
    /// How many deliveries the broker hands out at once.
    fetched: usize,
    /// Further consumers, which stand for what is held aside.
    further: Vec<ShortString>,
}

impl Line<'_> {
    async fn run(&mut self, consumer: Consumer, stop: &Stop) -> End {
        let tag = consumer.tag();
        let mut deliveries = SelectAll::new();
        deliveries.push(consumer);
        loop {
            let nap = self.aside.nap().unwrap_or(HOLD);
            let free = self.begun.len() < self.side_by_side;
            tokio::select! {
                biased;
                Some(done) = self.begun.join_next(), if !self.begun.is_empty() => {
                    if let Err(end) = self.settle(done).await {
                        return end;
                    }
                    match self.fetch_more(&mut deliveries).await {
                        Ok(()) => {}
                        Err(fault) => return End::Broken(fault),
                    }
                }
                () = stop.cancelled() => break,
                () = self.lost.cancelled() => return End::Broken(Fault::Lost),
                () = self.give_back.cancelled() => return End::GaveBack,
                () = tokio::time::sleep(nap), if free && !self.aside.is_empty() => {
                    if let Err(end) = self.again().await {
                        return end;
                    }
                }
                next = deliveries.next(), if free => match next {
                    Some(Ok(delivery)) => self.take(delivery),
                    Some(Err(error)) => return End::Broken(Fault::of(&error)),
                    None => return End::Broken(Fault::Cancelled),
                },
            }
        }
        // No new ones; begun ones are finished, held ones let go (they listen to the same stop).
        let tags: Vec<ShortString> = std::iter::once(tag).chain(self.further.drain(..)).collect();
        for tag in tags {
            let cancel = self.channel.basic_cancel(tag, BasicCancelOptions::default());
            let _ = tokio::time::timeout(Duration::from_secs(5), cancel).await;
        }
        let finishing = async {
            while let Some(done) = self.begun.join_next().await {
                if let Err(End::Broken(_)) = self.settle(done).await {
                    return;
                }
            }
        };
        if tokio::time::timeout(GRACE, finishing).await.is_err() {
            tracing::warn!(
                connection = self.opener.connection,
                "deliveries still under way after the time of grace; they come again"
            );
        }
        End::Stopped
    }

    /// A delivery has come.
    fn take(&mut self, delivery: Delivery) {
        let parcel = Parcel {
            properties: delivery.properties,
            octets: delivery.data.into(),
            redelivered: delivery.redelivered,
        };
        let octets = parcel.octets.len() as u64;
        let permit = self.holder.permit(octets);
        let tag = delivery.delivery_tag;
        self.tags.begun(tag);
        let hand = self.opener.flow.begin();
        let held = Held { parcel, opened: None, permit: Some(permit) };
        if self.opener.queue.order != Order::None && self.opener.queue.partner.is_none() {
            let partner = self.opener.partner(&held.parcel.properties).map(|partner| partner.id);
            // What came before it of the same partner comes first.
            if let Some(partner) = partner.filter(|partner| self.aside.of(partner) > 0) {
                let (began, upset) = (Tick::now(), self.opener.flow.hold());
                let (whole, since, pause) = (Some(held), began, Duration::ZERO);
                let waiting =
                    Waiting { partner: partner.clone(), whole, octets, hand, upset, began, since, pause };
                self.aside.put(tag, waiting);
                self.say(&partner, None);
                return;
            }
        }
        let (opener, ended) = (self.opener.clone(), self.ended.clone());
        self.begun.spawn(async move { (tag, work(&opener, held, hand, &ended).await) });
    }

    /// Tries again with what is due of what is held aside; what was held for as long as one may be goes back.
    async fn again(&mut self) -> Result<(), End> {
        for (tag, mut waiting) in self.aside.due() {
            let over = waiting.is_over();
            if over && self.opener.queue.order != Order::None {
                // Alone it would come behind those that follow it.
                return Err(End::GaveBack);
            }
            match waiting.whole.take().filter(|_| !over) {
                Some(held) => {
                    let (opener, ended) = (self.opener.clone(), self.ended.clone());
                    self.begun.spawn(async move { (tag, once_more(&opener, held, waiting, &ended).await) });
                }
                None => {
                    let options = BasicNackOptions { requeue: true, multiple: false };
                    let given = self.channel.basic_nack(tag, options).await;
                    given.map_err(|error| End::Broken(Fault::of(&error)))?;
                    self.tags.gone(tag);
                    self.say(&waiting.partner, None);
                }
            }
        }
        Ok(())
    }

    /// Has the broker hand out as many more as are held aside. Where order is kept nobody else may consume beside us. It stays so until
    /// the consumer ends: what comes for one that is being cancelled the library drops, and the broker would wait for it.
    async fn fetch_more(&mut self, deliveries: &mut SelectAll<Consumer>) -> Result<(), Fault> {
        if self.opener.queue.order != Order::None || self.ended.is_cancelled() {
            return Ok(());
        }
        let (held, own) = (self.aside.len(), usize::from(self.opener.queue.prefetch));
        if self.fetched < MOST && self.fetched.saturating_sub(held) < own.div_ceil(2) {
            let more = held.clamp(FURTHER.0, FURTHER.1);
            let prefetch = u16::try_from(more).unwrap_or(u16::MAX);
            let consumer = subscribe(self.channel, self.name, prefetch).await?;
            self.further.push(consumer.tag());
            self.fetched += more;
            deliveries.push(consumer);
        }
        Ok(())
    }

    /// Acknowledges what is complete by now, as many with one word as order allows.
    async fn settle(&mut self, first: Done) -> Result<(), End> {
        let mut given_back = !self.note(first);
        for _ in 0..TOGETHER {
            let Some(done) = self.begun.try_join_next() else { break };
            given_back |= !self.note(done);
        }
        for (tag, multiple) in self.tags.due(self.further.is_empty()) {
            let acknowledged = self.channel.basic_ack(tag, BasicAckOptions { multiple }).await;
            acknowledged.map_err(|error| End::Broken(Fault::of(&error)))?;
        }
        if given_back && !self.ended.is_cancelled() { Err(End::GaveBack) } else { Ok(()) }
    }

    /// Notes what a delivery came to; false where everything has to go back.
    fn note(&mut self, done: Done) -> bool {
        match done {
            Ok((tag, Outcome::Committed(partner, was_aside))) => {
                self.tags.done(tag);
                if let Some(partner) = partner.filter(|partner| self.said.contains_key(partner)) {
                    if was_aside {
                        self.aside.release(&partner);
                    }
                    self.say(&partner, None);
                }
                true
            }
            Ok((tag, Outcome::Aside(waiting, cause))) => {
                let partner = waiting.partner.clone();
                self.aside.put(tag, *waiting);
                self.say(&partner, Some(&cause));
                true
            }
            // A task that failed is like one that gives back: nothing was committed for certain.
            Ok((_, Outcome::GiveBack)) | Err(_) => false,
        }
    }

    /// Tells the operator of a partner whose deliveries are held, or no longer.
    fn say(&mut self, partner: &str, cause: Option<&str>) {
        let (parts, part) = (&self.opener.around.parts, self.part(partner));
        let held = self.aside.of(partner);
        if held == 0 {
            self.said.remove(partner);
            parts.gone(&part);
            return;
        }
        if let Some(cause) = cause {
            self.said.insert(partner.to_owned(), cause.to_owned());
        }
        if let Some(cause) = self.said.get(partner) {
            let queue = &self.opener.queue;
            let stands = queue.order != Order::None && self.aside.len() >= usize::from(queue.prefetch);
            let failing = Failing {
                cause: format!("{cause}; {}", if stands { STANDS } else { GOES_ON }),
                next: "resume the partner, or look at what of it waits, is parked or was refused".to_owned(),
                turn: Turn::Person,
            };
            parts.fails(&part, failing);
        }
        parts.waits(&part, held as u64);
    }

    fn part(&self, partner: &str) -> String {
        partner_part(&self.opener.connection, self.name, partner)
    }
}

/// Runs one delivery until the house has committed it, with growing pauses while the house is busy.
async fn work(opener: &Opener, mut held: Held, hand: InHand, ended: &Stop) -> Outcome {
    let began = Tick::now();
    let partner = opener.partner(&held.parcel.properties).map(|partner| partner.id);
    let (mut least, mut upset) = (PAUSES.0, None);
    loop {
        let busy = match attempt(opener, &mut held).await {
            Ok(()) => {
                hand.taken();
                return Outcome::Committed(partner, false);
            }
            Err(busy) => busy,
        };
        let pause = pause(busy.retry_after, least);
        // Those that come behind it may be taken meanwhile.
        let upset_now = upset.take().unwrap_or_else(|| opener.flow.hold());
        if busy.of_partner
            && opener.queue.partner.is_none()
            && let Some(partner) = partner
        {
            let octets = held.parcel.octets.len() as u64;
            if opener.queue.order == Order::None {
                held.permit = None;
            }
            let (whole, upset, since) = (Some(held), upset_now, Tick::now());
            let waiting = Waiting { partner, whole, octets, hand, upset, began, since, pause };
            return Outcome::Aside(Box::new(waiting), busy.cause);
        }
        upset = Some(upset_now);
        least = (least * 2).min(PAUSES.1);
        if began.elapsed() + pause > HOLD {
            return Outcome::GiveBack;
        }
        tokio::select! {
            () = ended.cancelled() => return Outcome::GiveBack,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Tries once more with a delivery that was held aside. Whatever the house is busy with, it is held aside again.
async fn once_more(opener: &Opener, mut held: Held, mut waiting: Waiting<Held>, ended: &Stop) -> Outcome {
    if ended.is_cancelled() {
        return Outcome::GiveBack;
    }
    let busy = match attempt(opener, &mut held).await {
        Ok(()) => {
            waiting.hand.taken();
            return Outcome::Committed(Some(waiting.partner), true);
        }
        Err(busy) => busy,
    };
    waiting.pause = pause(busy.retry_after, waiting.pause);
    (waiting.since, waiting.whole) = (Tick::now(), Some(held));
    Outcome::Aside(Box::new(waiting), busy.cause)
}

/// How long to wait where the house asked for so long, and one waited for so long before.
fn pause(asked: Duration, least: Duration) -> Duration {
    jittered(asked.max(least).min(PAUSES.1) * 2).min(PAUSES.1)
}

/// One attempt.
async fn attempt(opener: &Opener, held: &mut Held) -> Result<(), Busy> {
    let opened = match &held.opened {
        Some(opened) => opened,
        None => {
            let opened = opener.open(&held.parcel).await.map_err(|retry_after| Busy {
                cause: "a part cannot be stored now".to_owned(),
                retry_after,
                of_partner: false,
            })?;
            held.opened.insert(opened)
        }
    };
    let intake = &opener.around.intake;
    match opened {
        Opened::Deliver(envelope) => intake.deliver((**envelope).clone()).await.map(drop),
        Opened::Apart(envelope, cause) => intake.set_apart((**envelope).clone(), cause).await.map(drop),
        Opened::Unheard => {
            raise(Alarm::SenderNotAdmitted, &opener.connection, &[("queue", opener.queue.name())]);
            Ok(())
        }
    }
}

/// The delivery tags of a channel that are not acknowledged, in their order.
#[derive(Default)]
struct Tags(BTreeMap<u64, bool>);

impl Tags {
    fn begun(&mut self, tag: u64) {
        self.0.insert(tag, false);
    }

    fn done(&mut self, tag: u64) {
        self.0.insert(tag, true);
    }

    fn gone(&mut self, tag: u64) {
        self.0.remove(&tag);
    }

    /// What to acknowledge now, with whether it stands for all before it: only where they are seen in their order. Of several consumers
    /// one may have a lower tag that nobody has looked at yet.
    fn due(&mut self, in_order: bool) -> Vec<(u64, bool)> {
        let mut due = Vec::new();
        let front = self.0.iter().take_while(|(_, done)| in_order && **done).map(|(tag, _)| *tag);
        let front: Vec<u64> = front.collect();
        if let Some(last) = front.last() {
            due.push((*last, front.len() > 1));
        }
        for tag in front {
            self.0.remove(&tag);
        }
        // Behind a gap each by itself: one that is held must not keep the others from being acknowledged.
        due.extend(self.0.iter().filter(|(_, done)| **done).map(|(tag, _)| (*tag, false)));
        self.0.retain(|_, done| !*done);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_put_together_only_without_a_gap() {
        let mut tags = Tags::default();
        for tag in 1..=6 {
            tags.begun(tag);
        }
        tags.done(2);
        assert_eq!(tags.due(true), [(2, false)]);
        tags.done(1);
        tags.done(3);
        tags.done(5);
        assert_eq!(tags.due(true), [(3, true), (5, false)]);
        tags.done(4);
        assert_eq!(tags.due(true), [(4, false)]);
        assert_eq!(tags.due(true), []);
        tags.done(6);
        assert_eq!(tags.due(true), [(6, false)]);
        assert!(tags.0.is_empty());
        // A lower one may still come.
        for tag in [9, 8] {
            tags.begun(tag);
            tags.done(tag);
        }
        assert_eq!(tags.due(false), [(8, false), (9, false)]);
    }
}
