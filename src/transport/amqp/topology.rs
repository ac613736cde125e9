//! Whether the queues of a connection are as they must be, and making them where the connection says so.
//! Never changes a queue that is there, never makes a classic one, never takes from one that it could not judge.
//!
//! What is written explicitly, because releases of RabbitMQ differ in it:
//! - `x-delivery-limit`: 3.10 has none unless one is set; 4.x sets 20 by itself, which an outage of an hour would use up.
//!   Up to 4.2 every return counts, from 4.3 on only a reject and a lost consumer do.
//! - `x-dead-letter-strategy: at-least-once` (since 3.10, quorum queues only) with `x-overflow: reject-publish`, which it
//!   requires: otherwise a dead-lettered message may be lost between two queues.
//! - `x-queue-type`: 4.x knows no mirrored classic queues any more; here every queue is a quorum queue.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{ErrorKind, ExchangeKind};

use super::fault::Fault;
use super::link::Link;
use super::settings::{Order, QueueSettings, Settings, Topology};

/// Brings an entry's queues into being or looks whether they are fit to be consumed.
pub async fn prepare(link: &Link, settings: &Settings, queue: &QueueSettings) -> Result<(), Fault> {
    for name in queue.names() {
        if settings.allow_classic.contains(&name) {
            exists(link, &name).await?;
            continue;
        }
        match settings.topology {
            Topology::Check => {
                exists(link, &name).await?;
                judge(link, queue, &name).await?;
            }
            Topology::Declare => {
                declare(link, &queue.dead(), quorum()).await?;
                match declare(link, &name, arguments(queue)).await {
                    // The first difference need not be the one that matters: a classic queue differs in all.
                    Err(other @ Fault::Other(_)) => {
                        judge(link, queue, &name).await?;
                        return Err(other);
                    }
                    declared => declared?,
                }
            }
        }
    }
    if queue.order == Order::ConsistentHash && settings.topology == Topology::Declare {
        bind(link, queue).await?;
    }
    Ok(())
}

fn quorum() -> FieldTable {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// The arguments of an input queue.
fn arguments(queue: &QueueSettings) -> FieldTable {
    let mut table = quorum();
    table.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(queue.delivery_limit.into()));
    // The default exchange leads to the queue of that name without a binding that somebody could remove.
    table.insert("x-dead-letter-exchange".into(), text(""));
    table.insert("x-dead-letter-routing-key".into(), text(&queue.dead()));
    table.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    table.insert("x-overflow".into(), text("reject-publish"));
    if queue.order != Order::None {
        table.insert(SINGLE.into(), AMQPValue::Boolean(true));
    }
    table
}

const SINGLE: &str = "x-single-active-consumer";

async fn exists(link: &Link, name: &str) -> Result<(), Fault> {
    ready(link, name).await.map(drop)
}

/// How many messages are ready in a queue; needs no permission.
pub async fn ready(link: &Link, name: &str) -> Result<u32, Fault> {
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(name.into(), options, FieldTable::default()).await {
        Ok(queue) => {
            let ready = queue.message_count();
            goodbye(channel).await;
            Ok(ready)
        }
        Err(error) => Err(Fault::of(&error)),
    }
}

async fn declare(link: &Link, name: &str, arguments: FieldTable) -> Result<(), Fault> {
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(name.into(), options, arguments).await {
        Ok(_) => {
            goodbye(channel).await;
            Ok(())
        }
        Err(error) => Err(match difference(&error) {
            Some(difference) => difference.fault(),
            None => Fault::of(&error),
        }),
    }
}

/// Closes a channel that did its work; a channel that an error ended is closed already.
async fn goodbye(channel: lapin::Channel) {
    let _ = channel.close(200, "done".into()).await;
}

async fn bind(link: &Link, queue: &QueueSettings) -> Result<(), Fault> {
    let exchange = queue.exchange.as_deref().unwrap_or_default();
    let channel = link.channel().await?;
    let kind = ExchangeKind::Custom("x-consistent-hash".to_owned());
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let table = FieldTable::default;
    channel
        .exchange_declare(exchange.into(), kind, options, table())
        .await
        .map_err(|error| Fault::of(&error))?;
    for name in queue.names() {
        // The weight: all partitions get the same share.
        let bound = channel.queue_bind(
            name.into(),
            exchange.into(),
            "1".into(),
            QueueBindOptions::default(),
            table(),
        );
        bound.await.map_err(|error| Fault::of(&error))?;
    }
    goodbye(channel).await;
    Ok(())
}

