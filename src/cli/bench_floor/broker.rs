//! The broker as the partner and the operator see it: queues made and removed, deliveries laid in, receipts counted and taken.
//! Never consumes what the measured program consumes.

use std::collections::VecDeque;
use std::time::Duration;

use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ExchangeKind,
    PublisherConfirm,
};

use crate::cli::bench_floor::stage::{Queues, broker_settings};
use crate::cli::exit::CliError;
use crate::cli::sample::{Wish, eintragung};
use crate::transport::amqp::link::{Direction, Link};
use crate::transport::amqp::settings::Settings;
use crate::transport::amqp::topology;

/// Octets of a delivery: the sample is filled up with white space to what such a message has in practice.
pub const OCTETS: usize = 5_300;
/// Deliveries that are laid in without having been confirmed.
const UNCONFIRMED: usize = 256;

/// What the broker did not do.
pub fn failed(what: &str) -> impl Fn(lapin::Error) -> CliError + '_ {
    move |error| {
        let fault = crate::transport::amqp::fault::Fault::of(&error);
        CliError::Usage(format!("broker: {what}: {fault}"))
    }
}

/// The n-th delivery.
pub fn delivery(n: u64) -> Vec<u8> {
    let mut text = eintragung(&Wish::plain(n));
    if let Some(end) = text.rfind("</") {
        let missing = OCTETS.saturating_sub(text.len());
        text.insert_str(end, &" ".repeat(missing));
    }
    text.into_bytes()
}

/// The id of the n-th delivery, which its receipt names.
pub fn id_of(n: u64) -> String {
    format!("messung-{n}")
}

/// The number of the delivery that a receipt names.
pub fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix("messung-")?.parse().ok()
}

/// A connection of the partner.
pub struct Broker {
    connection: Connection,
    channel: Channel,
    queues: Queues,
}

