//! The floor: consumes, validates, looks up once, writes, publishes, settles and acknowledges, with no engine between. The same
//! prefetch, batches, confirms and durability as the adapter's; acknowledged after the commit, many with one word.
//! Decides nothing, refuses nothing, keeps no order, survives no trouble: whatever is unexpected ends it.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use aws_lc_rs::digest;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::cli::bench_floor::broker;
use crate::cli::bench_floor::database::{connect_planned, failed};
use crate::cli::bench_floor::rows::{Row, Writer};
use crate::cli::bench_floor::shape::Shape;
use crate::cli::bench_floor::validate::{Item, Validators};
use crate::cli::exit::{CliError, Exit};
use crate::clock::Clock;
use crate::engine::core::Settings;

/// What the floor is told, as a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// URL of the broker.
    pub broker: String,
    /// Where deliveries wait.
    pub inlet: String,
    /// The exchange for receipts.
    pub exchange: String,
    /// Where receipts go: routing key.
    pub outlet: String,
    /// URL of the database.
    pub database: String,
    /// Deliveries fetched ahead.
    pub prefetch: u16,
    /// Messages that may be unconfirmed at once.
    pub window: usize,
    /// The packages to validate with; `None`: the bare floor, which looks at no document.
    pub xsd: Option<PathBuf>,
    /// What a delivery leaves in the store.
    pub shape: Shape,
}

/// Runs until it is told to end.
pub async fn run(file: &std::path::Path) -> Result<Exit, CliError> {
    let orders: Orders = serde_json::from_slice(&std::fs::read(file)?).map_err(|_| {
        CliError::Usage("the orders of the floor cannot be read; `bench --floor` writes them".to_owned())
    })?;
    // As many as the adapter's engine has.
    let Settings { workers, batch, .. } = Settings::default();
    let (valid, validated) = unbounded_channel();
    let (sent, arrived) = unbounded_channel();
    let validators = match &orders.xsd {
        Some(xsd) => Some(Validators::start(xsd, workers, valid.clone())?),
        None => None,
    };
    let writer = |strand| {
        let orders = &orders;
        async move {
            let client = connect_planned(&orders.database).await?;
            Writer::new(client, orders.shape.clone(), strand)
                .await
                .map_err(failed("statements of the floor do not fit"))
        }
    };
    let (commits, settles) = tokio::try_join!(writer(1), writer(2))?;
    let (inlet, outlet) = (channel(&orders.broker).await?, channel(&orders.broker).await?);
    outlet.1.confirm_select(ConfirmSelectOptions::default()).await.map_err(broker::failed("no confirms"))?;
    inlet
        .1
        .basic_qos(orders.prefetch, BasicQosOptions::default())
        .await
        .map_err(broker::failed("no prefetch"))?;
    let (publish, to_publish) = unbounded_channel();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(Exit::Ok),
        ended = consume(&inlet.1, &orders, validators.as_ref(), &valid) => ended.map(|()| Exit::Ok),
        ended = write(commits, validated, &inlet.1, &publish, batch) => ended.map(|()| Exit::Ok),
        ended = send(&outlet.1, &orders, to_publish, &sent) => ended.map(|()| Exit::Ok),
        ended = settle(settles, arrived, batch) => ended.map(|()| Exit::Ok),
    }
}

/// A connection of its own with a channel: what is published must not wait behind what is consumed.
async fn channel(url: &str) -> Result<(Connection, Channel), CliError> {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .map_err(broker::failed("cannot connect"))?;
    let channel = connection.create_channel().await.map_err(broker::failed("no channel"))?;
    Ok((connection, channel))
}

async fn consume(
    inlet: &Channel,
    orders: &Orders,
    validators: Option<&Validators>,
    valid: &UnboundedSender<Result<Item, CliError>>,
) -> Result<(), CliError> {
    let name = orders.inlet.as_str().into();
    let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = inlet.basic_consume(name, "".into(), options, table).await;
    let mut consumer = consumer.map_err(broker::failed("deliveries cannot be taken"))?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery.map_err(broker::failed("a delivery is lost"))?;
        let id =
            delivery.properties.message_id().as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
        let item = Item { tag: delivery.delivery_tag, id, octets: delivery.data.into() };
        match validators {
            Some(validators) => validators.take(item),
            None => {
                let _ = valid.send(Ok(item));
            }
        }
    }
    Err(CliError::Usage("broker: the consumer was ended".to_owned()))
}

