//! `[defaults]` and `[backend.NAME]`: each is read once into a draft, then a backend's draft and
//! that of `[defaults]` become one [`BackendConfig`].
//!
//! A backend's own value wins, key by key: the whole list of `[[policy]]` is one key, each key of
//! `warm_up` is one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, escaped};
use super::policy::{Measuring, PolicyDraft, policies};
use super::reader::{At, Given, Reader, Table};
use super::sections::{MIN_DURATION, word};
use super::servers;
use super::warm_up::WarmUpDraft;
use super::{BackendConfig, HaproxyConfig, keys};
use crate::scaler::settings::{BackendSettings, OnOpenSessions};
use crate::state::WRITE_LIMIT;

const DEFAULT_SCALE_UP_COOLDOWN: Duration = Duration::from_secs(30);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const DEFAULT_SCALE_DOWN_RATIO: f64 = 0.6;
const DEFAULT_SCALE_DOWN_COOLDOWN: Duration = Duration::from_secs(60);
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
const DEFAULT_HOLD: Duration = Duration::from_secs(3_600);

/// The words of `on_open_sessions`.
const ON_OPEN_SESSIONS: &[(&str, OnOpenSessions)] = &[
    ("wait", OnOpenSessions::Wait),
    ("maint", OnOpenSessions::Maint),
];

/// Most servers that `min` and `max` may count.
const MAX_SERVERS: u32 = 10_000;
/// Steps of one transaction on the admin socket: connect, write, read. Each has its own time limit.
const SOCKET_STEPS: u32 = 3;

/// A table as far as its keys are given.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    min: Option<At<u32>>,
    max: Option<At<u32>>,
    response_time: Option<At<Duration>>,
    measuring: Measuring,
    policies: Option<Vec<PolicyDraft>>,
    scale_up_cooldown: Option<At<Duration>>,
    idle_timeout: Option<At<Duration>>,
    scale_down_ratio: Option<At<f64>>,
    scale_down_cooldown: Option<At<Duration>>,
    drain_timeout: Option<At<Duration>>,
    on_open_sessions: Option<At<OnOpenSessions>>,
    grace: Option<At<Duration>>,
    hold: Option<At<Duration>>,
    warm_up: WarmUpDraft,
    /// `[server.NAME]` and its `warm_up_url`.
    servers: Vec<(At<String>, Option<String>)>,
    /// Says that there is a policy, good or bad.
    has_policy: bool,
}

impl Draft {
    /// `[defaults]`, if it is there.
    pub(super) fn defaults(top: &Table<'_>, reader: &mut Reader<'_>) -> Self {
        let Some(table) = top.table("defaults", keys::DEFAULTS, reader) else {
            return Self::default();
        };
        let draft = Self::read(&table, reader);
        draft.compare_min_with_max(reader);
        draft
    }

    fn read(table: &Table<'_>, reader: &mut Reader<'_>) -> Self {
        Self {
            min: table.whole("min", 1..=MAX_SERVERS, reader),
            max: table.whole("max", 1..=MAX_SERVERS, reader),
            response_time: table.duration("response_time", MIN_DURATION, reader),
            measuring: Measuring::read(table, reader),
            policies: policies(table, reader),
            scale_up_cooldown: table.duration("scale_up_cooldown", Duration::ZERO, reader),
            idle_timeout: table.duration("idle_timeout", MIN_DURATION, reader),
            scale_down_ratio: ratio(table, reader),
            scale_down_cooldown: table.duration("scale_down_cooldown", Duration::ZERO, reader),
            drain_timeout: table.duration("drain_timeout", Duration::ZERO, reader),
            on_open_sessions: word(table, "on_open_sessions", ON_OPEN_SESSIONS, reader),
            grace: table.duration("grace", Duration::ZERO, reader),
            hold: table.duration("hold", Duration::ZERO, reader),
            warm_up: WarmUpDraft::read(table, reader),
            servers: servers::tables(table, reader),
            has_policy: table.has("response_time") || table.has("policy"),
        }
    }

