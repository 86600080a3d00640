//! Pauses that do not fall in step: several daemons whose HAProxy went away together must not come
//! back together. No randomness lives here: the same seed and the same action give the same pause.

use std::time::Duration;

use super::event::ActionId;
use crate::words::mix::mix;
use crate::words::time::Timestamp;

/// After a failed read the next one waits about this long, doubling …
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// … up to this, or `poll_interval` when that is longer: a HAProxy that restarts must not wait for
/// us, and what it lost is on its way back within three seconds.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// An outage of many minutes is looked at less often: every [`OUTAGE_SHARE`]th of its length …
const OUTAGE_SHARE: u32 = 60;
/// … and at least so often.
const OUTAGE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// The pause after the read `id` failed as number `failures` (0 is the first) of an outage that
/// began at `since`: between half and the whole of what is due, so that it never becomes a hot
/// loop ("equal jitter").
pub(super) fn pause(
    (seed, id): (u64, ActionId),
    failures: u32,
    outage: Duration,
    poll_interval: Duration,
) -> Duration {
    let patience = (outage / OUTAGE_SHARE).clamp(PAUSE_MAX, OUTAGE_PAUSE_MAX);
    let longest = patience.max(poll_interval);
    let due = (PAUSE_MIN * 2_u32.pow(failures.min(8))).min(longest);
    let half_ms = u64::try_from(due.as_millis() / 2).unwrap_or(u64::MAX);
    let extra_ms = mix(seed ^ mix(id.0)) % half_ms.saturating_add(1);
    Duration::from_millis(half_ms.saturating_add(extra_ms))
}

/// How long HAProxy has not answered.
pub(super) fn outage(now: Timestamp, read_at: Option<Timestamp>, started: Timestamp) -> Duration {
    now.since(read_at.unwrap_or(started))
}
