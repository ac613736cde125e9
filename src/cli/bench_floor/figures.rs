//! The figures of a measurement against the floor, as JSON has them, and what several rounds come to.
//! Measures nothing itself.

use std::time::Duration;

use serde::Serialize;

use crate::cli::bench_floor::shape::Filled;

/// Which program was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// This program, as `run` starts it.
    Adapter,
    /// The least that any program must do.
    Floor,
    /// The same without validating.
    Bare,
}

impl Who {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Who::Adapter => "adapter",
            Who::Floor => "floor",
            Who::Bare => "bare floor",
        }
    }
}

/// Median and spread of several rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of the values of rounds; all zero without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match (values.first(), values.last()) {
            (Some(&least), Some(&most)) => {
                let upper = values[middle];
                let lower = if values.len().is_multiple_of(2) { values[middle - 1] } else { upper };
                Spread { median: (lower + upper) / 2.0, least, most }
            }
            _ => Spread::default(),
        }
    }
}

/// One program with all deliveries waiting at its start.
#[derive(Clone, Debug, Serialize)]
pub struct Full {
    /// Which program.
    pub who: Who,
    /// Deliveries.
    pub messages: u64,
    /// From the first consumer to the last settled receipt, seconds.
    pub seconds: f64,
    /// Messages per second.
    pub per_second: f64,
    /// Processor time of the program per message, milliseconds.
    pub cpu_ms: f64,
    /// Processor time of the whole machine per message, milliseconds: program, both servers, and whatever else runs here.
    pub machine_cpu_ms: f64,
    /// Octets of write-ahead log per message.
    pub wal: f64,
    /// Allocations of the process per message, its start taken off; only in a build that counts them.
    pub allocations: Option<f64>,
    /// Resident memory when it had begun, with all deliveries waiting, MiB.
    pub rss_begun_mib: f64,
    /// Most resident memory, MiB.
    pub rss_peak_mib: f64,
}

/// One program over several rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Rounds {
    /// Which program.
    pub who: Who,
    /// Messages per second.
    pub per_second: Spread,
    /// Processor time of the program per message, milliseconds.
    pub cpu_ms: Spread,
    /// Processor time of the machine per message, milliseconds.
    pub machine_cpu_ms: Spread,
    /// Octets of write-ahead log per message.
    pub wal: Spread,
    /// Allocations per message, where they were counted.
    pub allocations: Option<Spread>,
    /// Most resident memory, MiB.
    pub rss_peak_mib: Spread,
    /// Each round.
    pub each: Vec<Full>,
}

impl Rounds {
    /// The rounds of one program among all.
    pub fn of(who: Who, all: &[Full]) -> Rounds {
        let each: Vec<Full> = all.iter().filter(|full| full.who == who).cloned().collect();
        let spread = |value: fn(&Full) -> f64| Spread::of(each.iter().map(value));
        let counted: Vec<f64> = each.iter().filter_map(|full| full.allocations).collect();
        Rounds {
            who,
            per_second: spread(|full| full.per_second),
            cpu_ms: spread(|full| full.cpu_ms),
            machine_cpu_ms: spread(|full| full.machine_cpu_ms),
            wal: spread(|full| full.wal),
            allocations: (!counted.is_empty()).then(|| Spread::of(counted)),
            rss_peak_mib: spread(|full| full.rss_peak_mib),
            each,
        }
    }
}

/// A table in both programs' stores, per delivery.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The table.
    pub table: String,
    /// Rows of adapter and floor.
    pub rows: [f64; 2],
    /// Octets of adapter and floor.
    pub octets: [f64; 2],
}

/// What adapter and floor left in each table, without what stood there before.
pub fn compared(before: &[Filled], after: [&[Filled]; 2], messages: u64) -> Vec<Compared> {
    let per = |count: i64| count as f64 / messages.max(1) as f64;
    let of = |filled: &[Filled], table: &str| {
        filled.iter().find(|one| one.table == table).map_or((0, 0), |one| (one.rows, one.octets))
    };
    let compared = before.iter().map(|one| {
        let table = one.table.clone();
        let grown = after
            .map(|filled| of(filled, &table))
            .map(|(rows, octets)| (rows - one.rows, octets - one.octets));
        Compared {
            table,
            rows: grown.map(|(rows, _)| per(rows)),
            octets: grown.map(|(_, octets)| per(octets)),
        }
    });
    compared.filter(|one| one.rows != [0.0; 2] || one.octets != [0.0; 2]).collect()
}

