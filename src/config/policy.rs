//! What decides: the `response_time` shorthand and `[[policy]]`, with what each does not say itself
//! taken from its backend.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, Span};
use super::draft::Draft;
use super::reader::{Reader, Table};
use super::values::Word;
use crate::log::format::Gap;
use crate::measure::settings::{
    self, Origin, PolicySettings, Signal, Statistic, TargetSettings, Unit, WindowSize,
};

/// A window of a polled signal that does not say otherwise: five looks at HAProxy with the default
/// `poll_interval`.
const POLLED_WINDOW: Duration = Duration::from_secs(10);
/// A window of a polled signal holds at least so many looks.
const POLLED_SAMPLES: u32 = 2;
/// Largest threshold of a number.
const MAX_ABOVE: f64 = 1e9;

/// `timer`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Timer {
    /// What a client waits for.
    All,
    /// The server alone.
    Server,
}

impl Word for Timer {
    const WORDS: &'static [(&'static str, Self)] = &[("Tw+Tc+Tr", Self::All), ("Tr", Self::Server)];
}

/// What a policy comes to.
#[derive(Debug)]
pub(super) enum Settled {
    /// Servers are added while it is above a threshold.
    Threshold(PolicySettings),
    /// So many servers are wanted as take all of it.
    Target(TargetSettings),
}

/// A policy, and where it stands in the file.
#[derive(Debug)]
pub(super) struct Policy {
    /// Of a target the threshold is that of one server.
    settings: PolicySettings,
    is_target: bool,
    given: BTreeMap<&'static str, Span>,
    /// For mistakes that concern several keys.
    span: Span,
}

impl Policy {
    /// `response_time = "500ms"`.
    pub(super) fn shorthand(draft: &Draft) -> Option<Self> {
        let above = draft.response_time?;
        Some(Self {
            settings: PolicySettings {
                signal: Signal::ResponseTime,
                above: in_ms(above),
                ..draft.policy.clone()
            },
            is_target: false,
            given: draft.given.clone(),
            span: draft.given.get("response_time")?.clone(),
        })
    }

    /// One `[[policy]]` of the backend in the draft; `None` when it has a mistake that leaves nothing
    /// to use.
    pub(super) fn read(table: &Table<'_>, draft: &Draft, reader: &mut Reader<'_>) -> Option<Self> {
        let mut own = draft.clone();
        table.fill(&mut own, reader);
        let has_signal = table.has("signal");
        if !has_signal {
            let words: Vec<&str> = Signal::WORDS.iter().map(|(word, _)| *word).collect();
            reader.add(Diagnostic::new(
                Code::Missing,
                "a policy without `signal`",
                Label::new(table.span(), "nothing to measure"),
                format!("add `signal = \"…\"`: {}", words.join(", ")),
            ));
        }
        let signal = timer(
            table,
            table.get("signal", reader).map(|it| it.value),
            reader,
        );
        let is_target = table.has("per_server") && !table.has("above");
        let above = if is_target {
            per_server(table, signal, reader)
        } else {
            above(table, signal, !has_signal, reader)
        };
        if signal.is_some_and(Signal::is_polled) {
            poll(&mut own.policy, table, reader);
        }
        Some(Self {
            settings: PolicySettings {
                signal: signal?,
                above: above?,
                ..own.policy
            },
            is_target,
            given: own.given,
            span: table.span(),
        })
    }

    /// The settings, and what looks wrong about them.
    pub(super) fn settle(self, cooldown: Duration, reader: &mut Reader<'_>) -> Settled {
        if self.is_target {
            return Settled::Target(TargetSettings {
                measured: self.settings,
            });
        }
        self.refuse_what_is_not_logged(reader);
        self.warn_of_few_samples(reader);
        self.warn_of_short_cooldown(cooldown, reader);
        Settled::Threshold(self.settings)
    }

    /// A signal of which the log format says nothing would be calm for ever.
    fn refuse_what_is_not_logged(&self, reader: &mut Reader<'_>) {
        let Origin::Request(timer) = self.settings.signal.origin() else {
            return;
        };
        let gap = match timer {
            settings::Timer::Queue => Gap::Queue,
            settings::Timer::Connect => Gap::Connect,
            settings::Timer::Response | settings::Timer::Server => return,
        };
        if !reader.gaps.contains(&gap) {
            return;
        }
        let (signal, item) = (self.settings.signal.as_str(), gap.item());
        reader.add(Diagnostic::new(
            Code::IncompleteLogFormat,
            format!("a policy on {signal}, but the log format lacks {item}"),
            Label::new(self.span.clone(), "this policy could never trigger"),
            format!("add {item} to the log-format, or remove the policy"),
        ));
    }

    /// The nearest rank of pQ of n samples is n itself when n · (1 − Q) < 1.
    fn warn_of_few_samples(&self, reader: &mut Reader<'_>) {
        let (Statistic::Percentile(rank), WindowSize::Requests(samples)) =
            (self.settings.statistic, self.settings.window)
        else {
            return;
        };
        let beyond = 100 - u32::from(rank.min(99));
        if samples.saturating_mul(beyond) >= 100 {
            return;
        }
        let statistic = self.given.get("statistic").unwrap_or(&self.span);
        let mut diagnostic = Diagnostic::new(
            Code::FewSamples,
            format!("p{rank} of {samples} samples is the maximum"),
            Label::new(statistic.clone(), "one slow request decides"),
            format!(
                "write `window = {}` or more, or a lower percentile",
                100_u32.div_ceil(beyond)
            ),
        );
        if let Some(window) = self.given.get("window") {
            diagnostic = diagnostic.with(Label::new(window.clone(), "too few samples"));
        }
        reader.add(diagnostic);
    }

