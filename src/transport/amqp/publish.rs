//! Publishing with confirms: one link for all partners of a connection, a bounded number of messages unconfirmed.
//! Never counts a message as sent before the broker has confirmed it, and never takes a returned one for another.
//!
//! Each message under way has a channel of its own, taken from a pool: lapin hands a returned message to whichever
//! confirm comes next on its channel, and RabbitMQ confirms others in between. With one message per channel the return,
//! the confirm and an error that ends the channel belong to that message and to no other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Semaphore;

use super::fault::{self, Fault};
use super::link::{Direction, Link, Pauses};
use super::settings::Settings;
use crate::clock::Tick;
use crate::telemetry::parts::{Failing, Parts, Turn};
use crate::transport::port::{SendError, Surroundings};

/// A message to be published.
pub struct Message {
    /// The exchange; empty for the default one.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Its properties.
    pub properties: BasicProperties,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// Publishes for all partners of one connection.
pub struct Publisher {
    name: String,
    settings: Settings,
    parts: Parts,
    failing: AtomicBool,
    window: Semaphore,
    current: tokio::sync::Mutex<Current>,
}

struct Current {
    live: Option<Arc<Live>>,
    pauses: Pauses,
    /// After a failure: since when, and for how long nobody tries again.
    rests: Option<(Tick, Duration)>,
}

struct Live {
    link: Link,
    idle: Mutex<Vec<Channel>>,
}

impl Publisher {
    /// The publisher of a connection. It calls nobody before something is to be published.
    pub fn new(name: &str, settings: Settings, around: &Surroundings) -> Publisher {
        Publisher {
            name: name.to_owned(),
            parts: around.parts.clone(),
            failing: AtomicBool::new(false),
            window: Semaphore::new(settings.confirm_window),
            current: tokio::sync::Mutex::new(Current {
                live: None,
                pauses: Pauses::up_to(settings.reconnect_longest.0),
                rests: None,
            }),
            settings,
        }
    }

    /// Publishes one message and waits for its confirm.
    pub async fn publish(&self, message: Message) -> Result<(), SendError> {
        let Ok(_place) = self.window.acquire().await else { return Err(later("no place to send from")) };
        let live = self.live().await?;
        if live.link.is_blocked() {
            self.fails(blocked());
            return Err(later("the broker takes nothing at the moment, it lacks memory or disk"));
        }
        let channel = live.channel().await?;
        let outcome = self.confirmed(&channel, &message).await;
        if !matches!(outcome, Published::Lost(_)) {
            live.idle.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
        }
        match outcome {
            Published::Kept => {
                self.runs();
                Ok(())
            }
            Published::Refused(error) | Published::Lost(error) => Err(error),
        }
    }

    async fn confirmed(&self, channel: &Channel, message: &Message) -> Published {
        let Message { exchange, routing_key, properties, octets } = message;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, routing_key) = (exchange.as_str().into(), routing_key.as_str().into());
        let publishing = async {
            let begun =
                channel.basic_publish(exchange, routing_key, options, octets, properties.clone()).await;
            match begun {
                Ok(confirm) => Ok(confirm.await),
                Err(error) => Err(error),
            }
        };
        let published = match tokio::time::timeout(self.settings.confirm_timeout.0, publishing).await {
            Ok(Err(error)) if fault::was_closed_before(&error) => {
                return Published::Lost(later("the connection to the broker is gone"));
            }
            Ok(begun) => Ok(begun.and_then(|confirm| confirm)),
            Err(late) => Err(late),
        };
        match published {
            Ok(Ok(Confirmation::Ack(None))) => Published::Kept,
            Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => {
                Published::Refused(SendError::Never {
                    cause: "no queue takes it: exchange and routing key (or `reply-to`) lead nowhere"
                        .to_owned(),
                })
            }
            Ok(Ok(Confirmation::Nack(None))) => {
                Published::Refused(later("the queue does not take it: it is full or has no majority"))
            }
            // Cannot be: every channel here asked for confirms. Nothing is known then.
            Ok(Ok(Confirmation::NotRequested)) => Published::Lost(unclear("the broker confirmed nothing")),
            Ok(Err(error)) => Published::Lost(match Fault::of(&error) {
                // The broker refused this very message and said so.
                Fault::TooLarge => SendError::Never { cause: Fault::TooLarge.to_string() },
                fault @ (Fault::Missing | Fault::Permission) => later(&fault.to_string()),
                _ => unclear("the connection to the broker broke off before it confirmed"),
            }),
            Err(_) => Published::Lost(unclear("the broker did not confirm in time")),
        }
    }

    async fn live(&self) -> Result<Arc<Live>, SendError> {
        let mut current = self.current.lock().await;
        if let Some(live) = current.live.as_ref().filter(|live| live.link.is_up()) {
            return Ok(live.clone());
        }
        current.live = None;
        if let Some((since, pause)) = current.rests
            && since.elapsed() < pause
        {
            return Err(later("the broker does not answer"));
        }
        match Link::open(&self.name, &self.settings, Direction::Out).await {
            Ok(link) => {
                self.runs();
                current.rests = None;
                current.pauses.reset();
                let live = Arc::new(Live { link, idle: Mutex::default() });
                current.live = Some(live.clone());
                Ok(live)
            }
            Err(fault) => {
                let pause = current.pauses.due();
                current.rests = Some((Tick::now(), pause));
                self.fails(fault.failing(fault.turn()));
                Err(later(&fault.to_string()))
            }
        }
    }

    fn part(&self) -> String {
        format!("connection {}, sending", self.name)
    }

    fn fails(&self, failing: Failing) {
        self.failing.store(true, Ordering::Relaxed);
        self.parts.fails(&self.part(), failing);
    }

    fn runs(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            self.parts.runs(&self.part());
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if self.failing.load(Ordering::Relaxed) {
            self.parts.gone(&self.part());
        }
    }
}

/// A broker that takes nothing.
fn blocked() -> Failing {
    Failing {
        cause: "the broker takes nothing, it lacks memory or disk".to_owned(),
        next: "ask who runs the broker to make room".to_owned(),
        turn: Turn::FarEnd,
    }
}

/// What became of a message, and whether its channel can be used again.
enum Published {
    /// The broker has it.
    Kept,
    /// The broker does not have it; the channel is well.
    Refused(SendError),
    /// The channel is not to be used again.
    Lost(SendError),
}

impl Live {
    async fn channel(&self) -> Result<Channel, SendError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_) => continue,
                None => break,
            }
        }
        let gone = |fault: Fault| later(&fault.to_string());
        let channel = self.link.channel().await.map_err(gone)?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| gone(Fault::of(&error)))?;
        Ok(channel)
    }
}

fn later(cause: &str) -> SendError {
    SendError::Later { cause: cause.to_owned(), retry_after: None, far_end: true }
}

fn unclear(cause: &str) -> SendError {
    SendError::Unclear { cause: cause.to_owned() }
}
