//! The source of a connection: one supervisor for the link, one keeper for each queue.
//! Never consumes a queue that it did not find fit after this very connection was made.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::consume::{self, End};
use super::depth::{self, Depths, Watched};
use super::fault::Fault;
use super::link::{Direction, Link, Pauses};
use super::parcel::Opener;
use super::settings::{QueueSettings, Settings, queue_part};
use super::topology;
use crate::clock::Tick;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::looks::announce;
use crate::transport::port::{Place, Source, SourceError, Stop, Surroundings};
use crate::transport::turnstile::Turnstile;

/// The longest pause before an unfit queue is looked at again, or one whose deliveries were given back.
const LONGEST: Duration = Duration::from_secs(300);

/// Takes deliveries from the queues of one connection.
pub struct AmqpSource {
    name: String,
    settings: Settings,
    around: Surroundings,
    strangers: Arc<Turnstile<String>>,
}

impl AmqpSource {
    /// The source of a connection; `None` where it lists no queues.
    pub fn new(name: &str, settings: &Settings, around: &Surroundings) -> Option<AmqpSource> {
        (!settings.queues.is_empty()).then(|| AmqpSource {
            name: name.to_owned(),
            settings: settings.clone(),
            around: around.clone(),
            strangers: Arc::default(),
        })
    }

    /// Serves all queues on one link until it is lost or the source is stopped. `lost`: when the one before it was.
    async fn serve(&self, link: Link, lost: Option<Tick>, stop: &Stop) {
        let link = Arc::new(link);
        self.around.parts.runs(&link_part(&self.name));
        let mut keepers = JoinSet::new();
        let watched: Vec<Watched> = self.settings.queues.iter().map(Watched::new).collect();
        let queues: Vec<_> = watched.iter().map(|one| (one.queue.clone(), one.flow.clone())).collect();
        let depths = Depths {
            connection: self.name.clone(),
            queues: watched,
            link: link.clone(),
            lost,
            heartbeat: self.settings.heartbeat.0,
            stop: stop.clone(),
            around: self.around.clone(),
        };
        keepers.spawn(depths.watch());
        for (queue, flow) in queues {
            let keeper = Keeper {
                settings: self.settings.clone(),
                opener: Arc::new(Opener {
                    connection: self.name.clone(),
                    queue,
                    flow,
                    max_body: self.settings.max_body,
                    strangers: self.strangers.clone(),
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
            self.fails(&Fault::Lost);
        }
    }

    fn fails(&self, fault: &Fault) {
        self.around.parts.fails(&link_part(&self.name), fault.failing(fault.turn()));
    }

    /// All parts that this source speaks of.
    fn parts(&self) -> impl Iterator<Item = String> {
        let of = |queue: &QueueSettings| {
            let names = [queue.name().to_owned(), queue.dead()];
            names.map(|name| queue_part(&self.name, &name))
        };
        std::iter::once(link_part(&self.name)).chain(self.settings.queues.iter().flat_map(of))
    }
}

fn link_part(connection: &str) -> String {
    format!("connection {connection}")
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
            let part = self.part();
            consumers.spawn(async move {
                let runs = || opener.around.parts.runs(&part);
                consume::consume(&link, &name, &opener, &stop, runs).await
            });
        }
        let mut ends = Vec::new();
        while let Some(ended) = consumers.join_next().await {
            ends.push(ended.unwrap_or(End::GaveBack));
            stop.cancel();
        }
        ends
    }

    fn part(&self) -> String {
        queue_part(&self.opener.connection, self.opener.queue.name())
    }

    fn report(&self, end: &End) {
        let (connection, queue) = (&self.opener.connection, self.opener.queue.name());
        let failing = match end {
            End::Stopped | End::Broken(Fault::Lost) => return,
            // Why the house is busy its own alarm says.
            End::GaveBack => {
                tracing::warn!(connection, queue, "deliveries given back, the house was busy for long");
                Failing {
                    cause: "the house did not take its deliveries, they were given back".to_owned(),
                    next: "it is tried again by itself; look for what is held, or why the store is busy"
                        .to_owned(),
                    turn: Turn::Ours,
                }
            }
            End::Broken(fault) => {
                raise(Alarm::QueueUnusable, connection, &[("queue", queue), ("cause", &fault.to_string())]);
                fault.failing(Turn::Ours)
            }
        };
        self.opener.around.parts.fails(&self.part(), failing);
    }
}

impl AmqpSource {
    async fn consume(&self, stop: &Stop) {
        let (mut pauses, mut lost) = (Pauses::up_to(self.settings.reconnect_longest.0), None);
        while !stop.is_cancelled() {
            let opening = Link::open(&self.name, &self.settings, Direction::In);
            let opened = tokio::select! {
                () = stop.cancelled() => return,
                opened = opening => opened,
            };
            match opened {
                Ok(link) => {
                    let began = Tick::now();
                    self.serve(link, lost, stop).await;
                    lost = Some(Tick::now());
                    // One that fell at once is like one that was not made.
                    if began.elapsed() > Duration::from_secs(5) {
                        pauses.reset();
                    }
                }
                Err(fault) => self.fails(&fault),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pauses.due()) => {}
            }
        }
    }
}

#[async_trait]
impl Source for AmqpSource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let place = |queue| depth::place(&self.name, queue, &self.around);
        let places: Vec<Place> = self.settings.queues.iter().map(place).collect();
        announce(&self.around, &self.name, &places, &stop).await;
        self.consume(&stop).await;
        // Nobody is to wait for what is not there any more.
        self.parts().for_each(|part| self.around.parts.gone(&part));
        Ok(())
    }
}
