//! Arguments of `bench`. Decides nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What is measured against the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Rates of adapter, floor and bare floor in turn, their ratio, processor time, write-ahead log, memory.
    Ratio,
    /// Latency at 100 and 500 messages a second and at half of the most.
    Latency,
    /// Memory and time with many deliveries waiting at the broker, and with as many receipts waiting in the store.
    Waiting,
    /// Cost per message over a register of many Registersätze against one of 10,000.
    Stocks,
}

/// Arguments of `bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// How many messages.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub messages: u32,
    /// At this rate per second; as fast as it goes when not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: Option<u32>,
    /// Also let so many rows wait for a partner that is down, and say how much memory that takes.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub waiting: Option<u32>,
    /// Also stream a part of so many MiB, and say how much memory that takes.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub part: Option<u32>,
    /// On servers, against the least that must be done.
    #[command(flatten)]
    pub floor: FloorArgs,
}

/// Arguments of `bench --floor`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Against the floor")]
pub struct FloorArgs {
    /// Measure on PostgreSQL and RabbitMQ, in turn with a program that does the least that any must do for the same messages.
    #[arg(long)]
    pub floor: bool,
    /// Start private servers for it, and stop and remove them afterwards.
    #[arg(long, requires = "floor", conflicts_with_all = ["database", "broker"])]
    pub services: bool,
    /// A PostgreSQL of this machine: URL of a login that may make databases and roles; databases of its own are made and dropped.
    #[arg(long, value_name = "URL", requires_all = ["floor", "broker"])]
    pub database: Option<String>,
    /// A RabbitMQ of this machine: URL of a login that may make queues; queues of its own are made and removed.
    #[arg(long, value_name = "URL", requires_all = ["floor", "database"])]
    pub broker: Option<String>,
    /// What to measure.
    #[arg(long, value_delimiter = ',', default_value = "ratio", requires = "floor")]
    pub figures: Vec<Figure>,
    /// How often each program is measured.
    #[arg(long, default_value_t = 3, requires = "floor", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub rounds: u32,
    /// Deliveries fetched ahead, by both programs; as many as a connection fetches by default.
    #[arg(long, default_value_t = 100, requires = "floor", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub prefetch: u16,
    /// How long a latency is measured.
    #[arg(long, default_value_t = 20, requires = "floor", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Registersätze of the large register; each takes about 2 KB of disk.
    #[arg(long, default_value_t = 1_000_000, requires = "floor", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub records: u64,
    /// Be the floor, as this file says; started by `bench --floor` itself.
    #[arg(long, hide = true, value_name = "FILE")]
    pub as_floor: Option<PathBuf>,
}
