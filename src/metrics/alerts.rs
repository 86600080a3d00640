//! What is counted of alerts, the heartbeat and probes. Who counts it is `crate::alerts`.

use std::collections::BTreeMap;

/// All of it; a daemon without alerts counts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// By the name of the channel.
    pub channels: BTreeMap<String, ChannelCounts>,
    /// Heartbeats that were taken, and those that were not.
    pub heartbeats: (u64, u64),
    /// Whether each site is up, by what may be shown of it.
    pub sites: BTreeMap<String, bool>,
}

/// What is counted of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    /// Messages that arrived.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were given up.
    pub lost: u64,
    /// Messages that wait.
    pub waiting: usize,
}