impl Broker {
    /// Connects and makes both queues: the inlet as the adapter makes it, the outlet as a plain quorum queue.
    pub async fn open(url: &str, queues: &Queues, prefetch: u16) -> Result<Broker, CliError> {
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .map_err(failed("cannot connect"))?;
        let channel = connection.create_channel().await.map_err(failed("no channel"))?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed("no confirms"))?;
        let broker = Broker { connection, channel, queues: queues.clone() };
        broker.make_inlet(url, prefetch).await?;
        broker.make_outlets().await?;
        Ok(broker)
    }

    async fn make_inlet(&self, url: &str, prefetch: u16) -> Result<(), CliError> {
        let unusable = |cause: String| CliError::Usage(format!("broker: {cause}"));
        let uri = url.parse().map_err(|_| unusable("its address is no URL".to_owned()))?;
        let settings: Settings = serde_json::from_value(broker_settings(&uri, &self.queues, prefetch))
            .map_err(|_| unusable("its address does not fit".to_owned()))?;
        let link = Link::open("broker", &settings, Direction::In)
            .await
            .map_err(|fault| unusable(fault.to_string()))?;
        for queue in &settings.queues {
            topology::prepare(&link, &settings, queue).await.map_err(|fault| unusable(fault.to_string()))?;
        }
        link.close().await;
        Ok(())
    }

    /// Makes the ways of receipts: a quorum queue, one that takes nothing, and the exchange that leads to the first.
    async fn make_outlets(&self) -> Result<(), CliError> {
        let text = |value: &str| AMQPValue::LongString(value.into());
        let mut open = FieldTable::default();
        open.insert("x-queue-type".into(), text("quorum"));
        let mut closed = FieldTable::default();
        closed.insert("x-max-length".into(), AMQPValue::LongLongInt(0));
        closed.insert("x-overflow".into(), text("reject-publish"));
        for (name, table) in [(&self.queues.outlet, open), (&self.queues.closed, closed)] {
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            let made = self.channel.queue_declare(name.as_str().into(), options, table).await;
            made.map_err(failed("no queue for receipts"))?;
        }
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (name, table) = (self.queues.exchange.as_str().into(), FieldTable::default());
        let made = self.channel.exchange_declare(name, ExchangeKind::Direct, options, table).await;
        made.map_err(failed("no exchange for receipts"))?;
        self.lead_receipts(true).await
    }

    /// Lets receipts arrive, or lets the partner be down: then every receipt is refused.
    pub async fn lead_receipts(&self, arrive: bool) -> Result<(), CliError> {
        let Queues { outlet, closed, exchange, .. } = &self.queues;
        let (to, from) = if arrive { (outlet, closed) } else { (closed, outlet) };
        // First the new way, then the old one away: a receipt always finds a queue.
        let key = outlet.as_str();
        let bound = self.channel.queue_bind(
            to.as_str().into(),
            exchange.as_str().into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.map_err(failed("receipts cannot be led"))?;
        let (from, exchange) = (from.as_str().into(), exchange.as_str().into());
        let unbound = self.channel.queue_unbind(from, exchange, key.into(), FieldTable::default());
        unbound.await.map_err(failed("receipts cannot be led"))
    }

    /// Empties both queues.
    pub async fn empty(&self) -> Result<(), CliError> {
        for name in [&self.queues.inlet, &self.queues.outlet] {
            let emptied = self.channel.queue_purge(name.as_str().into(), QueuePurgeOptions::default()).await;
            emptied.map_err(failed("a queue cannot be emptied"))?;
        }
        Ok(())
    }

    async fn look(&self, name: &str) -> Result<(u32, u32), CliError> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = self.channel.queue_declare(name.into(), options, FieldTable::default()).await;
        let found = found.map_err(failed("a queue is not shown"))?;
        Ok((found.message_count(), found.consumer_count()))
    }

    /// Deliveries that wait, and whether somebody consumes them.
    pub async fn inlet(&self) -> Result<(u64, bool), CliError> {
        self.look(&self.queues.inlet).await.map(|(ready, consumers)| (ready.into(), consumers > 0))
    }

    /// Receipts that arrived.
    pub async fn outlet(&self) -> Result<u64, CliError> {
        self.look(&self.queues.outlet).await.map(|(ready, _)| ready.into())
    }

    /// Takes all receipts as they come, on a channel of its own.
    pub async fn receipts(&self) -> Result<Consumer, CliError> {
        let channel = self.connection.create_channel().await.map_err(failed("no channel"))?;
        channel.basic_qos(1000, BasicQosOptions::default()).await.map_err(failed("no prefetch"))?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let name = self.queues.outlet.as_str().into();
        channel
            .basic_consume(name, "".into(), options, FieldTable::default())
            .await
            .map_err(failed("receipts cannot be taken"))
    }

    /// Publishes the n-th delivery; it is certain once the confirm says so.
    pub async fn publish(&self, n: u64, octets: &[u8]) -> Result<PublisherConfirm, CliError> {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(id_of(n).into())
            .with_content_type("application/xml".into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.channel
            .basic_publish("".into(), self.queues.inlet.as_str().into(), options, octets, properties)
            .await
            .map_err(failed("a delivery is not taken"))
    }

    /// Lays so many deliveries in.
    pub async fn fill(&self, from: u64, count: u64) -> Result<(), CliError> {
        let mut unconfirmed: VecDeque<PublisherConfirm> = VecDeque::new();
        for n in from..from + count {
            unconfirmed.push_back(self.publish(n, &delivery(n)).await?);
            if unconfirmed.len() >= UNCONFIRMED
                && let Some(first) = unconfirmed.pop_front()
            {
                confirmed(first).await?;
            }
        }
        for confirm in unconfirmed {
            confirmed(confirm).await?;
        }
        Ok(())
    }

    /// Waits until the inlet can be published to: a queue that was just made may have no leader yet.
    pub async fn ready(&self) -> Result<(), CliError> {
        for _ in 0..200 {
            if let Confirmation::Ack(None) =
                self.publish(0, b"-").await?.await.map_err(failed("no confirm"))?
            {
                return self.empty().await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(CliError::Usage("broker: the queue of deliveries takes nothing".to_owned()))
    }
}

/// Removes queues and exchange of a measurement, those that were never made too.
pub async fn remove(url: &str, queues: &Queues) -> Result<(), CliError> {
    let left = "a queue cannot be removed";
    let connection =
        Connection::connect(url, ConnectionProperties::default()).await.map_err(failed("cannot connect"))?;
    let channel = connection.create_channel().await.map_err(failed("no channel"))?;
    let dead = format!("{}.dead", queues.inlet);
    for name in [&queues.inlet, &queues.outlet, &queues.closed, &dead] {
        let removed = channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await;
        removed.map_err(failed(left))?;
    }
    let exchange = queues.exchange.as_str().into();
    channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.map_err(failed(left))?;
    connection.close(200, "done".into()).await.map_err(failed(left))
}

/// A delivery is there for certain.
pub async fn confirmed(confirm: PublisherConfirm) -> Result<(), CliError> {
    match confirm.await.map_err(failed("a delivery is not confirmed"))? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(CliError::Usage("broker: a delivery was returned or refused".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::gate;
    use crate::xml::limits::Limits;

    #[test]
    fn a_delivery_is_filled_up_and_stays_whole() {
        let octets = delivery(7);
        assert_eq!(octets.len(), OCTETS);
        assert!(gate::pass(octets.into(), &Limits::default()).is_ok());
        assert_eq!(number_of(&id_of(7)), Some(7));
        assert_eq!(number_of("anders"), None);
    }
}