/// Finds out what kind of queue it is. AMQP tells no arguments, but refuses a declaration that differs and says in what:
/// so what the queue has is learnt one argument at a time, until only the kind differs or nothing does.
async fn judge(link: &Link, queue: &QueueSettings, name: &str) -> Result<(), Fault> {
    let mut learnt = quorum();
    for _ in 0..16 {
        let channel = link.channel().await?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let error = match channel.queue_declare(name.into(), options, learnt.clone()).await {
            Ok(_) => {
                goodbye(channel).await;
                let single = learnt.inner().get(SINGLE) == Some(&AMQPValue::Boolean(true));
                let wanted = queue.order != Order::None;
                return if wanted && !single { Err(Fault::Other(SINGLE)) } else { Ok(()) };
            }
            Err(error) => error,
        };
        let Some(difference) = difference(&error) else {
            return Err(match Fault::of(&error) {
                Fault::Permission => Fault::Unseen,
                other => other,
            });
        };
        match (&difference.value, difference.fault()) {
            (_, Fault::Classic) | (None, _) => return Err(difference.fault()),
            (Some(value), _) => {
                learnt.insert(difference.argument.as_str().into(), value.clone());
            }
        }
    }
    Err(Fault::Unseen)
}

/// In what a queue differs from what was declared.
#[derive(Debug, PartialEq)]
struct Difference {
    argument: String,
    /// What the queue has, if it could be read.
    value: Option<AMQPValue>,
}

impl Difference {
    fn fault(&self) -> Fault {
        const KNOWN: &[&str] = &[
            "x-delivery-limit",
            "x-dead-letter-exchange",
            "x-dead-letter-routing-key",
            "x-dead-letter-strategy",
            "x-overflow",
            SINGLE,
        ];
        match self.argument.as_str() {
            // A quorum queue is always durable, of nobody alone and stays.
            "x-queue-type" | "durable" | "exclusive" | "auto_delete" => Fault::Classic,
            other => Fault::Other(KNOWN.iter().find(|known| **known == other).unwrap_or(&"argument")),
        }
    }
}

fn difference(error: &lapin::Error) -> Option<Difference> {
    let ErrorKind::ProtocolError(said) = error.kind() else { return None };
    if !matches!(said.kind(), AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)) {
        return None;
    }
    read(said.get_message().as_str())
}

/// Reads such as `inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received none but current is the value
/// 'reject-publish' of type 'longstr'`.
fn read(said: &str) -> Option<Difference> {
    let (_, rest) = said.split_once("inequivalent arg '")?;
    let (argument, rest) = rest.split_once('\'')?;
    let value = rest.rsplit_once("current is the value '").and_then(|(_, value)| {
        let (value, kind) = value.rsplit_once("' of type '")?;
        let (kind, _) = kind.split_once('\'')?;
        match kind {
            "longstr" => Some(text(value)),
            "bool" => value.parse().ok().map(AMQPValue::Boolean),
            "long" | "signedint" | "short" | "byte" | "unsignedint" | "unsignedshort" | "unsignedbyte" => {
                value.parse().ok().map(AMQPValue::LongLongInt)
            }
            _ => None,
        }
    });
    Some(Difference { argument: argument.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_says_of_a_difference_is_read() {
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue 'a' in vhost '/': received none but \
                    current is the value 'reject-publish' of type 'longstr'";
        let found = read(said).unwrap();
        assert_eq!(
            (found.argument.as_str(), found.value.clone()),
            ("x-overflow", Some(text("reject-publish")))
        );
        assert_eq!(found.fault(), Fault::Other("x-overflow"));
        let said = "inequivalent arg 'x-delivery-limit' for queue 'a': received none but current is the value '500' of \
                    type 'long'";
        assert_eq!(read(said).unwrap().value, Some(AMQPValue::LongLongInt(500)));
        let said =
            "inequivalent arg 'durable' for queue 'a' in vhost '/': received 'true' but current is 'false'";
        assert_eq!(read(said).unwrap().fault(), Fault::Classic);
        assert_eq!(read("anything else"), None);
    }
}