/// What is there by now, at least one and at most a batch.
async fn gather<T>(inlet: &mut UnboundedReceiver<T>, most: usize) -> Vec<T> {
    let mut gathered = Vec::with_capacity(most);
    inlet.recv_many(&mut gathered, most).await;
    gathered
}

async fn write(
    mut writer: Writer,
    mut valid: UnboundedReceiver<Result<Item, CliError>>,
    inlet: &Channel,
    publish: &UnboundedSender<(String, Row)>,
    batch: usize,
) -> Result<(), CliError> {
    let clock = Clock::real();
    let mut tags = Tags::default();
    loop {
        let items = gather(&mut valid, batch).await.into_iter().collect::<Result<Vec<Item>, CliError>>()?;
        let now = clock.now().as_microsecond();
        let rows: Vec<Row> = items.iter().map(|item| numbered(&mut writer, item, now)).collect();
        if writer.look(&rows).await.map_err(failed("the floor cannot look up"))? > 0 {
            return Err(CliError::Usage("the floor was given a delivery twice".to_owned()));
        }
        writer.commit(&rows).await.map_err(failed("the floor cannot write"))?;
        for (item, row) in items.into_iter().zip(rows) {
            tags.done.insert(item.tag);
            let _ = publish.send((item.id, row));
        }
        if let Some(tag) = tags.due() {
            let acknowledged = inlet.basic_ack(tag, BasicAckOptions { multiple: true }).await;
            acknowledged.map_err(broker::failed("an acknowledgement is not taken"))?;
        }
    }
}

fn numbered(writer: &mut Writer, item: &Item, now: i64) -> Row {
    let mut content = [0; 32];
    content.copy_from_slice(digest::digest(&digest::SHA256, &item.octets).as_ref());
    let id = Uuid::now_v7();
    let receipt = Uuid::now_v7();
    let size = i64::try_from(item.octets.len()).unwrap_or(i64::MAX);
    let mut row = Row { id, receipt, content, size, now, nr: 0, out: 0, lane: 0 };
    writer.number_row(&mut row);
    row
}

/// Delivery tags that are committed and not acknowledged.
#[derive(Default)]
struct Tags {
    acknowledged: u64,
    done: BTreeSet<u64>,
}

impl Tags {
    /// The last of those that are complete from the first on.
    fn due(&mut self) -> Option<u64> {
        let before = self.acknowledged;
        while self.done.remove(&(self.acknowledged + 1)) {
            self.acknowledged += 1;
        }
        (self.acknowledged > before).then_some(self.acknowledged)
    }
}

async fn send(
    outlet: &Channel,
    orders: &Orders,
    mut publish: UnboundedReceiver<(String, Row)>,
    sent: &UnboundedSender<Row>,
) -> Result<(), CliError> {
    let octets = vec![b' '; orders.shape.receipt];
    let mut unconfirmed = FuturesOrdered::new();
    let mut rows: VecDeque<Row> = VecDeque::new();
    loop {
        tokio::select! {
            Some((id, row)) = publish.recv(), if unconfirmed.len() < orders.window => {
                let properties = BasicProperties::default()
                    .with_delivery_mode(2)
                    .with_message_id(row.receipt.to_string().into())
                    .with_correlation_id(id.into())
                    .with_content_type("application/xml".into());
                let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                let (exchange, name) = (orders.exchange.as_str().into(), orders.outlet.as_str().into());
                let confirm = outlet.basic_publish(exchange, name, options, &octets, properties).await;
                unconfirmed.push_back(confirm.map_err(broker::failed("a receipt is not taken"))?);
                rows.push_back(row);
            }
            Some(confirmed) = unconfirmed.next(), if !unconfirmed.is_empty() => {
                let confirmed: Confirmation = confirmed.map_err(broker::failed("a receipt is not confirmed"))?;
                if !matches!(confirmed, Confirmation::Ack(None)) {
                    return Err(CliError::Usage("broker: a receipt was returned or refused".to_owned()));
                }
                if let Some(row) = rows.pop_front() {
                    let _ = sent.send(row);
                }
            }
        }
    }
}

async fn settle(
    mut writer: Writer,
    mut arrived: UnboundedReceiver<Row>,
    batch: usize,
) -> Result<(), CliError> {
    loop {
        let rows = gather(&mut arrived, batch).await;
        writer.settle(&rows).await.map_err(failed("the floor cannot settle"))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_stop_at_a_gap() {
        let mut tags = Tags::default();
        tags.done.extend([1, 2, 4]);
        assert_eq!(tags.due(), Some(2));
        assert_eq!(tags.due(), None);
        tags.done.insert(3);
        assert_eq!(tags.due(), Some(4));
    }
}
