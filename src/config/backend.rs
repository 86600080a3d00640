//! `[defaults]` and `[backend.NAME]`: what `[defaults]` says goes into a draft, what a backend says
//! into a copy of it, and each copy becomes a [`BackendConfig`].
//!
//! So a backend's own value wins, key by key: the whole list of `[[policy]]` is one key, each key of
//! `warm_up` is one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, escaped};
use super::draft::Draft;
use super::machine::{self, Machine};
use super::policy::{Policy, Settled};
use super::reader::{At, Reader, Table};
use super::schedule;
use super::servers::{self, Lists};
use super::{BackendConfig, keys};
use crate::machines::identity::identity;
use crate::scaler::settings::{BackendSettings, MachineSettings, Spares};
use crate::state::WRITE_LIMIT;
use crate::words::names::ServerName;

/// No server takes longer to get warm under load.
const LONG_RAMP: Duration = Duration::from_secs(10 * 60);

/// Steps of one transaction on the admin socket: connect, write, read. Each has its own time limit.
const SOCKET_STEPS: u32 = 3;

/// What is known about a backend so far.
#[derive(Clone, Debug)]
struct Layers<'t> {
    draft: Draft,
    /// Each `[[policy]]`.
    policies: Vec<Table<'t>>,
    /// Each `[[schedule]]`.
    schedules: Vec<Table<'t>>,
    /// `warm_up_url` by server.
    urls: BTreeMap<String, String>,
    /// `tier` by server.
    tiers: BTreeMap<String, At<u32>>,
    /// `machine` by server.
    machines: BTreeMap<String, Machine>,
    /// Says that there is a policy, good or bad.
    has_policy: bool,
}

impl<'t> Layers<'t> {
    /// Lays a table over what is known. Gives the servers that have a table of their own in it.
    fn add(&mut self, table: &Table<'t>, reader: &mut Reader<'_>) -> Vec<At<String>> {
        table.fill(&mut self.draft, reader);
        if let Some(warm_up) = table.table("warm_up", &keys::WARM_UP, reader) {
            warm_up.fill(&mut self.draft, reader);
        }
        if let Some(policies) = table.tables("policy", &keys::POLICY, reader) {
            self.policies = policies;
        }
        if let Some(schedules) = table.tables("schedule", &keys::SCHEDULE, reader) {
            self.schedules = schedules;
        }
        self.has_policy |= table.has("response_time") || table.has("policy");
        let mut servers = Vec::new();
        for (server, table) in table.named_tables("server", &keys::SERVER, reader) {
            servers::check_name(&server, "server", reader);
            if let Some(url) = table.get("warm_up_url", reader) {
                self.urls.insert(server.value.clone(), url.value);
            }
            if let Some(tier) = table.get::<u32>("tier", reader) {
                self.tiers.insert(server.value.clone(), tier);
            }
            if let Some(table) = table.table("machine", &keys::MACHINE, reader)
                && let Some(machine) = machine::read(&table, reader)
            {
                self.machines.insert(server.value.clone(), machine);
            }
            servers.push(server);
        }
        self.check(reader);
        servers
    }

    /// What cannot be right whatever the backend.
    fn check(&self, reader: &mut Reader<'_>) {
        let Draft {
            given, min, scaler, ..
        } = &self.draft;
        let place = |key: &str, text: &str| Some(Label::new(given.get(key)?.clone(), text));
        if let (Some(min), Some(max)) = (min, scaler.max)
            && *min > max
            && let Some(place_of_min) = place("min", "more than `max`")
        {
            let title = format!("`min` is {min} and `max` is {max}");
            let help = "make `max` at least as large as `min`, or remove one of them";
            let mut mistake = Diagnostic::new(Code::MinAboveMax, title, place_of_min, help);
            mistake.secondary.extend(place("max", "less than `min`"));
            reader.add(mistake);
        }
        if scaler.scale_down_ratio >= 1.0
            && let Some(label) = place("scale_down_ratio", "quiet begins right below the threshold")
        {
            let help = "write less, for example 0.6; otherwise spares may come and go all the time";
            let title = "`scale_down_ratio` is 1";
            reader.add(Diagnostic::new(Code::NoHysteresis, title, label, help));
        }
        if scaler.weight_ramp > LONG_RAMP
            && let Some(label) = place("weight_ramp", "a newcomer hardly helps for this long")
        {
            let ramp = humantime::format_duration(scaler.weight_ramp);
            let title = format!("`weight_ramp` is {ramp}");
            let help = "write as long as a server takes to get warm, for example \"1m\"";
            reader.add(Diagnostic::new(Code::LongRamp, title, label, help));
        }
    }

