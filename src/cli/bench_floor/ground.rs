//! What all measurements stand on: servers, queues, stage, and a database that the adapter filled once, from which each run
//! gets a copy, so that all begin alike.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use tokio_postgres::Client;

use crate::cli::args_bench::FloorArgs;
use crate::cli::bench_floor::broker::{Broker, OCTETS};
use crate::cli::bench_floor::child::Child;
use crate::cli::bench_floor::database::{Databases, counts, waits};
use crate::cli::bench_floor::figures::Who;
use crate::cli::bench_floor::servers::Servers;
use crate::cli::bench_floor::shape::{Filled, Shape, filled};
use crate::cli::bench_floor::stage::{Queues, Stage, WINDOW};
use crate::cli::bench_floor::worker::Orders;
use crate::cli::exit::CliError;
use crate::clock::Tick;

/// Deliveries from which it is learnt what each leaves in the store.
const LEARN: u64 = 64;
/// Numbers of deliveries begin here, above those of the learning.
pub const FIRST: u64 = 1_000;
/// Between two looks at what is done.
pub const LOOK: Duration = Duration::from_millis(20);
/// So long nothing may change before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What all measurements stand on.
pub struct Ground<'a> {
    /// The servers.
    pub servers: &'a Servers,
    /// The databases of this measurement.
    pub databases: Databases<'a>,
    /// The partner's side of the broker.
    pub broker: Broker,
    /// The adapter's stage.
    pub stage: Stage,
    /// What a delivery leaves.
    pub shape: Shape,
    /// The database that is copied.
    pub template: String,
    /// What stands in its tables.
    pub before: Vec<Filled>,
    /// Deliveries fetched ahead.
    pub prefetch: u16,
    queues: Queues,
    folder: PathBuf,
}

impl<'a> Ground<'a> {
    /// Makes everything; the adapter runs once.
    pub async fn lay(
        servers: &'a Servers,
        args: &FloorArgs,
        folder: PathBuf,
        xsd: PathBuf,
    ) -> Result<Ground<'a>, CliError> {
        let queues = queues();
        let uri = servers.broker_uri()?;
        let stage = Stage::write(&folder, &xsd, &uri, &queues, args.prefetch)?;
        let broker = Broker::open(&servers.broker, &queues, args.prefetch).await?;
        let databases = Databases::new(servers);
        let (template, shape, before) = learn(servers, &databases, &broker, &stage, &folder).await?;
        Ok(Ground {
            servers,
            databases,
            broker,
            stage,
            shape,
            template,
            before,
            prefetch: args.prefetch,
            queues,
            folder,
        })
    }

    /// Octets of a delivery and of a receipt.
    pub fn octets(&self) -> [usize; 2] {
        [OCTETS, self.shape.receipt]
    }

    /// Starts a program on a database.
    pub fn start(&self, who: Who, database: &str) -> Result<Child, CliError> {
        self.stage.point_at(&self.servers.program(database), &self.servers.owner(database))?;
        let orders = Orders {
            broker: self.servers.broker.clone(),
            inlet: self.queues.inlet.clone(),
            exchange: self.queues.exchange.clone(),
            outlet: self.queues.outlet.clone(),
            database: self.servers.program(database),
            prefetch: self.prefetch,
            window: WINDOW,
            xsd: (who == Who::Floor).then(|| self.stage.xsd().to_owned()),
            shape: self.shape.clone(),
        };
        let file = self.folder.join("orders.json");
        std::fs::write(&file, serde_json::to_vec(&orders).map_err(std::io::Error::other)?)?;
        Child::start(who, &self.stage, &self.folder, &file)
    }
}

/// The queues of this process's measurement.
fn queues() -> Queues {
    Queues::named(&format!("drehscheibe.bench.{}", std::process::id()))
}

/// Removes everything that a measurement of this process made at the servers, however far it came.
pub async fn clear(servers: &Servers) -> Result<(), CliError> {
    if servers.are_private() {
        // They go with their folder.
        return Ok(());
    }
    let databases = Databases::new(servers).drop_all().await;
    super::broker::remove(&servers.broker, &queues()).await?;
    databases
}

/// Waits until a program consumes.
pub async fn consumes(broker: &Broker, child: &mut Child) -> Result<(), CliError> {
    let began = Tick::now();
    while !broker.inlet().await?.1 {
        child.must_live()?;
        if began.elapsed() > PATIENCE {
            return Err(CliError::Usage(format!("the measured program does not consume: {}", child.words())));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Waits until so many receipts arrived and nothing is left to settle; returns the most resident memory seen meanwhile, MiB.
pub async fn done(
    broker: &Broker,
    client: &Client,
    child: &mut Child,
    receipts: u64,
) -> Result<f64, CliError> {
    let (mut seen, mut since, mut most) = (0, Tick::now(), 0.0_f64);
    loop {
        child.must_live()?;
        most = most.max(child.memory());
        let arrived = broker.outlet().await?;
        if arrived >= receipts && !waits(client).await? {
            return Ok(most);
        }
        if arrived != seen {
            (seen, since) = (arrived, Tick::now());
        }
        if since.elapsed() > PATIENCE {
            let (inbox, lanes) = counts(client).await?;
            return Err(CliError::Usage(format!(
                "nothing moves: {arrived} of {receipts} receipts, {inbox} taken in, {lanes} to be sent: {}",
                child.words()
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn learn(
    servers: &Servers,
    databases: &Databases<'_>,
    broker: &Broker,
    stage: &Stage,
    folder: &std::path::Path,
) -> Result<(String, Shape, Vec<Filled>), CliError> {
    broker.ready().await?;
    let template = databases.make(None).await?;
    stage.point_at(&servers.program(&template), &servers.owner(&template))?;
    let mut child = Child::start(Who::Adapter, stage, folder, folder)?;
    consumes(broker, &mut child).await?;
    let client = databases.look(&template).await?;
    broker.fill(1, LEARN).await?;
    done(broker, &client, &mut child, LEARN).await?;
    let mut receipts = broker.receipts().await?;
    let receipt = receipts.next().await.transpose().map_err(super::broker::failed("no receipt"))?;
    child.end().await?;
    let octets = receipt.map_or(0, |receipt| receipt.data.len());
    let shape = Shape::read(&client, i64::try_from(LEARN).unwrap_or(i64::MAX), octets).await?;
    let before = filled(&client).await?;
    Ok((template, shape, before))
}
