//! A configuration on its way: what the keys of one table after another set. It begins with the
//! defaults; which key sets what is said in [`super::keys`].

use std::collections::BTreeMap;
use std::time::Duration;

use super::alert::{AlertDraft, ProbeDraft};
use super::diagnostic::Span;
use super::machine::MachineDraft;
use super::{Config, WarmUpConfig};
use crate::measure::settings::{PolicySettings, Signal};
use crate::scaler::settings::BackendSettings;

/// What the file has said so far.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// All but the backends.
    pub config: Config,
    /// A backend's own keys, but for `min` and its lists of servers.
    pub scaler: BackendSettings,
    /// `min`: its default depends on the backend.
    pub min: Option<u32>,
    /// One `[[alert]]`.
    pub alert: AlertDraft,
    /// One `[[probe]]`.
    pub probe: ProbeDraft,
    /// One `[server.SERVER.machine]`.
    pub machine: MachineDraft,
    /// `[warm_up]`.
    pub warm_up: WarmUpConfig,
    /// `response_time`.
    pub response_time: Option<Duration>,
    /// What each policy has that does not say otherwise. Signal and threshold mean nothing here.
    pub policy: PolicySettings,
    /// Where the values stand that were given, by key.
    pub given: BTreeMap<&'static str, Span>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            config: Config::default(),
            scaler: BackendSettings::for_backend("", Vec::new()),
            min: None,
            alert: AlertDraft::default(),
            probe: ProbeDraft::default(),
            machine: MachineDraft::default(),
            warm_up: WarmUpConfig::default(),
            response_time: None,
            policy: PolicySettings::new(Signal::ResponseTime, 0.0),
            given: BTreeMap::new(),
        }
    }
}
