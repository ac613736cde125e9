//! Answers and messages to one partner by a broker: persistent, mandatory, confirmed, with the same id on each attempt.
//! Never sends where the partner's channel does not lead, whatever the asker named.

use std::sync::Arc;

use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use uuid::Uuid;

use super::publish::{Message, Publisher};
use super::settings::{ChannelSettings, Settings};
use super::way;
use crate::clock::Clock;
use crate::envelope::{Envelope, Part};
use crate::mime::media::{Boundary, handed_on, quoted_name};
use crate::mime::writer::Writer;
use crate::transport::port::{BuildError, Channel, Destination, Receipt, SendError, Spool, Surroundings};
use crate::transport::settings;

/// Sends to one partner by a broker.
pub struct AmqpDestination {
    connection: String,
    partner: String,
    channel: ChannelSettings,
    publisher: Arc<Publisher>,
    spool: Arc<dyn Spool>,
    clock: Clock,
    width: usize,
    max_body: usize,
}

impl AmqpDestination {
    /// The destination of one partner, which shares the publisher of its connection.
    pub fn new(
        name: &str,
        (settings, publisher): (&Settings, &Arc<Publisher>),
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<AmqpDestination, BuildError> {
        Ok(AmqpDestination {
            connection: name.to_owned(),
            partner: channel.partner.clone(),
            channel: settings::read(name, &channel.settings)?,
            publisher: publisher.clone(),
            spool: around.spool.clone(),
            clock: around.clock.clone(),
            width: settings.width,
            max_body: settings.max_body,
        })
    }

    /// Exchange and routing key, and the asker's own id.
    fn address(&self, envelope: &Envelope) -> Result<(String, String, Option<String>), SendError> {
        let way = envelope.head.correlation.as_deref().map(|text| way::unpack(&self.connection, text));
        let way = way.unwrap_or_default();
        match way.reply_to {
            Some(named) if way::allowed(&self.channel.reply_to, &named) => {
                return Ok((String::new(), named, way.correlation));
            }
            Some(_) => tracing::warn!(
                connection = self.connection,
                partner = self.partner,
                id = %envelope.head.id,
                "a reply-to that the partner's channel does not allow is not followed"
            ),
            None => {}
        }
        if self.channel.exchange.is_empty() && self.channel.routing_key.is_none() {
            return Err(SendError::Never {
                cause: "the asker named no queue that its channel allows, and the channel names none itself"
                    .to_owned(),
            });
        }
        let routing_key = self.channel.routing_key.clone().unwrap_or_default();
        Ok((self.channel.exchange.clone(), routing_key, way.correlation))
    }

    async fn octets(&self, envelope: &Envelope) -> Result<(Vec<u8>, String), SendError> {
        let content_type = envelope.head.content_type.as_deref().map_or("application/xml", handed_on);
        let parts: u64 = envelope.parts.iter().map(|part| part.size).sum();
        if (envelope.body.len() as u64).saturating_add(parts) > self.max_body as u64 {
            return Err(SendError::Never {
                cause: "the message is larger than this connection sends; see `max-body`".to_owned(),
            });
        }
        if envelope.parts.is_empty() {
            return Ok((envelope.body.to_vec(), content_type.to_owned()));
        }
        let broken = |_| SendError::Never { cause: "the parts cannot be written as multipart".to_owned() };
        // By chance, so that no content can hold it; what stays the same on each attempt is the message's id.
        let boundary = Boundary::new(&format!("drehscheibe-{}", Uuid::new_v4())).map_err(broken)?;
        let mut writer = Writer::new(&boundary);
        let mut octets = Vec::new();
        let document = [("Content-Type", content_type), ("Content-Disposition", "inline; name=\"document\"")];
        octets.extend(writer.start_part(&document).map_err(broken)?);
        octets.extend(writer.data(envelope.body.clone()).map_err(broken)?);
        for part in &envelope.parts {
            self.part(&mut writer, &mut octets, part).await?;
        }
        octets.extend(writer.end());
        Ok((octets, format!("multipart/mixed; boundary=\"{}\"", boundary.as_str())))
    }

    async fn part(&self, writer: &mut Writer, octets: &mut Vec<u8>, part: &Part) -> Result<(), SendError> {
        let broken = |_| SendError::Never { cause: "the parts cannot be written as multipart".to_owned() };
        let disposition = format!("attachment; name={}", quoted_name(&part.name));
        let headers =
            [("Content-Type", handed_on(&part.content_type)), ("Content-Disposition", disposition.as_str())];
        octets.extend(writer.start_part(&headers).map_err(broken)?);
        let mut reader = self.spool.open(&self.partner, part).await?;
        while let Some(piece) = reader.read().await? {
            octets.extend(writer.data(piece).map_err(broken)?);
        }
        Ok(())
    }
}

#[async_trait]
impl Destination for AmqpDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let (exchange, routing_key, correlation) = self.address(envelope)?;
        if exchange.len() > 255 || routing_key.len() > 255 {
            return Err(SendError::Never { cause: "exchange or routing key is too long".to_owned() });
        }
        let (octets, content_type) = self.octets(envelope).await?;
        let id = envelope.head.id.to_string();
        let mut headers = FieldTable::default();
        if let Some(traceparent) = &envelope.head.traceparent {
            headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.as_str().into()));
        }
        if envelope.head.label.as_ref().is_some_and(|label| label.test) {
            headers.insert("test".into(), AMQPValue::Boolean(true));
        }
        let mut properties = BasicProperties::default()
            // Persistent: a confirm then means that it is on disk.
            .with_delivery_mode(2)
            .with_message_id(id.as_str().into())
            .with_content_type(content_type.as_str().into())
            .with_app_id("drehscheibe".into())
            .with_timestamp(u64::try_from(self.clock.now().as_second()).unwrap_or(0))
            .with_headers(headers);
        // What a consumer chooses by before it opens anything.
        if let Some(label) = envelope.head.label.as_ref().filter(|label| label.message.len() <= 255) {
            properties = properties.with_type(label.message.as_str().into());
        }
        // A property holds 255 octets; what is longer cannot have come by AMQP.
        if let Some(correlation) = correlation.filter(|text| text.len() <= 255) {
            properties = properties.with_correlation_id(correlation.as_str().into());
        }
        self.publisher.publish(Message { exchange, routing_key, properties, octets }).await?;
        Ok(Receipt { reference: id, evidence: "confirmed by the broker".to_owned(), ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        // The receiver knows the repeat by its message-id.
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "a queue cannot be searched; send it again".to_owned() })
    }

    fn width(&self) -> usize {
        self.width
    }
}
