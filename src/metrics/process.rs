//! What the kernel knows of this process, under the names that every Prometheus client gives it.

use std::fs;
use std::time::{Duration, SystemTime};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::table::{Metric, rows};

/// Places in `/proc/self/stat` behind the program's name, from 0 for the state (proc(5)).
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const THREADS: usize = 17;
const START_TICKS: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

/// All of them, with their whole names but for `_total`.
pub(super) static ROWS: &[Metric] = rows! {
    Counter "process_cpu_seconds" [] "User and system CPU time of this process."
    |_, to| {
        let ticks = [USER_TICKS, SYSTEM_TICKS].into_iter().filter_map(stat).sum();
        to.number(&[], seconds(ticks));
    };
    Gauge "process_resident_memory_bytes" [] "Resident memory of this process."
    |_, to| to.known(&[], stat(RESIDENT_PAGES).map(|it| it * page_size() as f64));
    Gauge "process_virtual_memory_bytes" [] "Virtual memory of this process."
    |_, to| to.known(&[], stat(VIRTUAL_BYTES));
    Gauge "process_threads" [] "Threads of this process."
    |_, to| to.known(&[], stat(THREADS));
    Gauge "process_open_fds" [] "Open file descriptors of this process."
    |_, to| {
        let open = fs::read_dir("/proc/self/fd").ok();
        to.known(&[], open.map(|it| it.count() as f64));
    };
    Gauge "process_max_fds" [] "File descriptors that this process may open."
    |_, to| to.known(&[], getrlimit(Resource::Nofile).current.map(|it| it as f64));
    Gauge "process_start_time_seconds" [] "When this process began, in seconds since 1970."
    |_, to| to.known(&[], started());
};

/// The number at that place of `/proc/self/stat`.
fn stat(place: usize) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold spaces and parentheses; the last one ends it.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(place)?.parse().ok()
}

fn seconds(ticks: f64) -> f64 {
    ticks / clock_ticks_per_second() as f64
}

fn started() -> Option<f64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let since_boot: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let boot = now.unwrap_or(Duration::ZERO).as_secs_f64() - since_boot;
    Some(boot + seconds(stat(START_TICKS)?))
}