    fn warn_of_short_cooldown(&self, cooldown: Duration, reader: &mut Reader<'_>) {
        let WindowSize::Span(span) = self.settings.window else {
            return;
        };
        if cooldown >= span {
            return;
        }
        let window = self.given.get("window").unwrap_or(&self.span).clone();
        let window = Label::new(window, "longer than the cooldown");
        let place = self.given.get("scale_up_cooldown");
        let label = "requests from before the scale-up count again";
        let place = place.map(|place| Label::new(place.clone(), label));
        let (primary, secondary) = match place {
            Some(place) => (place, vec![window]),
            None => (window, Vec::new()),
        };
        let cooldown = humantime::format_duration(cooldown);
        let span = humantime::format_duration(span);
        let title = format!("`scale_up_cooldown` ({cooldown}) is shorter than a window ({span})");
        let help = format!(
            "write `scale_up_cooldown = \"{span}\"` or more: a new server shows its effect only \
             after a whole window"
        );
        let mut diagnostic = Diagnostic::new(Code::ShortCooldown, title, primary, help);
        diagnostic.secondary = secondary;
        reader.add(diagnostic);
    }
}

fn timer(table: &Table<'_>, signal: Option<Signal>, reader: &mut Reader<'_>) -> Option<Signal> {
    let Some(timer) = table.get::<Timer>("timer", reader) else {
        return signal;
    };
    match (signal?, timer.value) {
        (Signal::ResponseTime | Signal::ServerTime, Timer::Server) => Some(Signal::ServerTime),
        (Signal::ResponseTime | Signal::ServerTime, Timer::All) => signal,
        (other, _) => {
            reader.add(Diagnostic::new(
                Code::NotAllowed,
                format!("`timer` with signal \"{}\"", other.as_str()),
                Label::new(timer.span, "only response_time has a choice of timers"),
                "remove `timer`, or write `signal = \"response_time\"`",
            ));
            None
        }
    }
}

/// Looks at HAProxy come by the clock, so the window is one in time.
fn poll(policy: &mut PolicySettings, table: &Table<'_>, reader: &mut Reader<'_>) {
    if let WindowSize::Requests(_) = policy.window {
        if let Some(window) = table.place("window") {
            reader.add(Diagnostic::new(
                Code::NotAllowed,
                "a window in requests, and a signal that is read from HAProxy",
                Label::new(window, "no request is measured here"),
                "write a duration, for example `window = \"10s\"`",
            ));
        }
        policy.window = WindowSize::Span(POLLED_WINDOW);
    }
    if table.place("min_samples").is_none() {
        policy.min_samples = POLLED_SAMPLES;
    }
}

/// What one server is to take, in the signal's unit.
fn per_server(table: &Table<'_>, signal: Option<Signal>, reader: &mut Reader<'_>) -> Option<f64> {
    let entry = table.entry("per_server")?;
    if let Some(signal) = signal.filter(|signal| signal.unit() == Unit::Ms) {
        reader.add(Diagnostic::new(
            Code::NotAllowed,
            format!("`per_server` with signal \"{}\"", signal.as_str()),
            Label::new(entry.span(), "servers do not share a time out among them"),
            "write a threshold, for example `above = \"500ms\"`, or a signal that is a number of the \
             whole backend: queue_length, concurrency or request_rate",
        ));
        return None;
    }
    if let Some(add) = table.place("add") {
        reader.add(Diagnostic::new(
            Code::WithoutEffect,
            "`add` with `per_server`",
            Label::new(add, "without effect"),
            "remove `add`: how many servers are missing follows from `per_server`",
        ));
    }
    entry.number(MAX_ABOVE, reader)
}

/// The threshold in the signal's unit. Where the signal was refused, the kind of the threshold is
/// nobody's mistake; where there is none it is taken for a time.
fn above(
    table: &Table<'_>,
    signal: Option<Signal>,
    is_unsaid: bool,
    reader: &mut Reader<'_>,
) -> Option<f64> {
    let is_known = signal.is_some() || is_unsaid;
    let is_time = signal.is_none_or(|signal| signal.unit() == Unit::Ms);
    let example = if is_time {
        "`above = \"500ms\"`"
    } else {
        "`above = 20`"
    };
    match (table.place("above"), table.place("per_server")) {
        (None, None) => reader.add(Diagnostic::new(
            Code::PolicyTarget,
            "a policy without a threshold",
            Label::new(table.span(), "`above` is missing"),
            if is_time {
                format!("add one, for example {example}")
            } else {
                format!("add one, for example {example}, or a target: `per_server = 20`")
            },
        )),
        (Some(above), Some(per_server)) => reader.add(
            Diagnostic::new(
                Code::PolicyTarget,
                "a policy with `above` and `per_server`",
                Label::new(per_server, "a target …"),
                "keep `above`",
            )
            .with(Label::new(above, "… and a threshold: only one can decide")),
        ),
        (Some(_), None) if !is_time => {
            return table.entry("above")?.number(MAX_ABOVE, reader);
        }
        (Some(_), None) if is_known => {
            let above = table.get::<Duration>("above", reader)?;
            return Some(in_ms(above.value));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    None
}

/// A duration as a threshold.
fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