    /// Both may stand in different tables, so this is asked of a backend alone.
    fn warn_of_long_timeout(&self, reader: &mut Reader<'_>) {
        let Draft {
            given,
            scaler,
            warm_up,
            ..
        } = &self.draft;
        let place = |key: &str, text: &str| Some(Label::new(given.get(key)?.clone(), text));
        let (timeout, deadline) = (warm_up.timeout, scaler.warm_up_deadline);
        let mut places = [
            place("timeout", "one request may take this long"),
            place("deadline", "the whole warm-up must end by then"),
        ]
        .into_iter()
        .flatten();
        if timeout > deadline
            && let Some(label) = places.next()
        {
            let [timeout, deadline] = [timeout, deadline].map(humantime::format_duration);
            let title =
                format!("warm_up `timeout` ({timeout}) is longer than `deadline` ({deadline})");
            let help = "make `deadline` several times as long as `timeout`";
            let mut warning = Diagnostic::new(Code::TimeoutAboveDeadline, title, label, help);
            warning.secondary = places.collect();
            reader.add(warning);
        }
    }

    /// What never comes nor goes has no use for a tier.
    fn warn_of_idle_tiers(&self, lists: &Lists, reader: &mut Reader<'_>) {
        for (name, tier) in &self.tiers {
            if lists.always_up.contains(name) {
                reader.add(Diagnostic::new(
                    Code::WithoutEffect,
                    format!("`tier` of `{}`, which is always up", escaped(name)),
                    Label::new(tier.span.clone(), "without effect"),
                    "remove `tier`: it says which spares are taken later and go earlier",
                ));
            }
        }
    }

    /// What is always up needs nobody who starts it; what is no spare is never touched.
    fn leave_out_idle_machines(&mut self, lists: &Lists, reader: &mut Reader<'_>) {
        for (name, machine) in &self.machines {
            if lists.always_up.contains(name) {
                reader.add(Diagnostic::new(
                    Code::WithoutEffect,
                    format!("a machine of `{}`, which is always up", escaped(name)),
                    Label::new(machine.span.clone(), "it is neither started nor stopped"),
                    "remove this table, or name the server in `spares` instead of `always_up`",
                ));
            }
        }
        self.machines.retain(|name, _| match &lists.spares {
            Spares::Auto => !lists.always_up.contains(name),
            Spares::Named(spares) => spares.contains(name),
        });
    }

    fn settle(self, name: String, lists: Lists, reader: &mut Reader<'_>) -> BackendConfig {
        let draft = self.draft;
        let shorthand = Policy::shorthand(&draft);
        let listed = self.policies.iter();
        let listed: Vec<_> = listed
            .filter_map(|table| Policy::read(table, &draft, reader))
            .collect();
        let cooldown = draft.scaler.scale_up_cooldown;
        let (mut policies, mut targets) = (Vec::new(), Vec::new());
        for policy in shorthand.into_iter().chain(listed) {
            match policy.settle(cooldown, reader) {
                Settled::Threshold(policy) => policies.push(policy),
                Settled::Target(target) => targets.push(target),
            }
        }
        let haproxy = &draft.config.haproxy;
        let defaults = BackendSettings::for_backend(name, lists.always_up);
        // A default may not contradict what the operator wrote as `max`.
        let most = draft.scaler.max.unwrap_or(u32::MAX).max(1);
        let tiers = self
            .tiers
            .into_iter()
            .map(|(name, tier)| (name, tier.value));
        let min = draft.min.unwrap_or(defaults.min.min(most));
        let schedules = self.schedules.iter().filter_map(|table| {
            let schedule = schedule::read(table, reader)?;
            schedule::check(table, &schedule, min, draft.scaler.max, reader);
            Some(schedule)
        });
        let schedules = schedules.collect();
        let machines = self.machines.iter();
        let machines = machines.map(|(name, machine)| {
            let settings = MachineSettings {
                identity: identity(&machine.provider, name),
                ..machine.settings
            };
            (name.clone(), settings)
        });
        let providers = self.machines.iter();
        let providers = providers.map(|(name, machine)| (name.clone(), machine.provider.clone()));
        BackendConfig {
            scaler: BackendSettings {
                name: defaults.name,
                always_up: defaults.always_up,
                spares: lists.spares,
                tiers: tiers.collect(),
                machines: machines.collect(),
                min,
                policies,
                targets,
                poll_interval: haproxy.poll_interval,
                // A command waits for the state file first: given up before it is sent, it would look
                // like an operator's when it comes.
                action_timeout: haproxy
                    .timeout
                    .saturating_mul(SOCKET_STEPS)
                    .saturating_add(WRITE_LIMIT),
                ..draft.scaler
            },
            schedules,
            warm_up: draft.warm_up,
            warm_up_urls: self.urls,
            machines: providers.collect(),
        }
    }
}

