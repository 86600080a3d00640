//! What was seen in one run: what users got, what reached each server, what HAProxy showed, what the
//! daemon said. All times are seconds since the run began.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Servers of the backend: `web1`, always up, and two spares.
pub const SERVERS: [&str; 3] = ["web1", "web2", "web3"];
/// The first spare's place in [`SERVERS`].
pub const WEB2: usize = 1;
/// The second spare's.
pub const WEB3: usize = 2;

/// One user's request.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Its number, which the server saw too.
    pub id: u32,
    /// When it was to be sent.
    pub due: f64,
    /// When it was sent.
    pub sent: f64,
    /// When its answer was complete, or the user gave up.
    pub ended: f64,
    /// The status, 0 for none.
    pub status: u16,
    /// The user left.
    pub gave_up: bool,
    /// A long request that the case asked for.
    pub long: bool,
}

impl Answer {
    /// The user has no page.
    pub const fn is_bad(&self) -> bool {
        self.gave_up || self.status == 0 || self.status >= 500
    }

    /// From the moment the user came.
    pub fn ms(&self) -> f64 {
        (self.ended - self.sent) * 1000.0
    }
}

/// A user's request at a server.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// When.
    pub at: f64,
    /// The request's number.
    pub id: u32,
    /// Which of [`SERVERS`].
    pub server: usize,
}

/// What HAProxy shows of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// No row, or no answer.
    #[default]
    Unknown,
    /// Maintenance.
    Maint,
    /// No balanced traffic.
    Drain,
    /// Its checks fail.
    Down,
    /// It may get traffic.
    Ready,
}

/// A server in one sample.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its state.
    pub shown: Shown,
    /// `status` of `show stat`, as HAProxy writes it.
    pub status: String,
    /// `weight`.
    pub weight: u32,
    /// `throttle` in per cent, 100 without one.
    pub throttle: u32,
    /// `scur`.
    pub open: u32,
    /// `qcur`.
    pub queued: u32,
    /// `bck` is 1.
    pub is_backup: bool,
}

/// One look at the admin socket.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// When.
    pub at: f64,
    /// As [`SERVERS`].
    pub rows: [Row; 3],
    /// Requests in the backend's queue.
    pub queued: u32,
}

/// A line of the daemon's log.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it came.
    pub at: f64,
    /// Without the time in front.
    pub text: String,
}

/// What the daemon answered to `status`.
#[derive(Clone, Debug)]
pub struct Claim {
    /// When.
    pub at: f64,
    /// The whole object.
    pub status: Value,
}

/// Everything, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What users got.
    pub answers: Vec<Answer>,
    /// What servers got.
    pub hits: Vec<Hit>,
    /// What HAProxy showed.
    pub samples: Vec<Sample>,
    /// What the daemon wrote.
    pub lines: Vec<Line>,
    /// What it answered.
    pub claims: Vec<Claim>,
    /// What the case did, and what came back.
    pub acts: Vec<Line>,
    /// What went wrong with the lab itself.
    pub faults: Vec<String>,
}

/// The clock and the record of a run; every thread of it has one.
#[derive(Debug)]
pub struct Seen {
    start: Instant,
    record: Mutex<Record>,
}

impl Seen {
    /// Time begins.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            record: Mutex::default(),
        }
    }

    /// Seconds since the run began.
    pub fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// That second as an instant.
    pub fn instant(&self, at: f64) -> Instant {
        self.start + Duration::from_secs_f64(at.max(0.0))
    }

    /// Never held across anything that waits.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The given share of sorted numbers, 0 without any.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = (last as f64 * share).round() as usize;
    sorted[index.min(last)]
}

/// Response times of these answers, sorted; who gave up counts with the time he waited.
pub fn times_ms<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<f64> {
    let mut times: Vec<f64> = answers.map(Answer::ms).collect();
    times.sort_by(f64::total_cmp);
    times
}
