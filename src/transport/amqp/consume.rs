//! The life of one consumer: deliveries run to their verdict, are acknowledged after it and never before.
//! Never gives one back at once when the house is busy: it holds it and tries again, because each return counts against
//! the delivery limit, and a broker's dead-letter queue holds only what never reached us.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::task::JoinSet;

use super::fault::Fault;
use super::link::{Link, jittered};
use super::parcel::{Opened, Opener, Parcel};
use super::permit::Holder;
use super::settings::Order;
use crate::clock::Tick;
use crate::transport::port::{Busy, Stop};

/// How long a delivery is held while the house is busy. Below the half hour after which a broker takes unacknowledged
/// deliveries back by itself.
const HOLD: Duration = Duration::from_secs(20 * 60);
/// The shortest and the longest pause between attempts with a held delivery.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// How long begun deliveries may take when the source is stopped.
const GRACE: Duration = Duration::from_secs(30);
/// As many completed deliveries at most wait for one acknowledgement.
const TOGETHER: usize = 64;

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
    let holder = link.gate.consumer(channel.id(), give_back.clone());
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
    let line = Line {
        channel: &channel,
        opener,
        ended: ended.clone(),
        side_by_side,
        lost: &link.lost,
        holder: &holder,
        give_back: &give_back,
    };
    let end = line.run(consumer, stop).await;
    ended.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(5), channel.close(200, "done".into())).await;
    end
}

async fn subscribe(channel: &Channel, name: &str, prefetch: u16) -> Result<Consumer, Fault> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(|error| Fault::of(&error))?;
    let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
    channel.basic_consume(name.into(), "".into(), options, table).await.map_err(|error| Fault::of(&error))
}

/// What a held delivery came to.
enum Outcome {
    /// Committed: it may be acknowledged.
    Committed,
    /// Not committed: it goes back.
    GiveBack,
}

struct Line<'a> {
    channel: &'a Channel,
    opener: &'a Arc<Opener>,
    ended: Stop,
    side_by_side: usize,
    lost: &'a Stop,
    holder: &'a Holder,
    /// Cancelled where other queues of the link wait for what this one holds.
    give_back: &'a Stop,
}

impl Line<'_> {
    async fn run(&self, mut consumer: Consumer, stop: &Stop) -> End {
        let mut begun: JoinSet<(u64, Outcome)> = JoinSet::new();
        let mut tags = Tags::default();
        loop {
            tokio::select! {
                biased;
                Some(done) = begun.join_next(), if !begun.is_empty() => {
                    if let Err(end) = self.settle(done, &mut begun, &mut tags).await {
                        return end;
                    }
                }
                () = stop.cancelled() => break,
                () = self.lost.cancelled() => return End::Broken(Fault::Lost),
                () = self.give_back.cancelled() => return End::GaveBack,
                next = consumer.next(), if begun.len() < self.side_by_side => match next {
                    Some(Ok(delivery)) => {
                        let parcel = Parcel {
                            properties: delivery.properties,
                            octets: delivery.data.into(),
                            redelivered: delivery.redelivered,
                        };
                        let permit = self.holder.permit(parcel.octets.len() as u64);
                        let tag = delivery.delivery_tag;
                        tags.begun(tag);
                        let (opener, ended) = (self.opener.clone(), self.ended.clone());
                        let in_hand = opener.flow.begin();
                        begun.spawn(async move {
                            let outcome = hold(&opener, parcel, &ended).await;
                            if matches!(outcome, Outcome::Committed) {
                                in_hand.taken();
                            }
                            drop(permit);
                            (tag, outcome)
                        });
                    }
                    Some(Err(error)) => return End::Broken(Fault::of(&error)),
                    None => return End::Broken(Fault::Cancelled),
                },
            }
        }
        // No new ones; begun ones are finished, held ones let go (they listen to the same stop).
        let cancel = self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        let _ = tokio::time::timeout(Duration::from_secs(5), cancel).await;
        let finishing = async {
            while let Some(done) = begun.join_next().await {
                if let Err(End::Broken(_)) = self.settle(done, &mut begun, &mut tags).await {
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

    /// Acknowledges what is complete by now, as many with one word as order allows.
    async fn settle(
        &self,
        first: Result<(u64, Outcome), tokio::task::JoinError>,
        begun: &mut JoinSet<(u64, Outcome)>,
        tags: &mut Tags,
    ) -> Result<(), End> {
        let mut next = Some(first);
        let mut given_back = false;
        for _ in 0..TOGETHER {
            match next {
                None => break,
                Some(Ok((tag, Outcome::Committed))) => tags.done(tag),
                // A task that failed is like one that gives back: nothing was committed for certain.
                Some(Ok((_, Outcome::GiveBack)) | Err(_)) => given_back = true,
            }
            next = begun.try_join_next();
        }
        if let Some(rest) = next {
            match rest {
                Ok((tag, Outcome::Committed)) => tags.done(tag),
                _ => given_back = true,
            }
        }
        for (tag, multiple) in tags.due() {
            let acknowledged = self.channel.basic_ack(tag, BasicAckOptions { multiple }).await;
            acknowledged.map_err(|error| End::Broken(Fault::of(&error)))?;
        }
        if given_back && !self.ended.is_cancelled() { Err(End::GaveBack) } else { Ok(()) }
    }
}

/// Runs one delivery until the house has committed it, with growing pauses while the house is busy.
async fn hold(opener: &Opener, parcel: Parcel, ended: &Stop) -> Outcome {
    let began = Tick::now();
    let mut opened: Option<Opened> = None;
    let mut least = PAUSES.0;
    loop {
        let after = match attempt(opener, &parcel, &mut opened).await {
            Ok(()) => return Outcome::Committed,
            Err(after) => after,
        };
        let pause = jittered(after.max(least).min(PAUSES.1) * 2).min(PAUSES.1);
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

/// One attempt; an error is the time after which the house wants to be asked again.
async fn attempt(opener: &Opener, parcel: &Parcel, opened: &mut Option<Opened>) -> Result<(), Duration> {
    // Parts are spooled once; only the delivery itself is repeated.
    let opened = match opened {
        Some(opened) => opened,
        None => opened.insert(opener.open(parcel).await?),
    };
    let intake = &opener.around.intake;
    let outcome = match opened {
        Opened::Deliver(envelope) => intake.deliver((**envelope).clone()).await,
        Opened::Apart(envelope, cause) => intake.set_apart((**envelope).clone(), cause).await,
    };
    match outcome {
        Ok(_) => Ok(()),
        Err(Busy { retry_after, .. }) => Err(retry_after),
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

    /// What to acknowledge now, with whether it stands for all before it.
    fn due(&mut self) -> Vec<(u64, bool)> {
        let mut due = Vec::new();
        let front: Vec<u64> = self.0.iter().take_while(|(_, done)| **done).map(|(tag, _)| *tag).collect();
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
        assert_eq!(tags.due(), [(2, false)]);
        tags.done(1);
        tags.done(3);
        tags.done(5);
        assert_eq!(tags.due(), [(3, true), (5, false)]);
        tags.done(4);
        assert_eq!(tags.due(), [(4, false)]);
        assert_eq!(tags.due(), []);
        tags.done(6);
        assert_eq!(tags.due(), [(6, false)]);
        assert!(tags.0.is_empty());
    }
}