    fn or(&self, fallback: &Self) -> Self {
        Self {
            min: self.min.over(&fallback.min),
            max: self.max.over(&fallback.max),
            response_time: self.response_time.over(&fallback.response_time),
            measuring: self.measuring.or(&fallback.measuring),
            policies: self.policies.clone().or_else(|| fallback.policies.clone()),
            scale_up_cooldown: self.scale_up_cooldown.over(&fallback.scale_up_cooldown),
            idle_timeout: self.idle_timeout.over(&fallback.idle_timeout),
            scale_down_ratio: self.scale_down_ratio.over(&fallback.scale_down_ratio),
            scale_down_cooldown: self.scale_down_cooldown.over(&fallback.scale_down_cooldown),
            drain_timeout: self.drain_timeout.over(&fallback.drain_timeout),
            on_open_sessions: self.on_open_sessions.over(&fallback.on_open_sessions),
            grace: self.grace.over(&fallback.grace),
            hold: self.hold.over(&fallback.hold),
            warm_up: self.warm_up.or(&fallback.warm_up),
            // Later ones win when they become a map.
            servers: [&fallback.servers[..], &self.servers[..]].concat(),
            has_policy: self.has_policy || fallback.has_policy,
        }
    }

    fn compare_min_with_max(&self, reader: &mut Reader<'_>) {
        let (Some(min), Some(max)) = (&self.min, &self.max) else {
            return;
        };
        if min.value > max.value {
            reader.add(
                Diagnostic::new(
                    Code::MinAboveMax,
                    format!("`min` is {} and `max` is {}", min.value, max.value),
                    Label::new(min.span.clone(), "more than `max`"),
                    "make `max` at least as large as `min`, or remove one of them",
                )
                .with(Label::new(max.span.clone(), "less than `min`")),
            );
        }
    }

    /// The shorthand first, then each `[[policy]]`.
    fn policies(&self) -> Vec<PolicyDraft> {
        let shorthand = self.response_time.as_ref().map(PolicyDraft::shorthand);
        let listed = self.policies.iter().flatten().cloned();
        shorthand.into_iter().chain(listed).collect()
    }

    fn settle(
        &self,
        name: &str,
        lists: &servers::Lists,
        haproxy: &HaproxyConfig,
        reader: &mut Reader<'_>,
    ) -> BackendConfig {
        let always_up = u32::try_from(lists.always_up.len()).unwrap_or(u32::MAX);
        let max = self.max.as_ref().map(|max| max.value);
        let (warm_up, warm_up_deadline) = self.warm_up.settle(reader);
        let scale_up_cooldown = self.scale_up_cooldown.settled(DEFAULT_SCALE_UP_COOLDOWN);
        let cooldown = (
            scale_up_cooldown,
            self.scale_up_cooldown.as_ref().map(|at| &at.span),
        );
        let policies = self
            .policies()
            .iter()
            .map(|draft| draft.settle(&self.measuring, cooldown, reader))
            .collect();
        let urls = self.servers.iter().filter_map(|(server, url)| {
            let url = url.clone()?;
            Some((server.value.clone(), url))
        });
        BackendConfig {
            scaler: BackendSettings {
                name: name.to_owned(),
                always_up: lists.always_up.clone(),
                spares: lists.spares.clone(),
                // A default may not contradict what the operator wrote as `max`.
                min: self
                    .min
                    .settled(always_up.clamp(1, max.unwrap_or(u32::MAX).max(1))),
                max,
                policies,
                scale_up_cooldown,
                idle_timeout: self.idle_timeout.settled(DEFAULT_IDLE_TIMEOUT),
                scale_down_ratio: self.scale_down_ratio.settled(DEFAULT_SCALE_DOWN_RATIO),
                scale_down_cooldown: self
                    .scale_down_cooldown
                    .settled(DEFAULT_SCALE_DOWN_COOLDOWN),
                drain_timeout: self.drain_timeout.settled(DEFAULT_DRAIN_TIMEOUT),
                on_open_sessions: self.on_open_sessions.settled(OnOpenSessions::default()),
                grace: self.grace.settled(DEFAULT_GRACE),
                hold: self.hold.settled(DEFAULT_HOLD),
                warm_up_deadline,
                poll_interval: haproxy.poll_interval,
                // A command waits for the journal first: given up before it is sent, it would look
                // like an operator's when it comes.
                action_timeout: haproxy
                    .timeout
                    .saturating_mul(SOCKET_STEPS)
                    .saturating_add(WRITE_LIMIT),
            },
            warm_up,
            warm_up_urls: urls.collect(),
        }
    }
}

