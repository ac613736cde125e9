//! The kernel's account of a process and of the machine: processor time and memory. Zero where there is no such account.
//! Never stops or starts anything.

use std::collections::BTreeMap;
use std::time::Duration;

/// The kernel counts in steps of 10 ms.
const STEP: u64 = 10;

/// Processor time of all threads of a process so far (user and system); `self` or a pid.
pub fn processor(pid: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold spaces; user and system time are the 12th and 13th field behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * STEP)
}

/// Processor time of everything on this machine so far, idle and waiting left out.
pub fn machine() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|ticks| ticks.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, …
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum::<u64>();
    Duration::from_millis(busy * STEP)
}

/// A line of the account of a process such as `VmRSS` or `VmHWM`, MiB.
pub fn memory(pid: &str, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let fields: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
    let kib = fields
        .get(line)
        .and_then(|value| value.split_whitespace().next())
        .and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_an_account() {
        assert!(memory("self", "VmHWM") >= memory("self", "VmRSS") * 0.5);
        assert!(memory("self", "VmRSS") > 0.5);
        assert!(machine() >= processor("self"));
        assert_eq!(memory("0", "VmRSS"), 0.0);
    }
}
