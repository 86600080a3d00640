//! How a server does while it is ready, and what was noticed and said about that.

use super::decision::{Cause, Consequence, Fault};
use super::kick::Kick;
use super::probation::Probation;
use super::ramp::Ramp;
use crate::words::time::Timestamp;

/// How a server does.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    /// Whether it takes requests and answers them, while it is ready.
    pub(super) probation: Probation,
    /// Getting it out of HAProxy's queue trap.
    pub(super) kick: Kick,
    /// How its share of traffic grows.
    pub(super) ramp: Ramp,
    /// What is wrong with it while it is ready, and whether that was said.
    pub(super) trouble: Trouble,
    /// It takes longer than the threshold, whatever the others do; `None`: nobody knows.
    pub(super) is_slow: Option<bool>,
    /// Requests that it had taken when it was seen in maint first, or as said last.
    pub(super) taken_in_maint: Option<(u64, Timestamp)>,
    /// It gets requests although it is in maint.
    pub(super) is_used_in_maint: bool,
    /// When it was said last that it gets nothing, and that it answers badly.
    pub(super) idle_said_at: Option<Timestamp>,
    pub(super) fault_said_at: Option<Timestamp>,
}

/// What is wrong with a ready spare.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    /// Why it gets no requests, as it was said.
    pub(super) idle: Option<Cause>,
    /// In what way it answers worse than the others.
    pub(super) fault: Option<Fault>,
    /// What was said to become of it.
    pub(super) said: Option<Consequence>,
    /// It takes many times as long as the others, since then.
    pub(super) slow_since: Option<Timestamp>,
}

impl Trouble {
    /// Its share has grown, or grows no more: how it did with a part of it is past.
    pub(super) const fn ends_lag(&mut self) {
        if matches!(self.fault, Some(Fault::Lags { .. })) {
            (self.fault, self.said) = (None, None);
        }
    }
}
