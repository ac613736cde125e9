//! What was measured against the floor, as people read it. Measures and judges nothing.

use crate::cli::bench_floor::figures::{Compared, Figures, Paced, Rounds, Spread, Stocks, Waiting};
use crate::cli::output::Output;

/// Prints everything that was measured.
pub fn print(figures: &Figures, private: bool, out: &mut Output) -> std::io::Result<()> {
    let [delivery, receipt] = figures.octets;
    let servers = if private { "private servers" } else { "the servers named" };
    out.say(&format!(
        "Deliveries of {delivery} octets, receipts of {receipt}; {} fetched ahead; {servers}, all durable and confirmed.",
        figures.prefetch
    ))?;
    if !figures.programs.is_empty() {
        programs(&figures.programs, out)?;
        for (name, ratio) in [("floor", figures.ratio), ("bare floor", figures.ratio_bare)] {
            if let Some(ratio) = ratio {
                out.say(&format!("adapter by {name}: {}", spread(ratio, 2)))?;
            }
        }
        tables(&figures.tables, out)?;
    }
    if !figures.latencies.is_empty() {
        latencies(&figures.latencies, out)?;
    }
    if let Some(measured) = &figures.waiting {
        waiting(measured, out)?;
    }
    if let Some(measured) = &figures.stocks {
        stocks(measured, out)?;
    }
    Ok(())
}

/// Median, and from where to where.
fn spread(spread: Spread, digits: usize) -> String {
    let Spread { median, least, most } = spread;
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}

fn programs(programs: &[Rounds], out: &mut Output) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = programs
        .iter()
        .map(|one| {
            vec![
                one.who.as_str().to_owned(),
                spread(one.per_second, 0),
                spread(one.cpu_ms, 3),
                spread(one.machine_cpu_ms, 3),
                spread(one.wal, 0),
                one.allocations.map_or("–".to_owned(), |counted| spread(counted, 0)),
                spread(one.rss_peak_mib, 1),
            ]
        })
        .collect();
    let head =
        ["program", "messages/s", "CPU ms", "CPU ms of the machine", "WAL octets", "allocations", "peak MiB"];
    out.table(&head, &rows)
}

fn tables(tables: &[Compared], out: &mut Output) -> std::io::Result<()> {
    out.say("Left in the store per delivery, adapter and floor:")?;
    let rows: Vec<Vec<String>> = tables
        .iter()
        .map(|one| {
            let pair =
                |[adapter, floor]: [f64; 2], digits: usize| format!("{adapter:.digits$} / {floor:.digits$}");
            vec![one.table.clone(), pair(one.rows, 2), pair(one.octets, 0)]
        })
        .collect();
    out.table(&["table", "rows", "octets"], &rows)
}

fn latencies(latencies: &[Paced], out: &mut Output) -> std::io::Result<()> {
    out.say("From publishing a delivery until its receipt was taken:")?;
    let rows: Vec<Vec<String>> = latencies
        .iter()
        .map(|one| {
            vec![
                one.who.as_str().to_owned(),
                format!("{}/s", one.rate),
                one.messages.to_string(),
                format!("{:.1} ms", one.p50_ms),
                format!("{:.1} ms", one.p99_ms),
                format!("{:.1} ms", one.max_ms),
            ]
        })
        .collect();
    out.table(&["program", "rate", "messages", "p50", "p99", "slowest"], &rows)
}

fn waiting(measured: &Waiting, out: &mut Output) -> std::io::Result<()> {
    let row = |what: String, mib: f64, peak: f64, seconds: Option<f64>| {
        let seconds = seconds.map_or("–".to_owned(), |seconds| format!("{seconds:.1} s"));
        vec![what, format!("{mib:.1}"), format!("{peak:.1}"), seconds]
    };
    let rows = [
        row("nothing waits".to_owned(), measured.rss_empty_mib, measured.rss_empty_mib, None),
        row(
            format!("{} deliveries at the broker", measured.deliveries),
            measured.rss_begun_mib,
            measured.rss_peak_mib,
            Some(measured.seconds),
        ),
        row(
            format!("{} receipts in the store", measured.rows),
            measured.rss_rows_mib,
            measured.rss_rows_peak_mib,
            Some(measured.rows_seconds),
        ),
    ];
    out.table(&["waiting", "MiB", "peak MiB", "done after"], &rows)
}

fn stocks(measured: &Stocks, out: &mut Output) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> =
        [(measured.small, &measured.over_small), (measured.large, &measured.over_large)]
            .into_iter()
            .map(|(records, over)| {
                let cells =
                    [spread(over.per_second, 0), spread(over.cpu_ms, 3), spread(over.machine_cpu_ms, 3)];
                std::iter::once(records.to_string())
                    .chain(cells)
                    .chain([spread(over.rss_peak_mib, 1)])
                    .collect()
            })
            .collect();
    out.table(&["Registersätze", "messages/s", "CPU ms", "CPU ms of the machine", "peak MiB"], &rows)?;
    out.say(&format!(
        "large by small: time {}, CPU {}, CPU of the machine {}",
        spread(measured.time, 2),
        spread(measured.cpu, 2),
        spread(measured.machine_cpu, 2)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::Printed;

    #[test]
    fn only_what_was_measured_is_printed() {
        let printed = Printed::default();
        let figures = Figures {
            octets: [5300, 3000],
            prefetch: 300,
            ratio: Some(Spread { median: 0.8, least: 0.75, most: 0.9 }),
            ..Figures::default()
        };
        print(&figures, true, &mut printed.output(false)).unwrap();
        assert!(printed.text().starts_with("Deliveries of 5300 octets"), "{}", printed.text());
        assert_eq!(printed.text().lines().count(), 1);
        assert_eq!(spread(Spread { median: 0.8, least: 0.75, most: 0.9 }, 2), "0.80 (0.75 to 0.90)");
    }
}