/// Every `[backend.NAME]`, over what `[defaults]` says.
pub(super) fn backends(
    top: &Table<'_>,
    defaults: &Draft,
    haproxy: &HaproxyConfig,
    reader: &mut Reader<'_>,
) -> BTreeMap<String, BackendConfig> {
    let tables = top.named_tables("backend", keys::BACKEND, reader);
    let mut backends = BTreeMap::new();
    for (name, table) in tables {
        servers::check_name(&name, "backend", reader);
        let own = Draft::read(&table, reader);
        let lists = servers::read(&table, reader);
        let draft = own.or(defaults);
        draft.compare_min_with_max(reader);
        warn_of_low_max(&draft, &lists, reader);
        servers::warn_of_unlisted(&own.servers, &lists, reader);
        if !draft.has_policy {
            reader.add(Diagnostic::new(
                Code::Missing,
                format!("backend `{}` has no policy", escaped(&name.value)),
                Label::new(table.span(), "nothing says when it is too slow"),
                format!(
                    "add `response_time = \"500ms\"` below {}, or a `[[policy]]`",
                    table.name()
                ),
            ));
        }
        let config = draft.settle(&name.value, &lists, haproxy, reader);
        backends.insert(name.value, config);
    }
    backends
}

/// Warns of a `max` that leaves no room for a spare when load grows. `min` spares are there without
/// load.
fn warn_of_low_max(draft: &Draft, lists: &servers::Lists, reader: &mut Reader<'_>) {
    let (Some(max), Some(place)) = (&draft.max, &lists.always_up_place) else {
        return;
    };
    let count = u32::try_from(lists.always_up.len()).unwrap_or(u32::MAX);
    let min = draft.min.as_ref().filter(|min| min.value > count);
    let needed = min.map_or(count, |min| min.value);
    // More is said already when `min` is above `max`.
    if max.value > needed || min.is_some_and(|min| min.value > max.value) {
        return;
    }
    let (title, label, why) = match min {
        Some(min) => (
            format!("`min` and `max` are {}", max.value),
            "no spare is ever enabled for load",
            Label::new(min.span.clone(), "so many are up without load"),
        ),
        None => (
            match count {
                1 => format!("`max` is {} and one server is always up", max.value),
                _ => format!("`max` is {} and {count} servers are always up", max.value),
            },
            if max.value == count {
                "a spare comes in only while one of them is down"
            } else {
                "no spare is ever enabled"
            },
            Label::new(place.clone(), "these are never disabled"),
        ),
    };
    let help = format!("write `max = {}` or more, or remove it", needed + 1);
    let label = Label::new(max.span.clone(), label);
    reader.add(Diagnostic::new(Code::LowMax, title, label, help).with(why));
}

fn ratio(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<At<f64>> {
    let ratio = table.number("scale_down_ratio", reader)?;
    if !(ratio.value > 0.0 && ratio.value <= 1.0) {
        let label = if ratio.value == 0.0 {
            "nothing is ever below 0"
        } else {
            "outside 0 to 1"
        };
        reader.add(Diagnostic::new(
            Code::OutOfRange,
            format!("`scale_down_ratio` is {}", ratio.value),
            Label::new(ratio.span, label),
            "write a share of the threshold between 0 and 1, for example 0.6",
        ));
        return None;
    }
    if ratio.value >= 1.0 {
        reader.add(Diagnostic::new(
            Code::NoHysteresis,
            "`scale_down_ratio` is 1",
            Label::new(ratio.span.clone(), "quiet begins right below the threshold"),
            "write less, for example 0.6, or a spare may come and go all the time",
        ));
    }
    Some(ratio)
}