/// Latency at a rate: from publishing a delivery until its receipt was taken from the broker.
#[derive(Clone, Debug, Serialize)]
pub struct Paced {
    /// Which program.
    pub who: Who,
    /// Deliveries per second asked for.
    pub rate: u32,
    /// Deliveries per second that were published.
    pub published: f64,
    /// Deliveries.
    pub messages: u64,
    /// Half of them were not slower, milliseconds.
    pub p50_ms: f64,
    /// 99 of 100, milliseconds.
    pub p99_ms: f64,
    /// The slowest, milliseconds.
    pub max_ms: f64,
}

impl Paced {
    /// From what each delivery took.
    pub fn of(who: Who, rate: u32, published: f64, mut took: Vec<Duration>) -> Paced {
        took.sort_unstable();
        let at = |share: f64| {
            let place = ((took.len() as f64 * share).ceil() as usize).clamp(1, took.len().max(1)) - 1;
            took.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Paced {
            who,
            rate,
            published,
            messages: took.len() as u64,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    }
}

/// The adapter with much waiting.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    /// Resident memory without anything to do, MiB.
    pub rss_empty_mib: f64,
    /// Deliveries that waited at the broker.
    pub deliveries: u64,
    /// Until all were settled, seconds.
    pub seconds: f64,
    /// Resident memory when it had begun, with all waiting, MiB.
    pub rss_begun_mib: f64,
    /// Most resident memory until all were settled, MiB.
    pub rss_peak_mib: f64,
    /// Receipts that waited in the store for a partner that is down.
    pub rows: u64,
    /// Resident memory with them, MiB.
    pub rss_rows_mib: f64,
    /// Most resident memory while they came to wait and left, MiB.
    pub rss_rows_peak_mib: f64,
    /// Until all had left once the partner was back, seconds.
    pub rows_seconds: f64,
}

/// The adapter over a small and a large register, in turn.
#[derive(Clone, Debug, Serialize)]
pub struct Stocks {
    /// Registersätze of the small one.
    pub small: u64,
    /// Registersätze of the large one.
    pub large: u64,
    /// Over the small one.
    pub over_small: Rounds,
    /// Over the large one.
    pub over_large: Rounds,
    /// Time per message over the large one by that over the small one.
    pub time: Spread,
    /// The same of the program's processor time.
    pub cpu: Spread,
    /// The same of the whole machine's processor time.
    pub machine_cpu: Spread,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Octets of a delivery and of its receipt.
    pub octets: [usize; 2],
    /// Deliveries fetched ahead.
    pub prefetch: u16,
    /// Each program over all rounds.
    pub programs: Vec<Rounds>,
    /// Messages per second of the adapter by those of the floor of the same round.
    pub ratio: Option<Spread>,
    /// The same by those of the bare floor.
    pub ratio_bare: Option<Spread>,
    /// What adapter and floor leave in each table per delivery.
    pub tables: Vec<Compared>,
    /// Latencies at rates.
    pub latencies: Vec<Paced>,
    /// With much waiting.
    pub waiting: Option<Waiting>,
    /// Over a small and a large register.
    pub stocks: Option<Stocks>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_come_to_a_median_and_a_spread() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn tables_are_compared_by_what_was_added() {
        let one = |table: &str, rows, octets| Filled { table: table.to_owned(), rows, octets };
        let before = [one("a", 10, 100), one("same", 1, 1)];
        let (adapter, floor) =
            ([one("a", 30, 500), one("same", 1, 1)], [one("a", 20, 200), one("same", 1, 1)]);
        let compared = compared(&before, [&adapter, &floor], 10);
        assert_eq!(compared, [Compared { table: "a".to_owned(), rows: [2.0, 1.0], octets: [40.0, 10.0] }]);
    }

    #[test]
    fn shares_of_latencies_are_those_of_the_sorted_ones() {
        let took = (1..=100).rev().map(Duration::from_millis).collect();
        let paced = Paced::of(Who::Adapter, 100, 100.0, took);
        assert_eq!((paced.p50_ms, paced.p99_ms, paced.max_ms), (50.0, 99.0, 100.0));
        assert_eq!(Paced::of(Who::Adapter, 1, 0.0, Vec::new()).max_ms, 0.0);
    }
}
