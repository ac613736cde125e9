//! A partner at the broker that survives its falls: publishes until the broker has confirmed, and fetches what came for it.
//! Keeps the id of a message on each attempt; never acknowledges what it has not noted.

use std::time::Duration;

use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::sync::Mutex;

use crate::transport_broker::{USER, password_of};

/// How long one exchange with the broker may take before the line is made anew.
const PATIENCE: Duration = Duration::from_secs(5);

/// The partner.
pub struct Courier {
    port: u16,
    line: Mutex<Option<(Connection, Channel)>>,
}

/// What was fetched: the message's own id and its text.
pub type Fetched = (String, String);

impl Courier {
    /// A partner at the broker of this port.
    pub fn new(port: u16) -> Courier {
        Courier { port, line: Mutex::new(None) }
    }

    async fn connect(&self) -> lapin::Result<(Connection, Channel)> {
        let uri = format!("amqp://{USER}:{}@127.0.0.1:{}/%2f?heartbeat=10", password_of(USER), self.port);
        let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }

    /// A channel, made anew where it fell.
    async fn channel(&self) -> Option<Channel> {
        let mut line = self.line.lock().await;
        if line.as_ref().is_none_or(|(_, channel)| !channel.status().connected()) {
            *line = tokio::time::timeout(PATIENCE, self.connect()).await.ok().and_then(Result::ok);
            if line.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        line.as_ref().map(|(_, channel)| channel.clone())
    }

    /// What an exchange came to; `None`: again.
    async fn done<T>(&self, exchange: impl Future<Output = lapin::Result<Option<T>>> + Send) -> Option<T> {
        let done = match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(done)) => done,
            _ => {
                *self.line.lock().await = None;
                None
            }
        };
        if done.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        done
    }

    /// Makes a quorum queue for answers.
    pub async fn declare(&self, queue: &str) {
        loop {
            let Some(channel) = self.channel().await else { continue };
            let made = self.done(async {
                let mut table = FieldTable::default();
                table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
                let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
                channel.queue_declare(queue.into(), options, table).await.map(Some)
            });
            if made.await.is_some() {
                return;
            }
        }
    }

    /// Publishes under an id until the broker has confirmed that the queue took it.
    pub async fn publish(&self, queue: &str, id: &str, octets: &[u8]) {
        loop {
            let Some(channel) = self.channel().await else { continue };
            let taken = self.done(async {
                let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                let properties = BasicProperties::default()
                    .with_delivery_mode(2)
                    .with_message_id(id.into())
                    .with_content_type("application/xml".into());
                let sent =
                    channel.basic_publish("".into(), queue.into(), options, octets, properties).await?;
                Ok(matches!(sent.await?, Confirmation::Ack(None)).then_some(()))
            });
            if taken.await.is_some() {
                return;
            }
        }
    }

    /// Messages that are ready in a queue.
    pub async fn ready(&self, queue: &str) -> u32 {
        loop {
            let Some(channel) = self.channel().await else { continue };
            let found = self.done(async {
                let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
                let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
                Ok(Some(found.message_count()))
            });
            if let Some(ready) = found.await {
                return ready;
            }
        }
    }

    /// Takes one message, if there is one.
    pub async fn take(&self, queue: &str) -> Option<Fetched> {
        loop {
            let Some(channel) = self.channel().await else { continue };
            let found = self.done(async {
                let got = channel.basic_get(queue.into(), BasicGetOptions { no_ack: false }).await?;
                let Some(found) = got else { return Ok(Some(None)) };
                let delivery = found.delivery;
                channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).await?;
                let id = delivery.properties.message_id().as_ref().map(|id| id.as_str().to_owned());
                let text = String::from_utf8_lossy(&delivery.data).into_owned();
                Ok(Some(Some((id.unwrap_or_default(), text))))
            });
            if let Some(found) = found.await {
                return found;
            }
        }
    }
}
