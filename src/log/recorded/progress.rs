//! How far reading has come. Where it is shown is the command line's to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::reader::Count;

/// Bytes of logs read, as they are stored, of how many. Clones are about the same reading.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub(super) read: Count,
    /// 0 as long as it is not known, and for pipes.
    total: Arc<AtomicU64>,
}

impl Progress {
    /// There will be so many bytes to read in all.
    pub(super) fn expect(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// How far it is after `elapsed`: `42 % of 1.2 GB · 310 MB/s · 0:12 left`.
    pub fn text(&self, elapsed: Duration) -> String {
        let read = self.read.load(Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed);
        let rate = read as f64 / elapsed.as_secs_f64().max(0.001);
        let speed = format!("{}/s", amount(rate));
        if total == 0 {
            return format!("{} · {speed}", amount(read as f64));
        }
        let percent = u128::from(read) * 100 / u128::from(total);
        let left_s = total.saturating_sub(read) as f64 / rate.max(1.0);
        let left = Duration::try_from_secs_f64(left_s.ceil()).unwrap_or(Duration::MAX);
        let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
        format!(
            "{} % of {} · {speed} · {minutes}:{seconds:02} left",
            percent.min(100),
            amount(total as f64)
        )
    }
}

/// Bytes for people.
fn amount(bytes: f64) -> String {
    if bytes < 1e9 {
        format!("{:.0} MB", bytes / 1e6)
    } else {
        format!("{:.1} GB", bytes / 1e9)
    }
}
