//! The source of a connection: one supervisor for the link, one keeper for each queue.
//! Never consumes a queue that it did not find fit after this very connection was made.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::consume::{self, End};
use super::fault::Fault;
use super::link::{Direction, Link, Pauses};
use super::parcel::Opener;
use super::settings::Settings;
use super::topology;
use crate::clock::Tick;
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::port::{BuildError, Source, SourceError, Stop, Surroundings};
use crate::transport::settings;

/// The longest pause before an unfit queue is looked at again, or one whose deliveries were given back.
const LONGEST: Duration = Duration::from_secs(300);

/// Takes deliveries from the queues of one connection.
pub struct AmqpSource {
    name: String,
    settings: Settings,
    around: Surroundings,
}

impl AmqpSource {
    /// The source of a connection; `None` where it lists no queues.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<Option<AmqpSource>, BuildError> {
        let settings: Settings = settings::read(name, written)?;
        let settings = settings.below(&around.config);
        let source = AmqpSource { name: name.to_owned(), settings, around: around.clone() };
        Ok((!source.settings.queues.is_empty()).then_some(source))
    }

    /// Serves all queues on one link until it is lost or the source is stopped.
    async fn serve(&self, link: Link, stop: &Stop) {
        let link = Arc::new(link);
        let mut keepers = JoinSet::new();
        for queue in &self.settings.queues {
            let keeper = Keeper {
                settings: self.settings.clone(),
                opener: Arc::new(Opener {
                    connection: self.name.clone(),
                    queue: queue.clone(),
                    max_body: self.settings.max_body,
                    around: self.around.clone(),
                }),
                link: link.clone(),
                stop: stop.clone(),
            };
            keepers.spawn(keeper.keep());
        }
        while keepers.join_next().await.is_some() {}
        if stop.is_cancelled() {
            link.close().await;
        } else {
            raise(Alarm::BrokerDown, &self.name, &[("cause", &Fault::Lost.to_string())]);
        }
    }
}

/// Keeps one entry of the connection consumed while its link stands.
struct Keeper {
    settings: Settings,
    opener: Arc<Opener>,
    link: Arc<Link>,
    stop: Stop,
}

impl Keeper {
    async fn keep(self) {
        let queue = &self.opener.queue;
        let mut pauses = Pauses::up_to(LONGEST);
        while self.goes_on() {
            let began = Tick::now();
            match topology::prepare(&self.link, &self.settings, queue).await {
                Ok(()) => {
                    for end in self.consume_all().await {
                        self.report(&end);
                    }
                }
                Err(fault) => self.report(&End::Broken(fault)),
            }
            if began.elapsed() > LONGEST {
                pauses.reset();
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.link.lost.cancelled() => {}
                () = tokio::time::sleep(pauses.due()) => {}
            }
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.is_cancelled() && self.link.is_up()
    }

    /// Consumes all queues of the entry; when one ends the others are ended too, so that all are looked at anew.
    async fn consume_all(&self) -> Vec<End> {
        let stop = self.stop.child_token();
        let mut consumers = JoinSet::new();
        for name in self.opener.queue.names() {
            let (link, opener, stop) = (self.link.clone(), self.opener.clone(), stop.clone());
            consumers.spawn(async move { consume::consume(&link, &name, &opener, &stop).await });
        }
        let mut ends = Vec::new();
        while let Some(ended) = consumers.join_next().await {
            ends.push(ended.unwrap_or(End::GaveBack));
            stop.cancel();
        }
        ends
    }

    fn report(&self, end: &End) {
        let (connection, queue) = (&self.opener.connection, self.opener.queue.name());
        match end {
            End::Stopped | End::Broken(Fault::Lost) => {}
            // Why the house is busy its own alarm says.
            End::GaveBack => {
                tracing::warn!(connection, queue, "deliveries given back, the house was busy for long")
            }
            End::Broken(fault) => {
                raise(Alarm::QueueUnusable, connection, &[("queue", queue), ("cause", &fault.to_string())]);
            }
        }
    }
}

#[async_trait]
impl Source for AmqpSource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let mut pauses = Pauses::up_to(self.settings.reconnect_longest.0);
        while !stop.is_cancelled() {
            let opening = Link::open(&self.name, &self.settings, Direction::In);
            let opened = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                opened = opening => opened,
            };
            if let Ok(link) = opened {
                let began = Tick::now();
                self.serve(link, &stop).await;
                // One that fell at once is like one that was not made.
                if began.elapsed() > Duration::from_secs(5) {
                    pauses.reset();
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pauses.due()) => {}
            }
        }
        Ok(())
    }
}