/// Every `[backend.NAME]`, over what `[defaults]` says.
pub(super) fn backends(
    top: &Table<'_>,
    draft: Draft,
    reader: &mut Reader<'_>,
) -> BTreeMap<String, BackendConfig> {
    let mut defaults = Layers {
        draft,
        policies: Vec::new(),
        schedules: Vec::new(),
        urls: BTreeMap::new(),
        tiers: BTreeMap::new(),
        machines: BTreeMap::new(),
        has_policy: false,
    };
    if let Some(table) = top.table("defaults", &keys::DEFAULTS, reader) {
        defaults.add(&table, reader);
        // For their mistakes: no backend may take them.
        for policy in &defaults.policies {
            Policy::read(policy, &defaults.draft, reader);
        }
        for schedule in &defaults.schedules {
            schedule::read(schedule, reader);
        }
    }
    let mut backends = BTreeMap::new();
    let mut owners = machine::Owners::default();
    for (name, table) in top.named_tables("backend", &keys::BACKEND, reader) {
        servers::check_name(&name, "backend", reader);
        let mut layers = defaults.clone();
        let servers = layers.add(&table, reader);
        let lists = servers::read(&table, reader);
        layers.warn_of_long_timeout(reader);
        warn_of_low_max(&layers.draft, &lists, reader);
        servers::warn_of_unlisted(&servers, &lists, reader);
        layers.warn_of_idle_tiers(&lists, reader);
        layers.leave_out_idle_machines(&lists, reader);
        for (server, machine) in &layers.machines {
            let is_named = matches!(lists.spares, Spares::Named(_));
            let server = ServerName::new(name.value.clone(), server.clone());
            owners.add(server, machine, is_named, reader);
        }
        if !layers.has_policy {
            reader.add(Diagnostic::new(
                Code::Missing,
                format!("backend `{}` has no policy", escaped(&name.value)),
                Label::new(table.span(), "nothing defines when it is too slow"),
                format!(
                    "add `response_time = \"500ms\"` below {}, or a `[[policy]]`",
                    table.name()
                ),
            ));
        }
        let config = layers.settle(name.value.clone(), lists, reader);
        backends.insert(name.value, config);
    }
    backends
}

/// Warns of a `max` that leaves no room for a spare when load grows. `min` spares are there without
/// load.
fn warn_of_low_max(draft: &Draft, lists: &Lists, reader: &mut Reader<'_>) {
    let (Some(max), Some(span)) = (draft.scaler.max, draft.given.get("max")) else {
        return;
    };
    let Some(always_up) = lists.always_up_place.clone() else {
        return;
    };
    let count = u32::try_from(lists.always_up.len()).unwrap_or(u32::MAX);
    let min = draft.min.filter(|min| *min > count);
    let needed = min.unwrap_or(count);
    // More is said already when `min` is above `max`.
    if max > needed || min.is_some_and(|min| min > max) {
        return;
    }
    let (title, label, why) = match min.and(draft.given.get("min")) {
        Some(min) => (
            format!("`min` and `max` are {max}"),
            "no spare is ever enabled for load",
            Label::new(min.clone(), "this many serve even without load"),
        ),
        None => (
            match count {
                1 => format!("`max` is {max} and one server is always up"),
                _ => format!("`max` is {max} and {count} servers are always up"),
            },
            if max == count {
                "a spare comes in only while one of them is down"
            } else {
                "no spare is ever enabled"
            },
            Label::new(always_up, "these are never disabled"),
        ),
    };
    let help = format!("write `max = {}` or more, or remove it", needed + 1);
    let label = Label::new(span.clone(), label);
    reader.add(Diagnostic::new(Code::LowMax, title, label, help).with(why));
}
