//! What decides: the `response_time` shorthand, `[[policy]]`, and the keys that both share.

use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, Span, quoted};
use super::keys;
use super::reader::{At, Given, Reader, Table, WholeOrText};
use super::sections::{MIN_DURATION, not_one_of, unsupported, word};
use crate::log::format::Gap;
use crate::scaler::settings::{Add, PolicySettings, Signal, Statistic, WindowSize};

const DEFAULT_STATISTIC: Statistic = Statistic::Mean;
const DEFAULT_WINDOW: WindowSize = WindowSize::Requests(15);
const DEFAULT_MIN_SPAN: Duration = Duration::from_secs(1);
const DEFAULT_MIN_SAMPLES: u32 = 10;
const DEFAULT_BREACHES: u32 = 3;
const DEFAULT_ADD: Add = Add::Servers(1);

/// Most requests of a window and most `min_samples`: what one policy keeps in memory.
pub(super) const MAX_SAMPLES: u32 = 100_000;
/// Shortest window in time; a shorter one says more about the log than about servers.
const MIN_WINDOW: Duration = Duration::from_millis(100);
const MAX_BREACHES: u32 = 1_000;
const MAX_ADD: u32 = 1_000;
const MAX_ADD_PERCENT: u32 = 1_000;

const STATISTICS: &[(&str, Statistic)] = &[
    ("mean", Statistic::Mean),
    ("median", Statistic::Median),
    ("p90", Statistic::Percentile(90)),
    ("p95", Statistic::Percentile(95)),
    ("p99", Statistic::Percentile(99)),
    ("max", Statistic::Max),
];

/// The time signals of this version.
const SIGNALS: &[(&str, Signal)] = &[
    ("response_time", Signal::ResponseTime),
    ("queue_time", Signal::QueueTime),
    ("connect_time", Signal::ConnectTime),
];
/// Signals that the contract names and this version does not measure.
const LATER_SIGNALS: &[&str] = &["queue_length", "concurrency", "request_rate"];

/// The keys that may stand on a backend, where they hold for its shorthand and its policies, and on
/// a policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Measuring {
    statistic: Option<At<Statistic>>,
    window: Option<At<WindowSize>>,
    every: Option<At<Duration>>,
    min_span: Option<At<Duration>>,
    min_samples: Option<At<u32>>,
    breaches: Option<At<u32>>,
    add: Option<At<Add>>,
}

impl Measuring {
    pub(super) fn read(table: &Table<'_>, reader: &mut Reader<'_>) -> Self {
        Self {
            statistic: word(table, "statistic", STATISTICS, reader),
            window: table
                .whole_or_duration("window", 1..=MAX_SAMPLES, MIN_WINDOW, reader)
                .map(|window| At {
                    value: match window.value {
                        Ok(requests) => WindowSize::Requests(requests),
                        Err(span) => WindowSize::Span(span),
                    },
                    span: window.span,
                }),
            every: table.duration("every", MIN_WINDOW, reader),
            min_span: table.duration("min_span", Duration::ZERO, reader),
            min_samples: table.whole("min_samples", 1..=MAX_SAMPLES, reader),
            breaches: table.whole("breaches", 1..=MAX_BREACHES, reader),
            add: add(table, reader),
        }
    }

    /// These, and where one is missing that of `fallback`.
    pub(super) fn or(&self, fallback: &Self) -> Self {
        Self {
            statistic: self.statistic.over(&fallback.statistic),
            window: self.window.over(&fallback.window),
            every: self.every.over(&fallback.every),
            min_span: self.min_span.over(&fallback.min_span),
            min_samples: self.min_samples.over(&fallback.min_samples),
            breaches: self.breaches.over(&fallback.breaches),
            add: self.add.over(&fallback.add),
        }
    }
}

fn add(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<At<Add>> {
    let wanted = "a whole number of servers, or a share such as \"50%\"";
    let given = table.whole_or_text("add", 1..=MAX_ADD, wanted, reader)?;
    let text = match given.value {
        WholeOrText::Whole(servers) => {
            return Some(At {
                value: Add::Servers(servers),
                span: given.span,
            });
        }
        WholeOrText::Text(text) => text,
    };
    let percent = text
        .strip_suffix('%')
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|digits| digits.parse::<u32>().unwrap_or(u32::MAX));
    match percent {
        Some(share @ 1..=MAX_ADD_PERCENT) => Some(At {
            value: Add::Percent(share),
            span: given.span,
        }),
        Some(_) => {
            reader.add(Diagnostic::new(
                Code::OutOfRange,
                format!("`add` is {}", quoted(&text)),
                Label::new(given.span, "outside the range"),
                format!("write \"1%\" to \"{MAX_ADD_PERCENT}%\" of the servers that are up"),
            ));
            None
        }
        None => {
            reader.add(Diagnostic::new(
                Code::BadText,
                format!("`add` is {}", quoted(&text)),
                Label::new(given.span, "neither a number nor a share"),
                "write a number of servers without quotes (`add = 2`) or a share (`add = \"50%\"`)",
            ));
            None
        }
    }
}

/// A policy as it stands in the file: signal and threshold, and its own part of the shared keys.
#[derive(Clone, Debug)]
pub(super) struct PolicyDraft {
    signal: Signal,
    above_ms: f64,
    own: Measuring,
    /// For mistakes that concern several keys.
    span: Span,
}

impl PolicyDraft {
    /// `response_time = "500ms"`.
    pub(super) fn shorthand(above: &At<Duration>) -> Self {
        Self {
            signal: Signal::ResponseTime,
            above_ms: in_ms(above.value),
            own: Measuring::default(),
            span: above.span.clone(),
        }
    }

    /// One `[[policy]]`; `None` when it has a mistake that leaves nothing to use.
    fn read(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let own = Measuring::read(table, reader);
        let given = table.has("signal").then(|| signal(table, reader));
        if given.is_none() {
            let words: Vec<&str> = SIGNALS.iter().map(|(word, _)| *word).collect();
            reader.add(Diagnostic::new(
                Code::Missing,
                "a policy without `signal`",
                Label::new(table.span(), "measures nothing"),
                format!("add `signal = \"…\"`: {}", words.join(", ")),
            ));
        }
        let signal = timer(table, given.flatten(), reader);
        let above = above(table, signal.is_some() || given.is_none(), reader);
        Some(Self {
            signal: signal?,
            above_ms: above?,
            own,
            span: table.span(),
        })
    }

    /// With what it does not say itself taken from its backend, then from the built-in defaults.
    pub(super) fn settle(
        &self,
        inherited: &Measuring,
        cooldown: (Duration, Option<&Span>),
        reader: &mut Reader<'_>,
    ) -> PolicySettings {
        let keys = self.own.or(inherited);
        let settings = PolicySettings {
            signal: self.signal,
            statistic: keys.statistic.settled(DEFAULT_STATISTIC),
            window: keys.window.settled(DEFAULT_WINDOW),
            every: keys.every.as_ref().map(|every| every.value),
            min_span: keys.min_span.settled(DEFAULT_MIN_SPAN),
            min_samples: keys.min_samples.settled(DEFAULT_MIN_SAMPLES),
            above_ms: self.above_ms,
            breaches: keys.breaches.settled(DEFAULT_BREACHES),
            add: keys.add.settled(DEFAULT_ADD),
        };
        self.refuse_what_is_not_logged(reader);
        self.warn_of_few_samples(&keys, &settings, reader);
        self.warn_of_short_cooldown(&keys, &settings, cooldown, reader);
        settings
    }

    /// A signal of which the log format says nothing would be calm for ever.
    fn refuse_what_is_not_logged(&self, reader: &mut Reader<'_>) {
        let gap = match self.signal {
            Signal::QueueTime => Gap::Queue,
            Signal::ConnectTime => Gap::Connect,
            Signal::ResponseTime | Signal::ServerTime => return,
        };
        if !reader.gaps.contains(&gap) {
            return;
        }
        let (signal, item) = (self.signal.as_str(), gap.item());
        reader.add(Diagnostic::new(
            Code::IncompleteLogFormat,
            format!("a policy on {signal}, and the log format lacks {item}"),
            Label::new(self.span.clone(), "could never be breached"),
            format!("write {item} into the log-format, or remove the policy"),
        ));
    }

    /// The nearest rank of pQ of n samples is n itself when n · (1 − Q) < 1.
    fn warn_of_few_samples(
        &self,
        keys: &Measuring,
        settings: &PolicySettings,
        reader: &mut Reader<'_>,
    ) {
        let (Statistic::Percentile(rank), WindowSize::Requests(samples)) =
            (settings.statistic, settings.window)
        else {
            return;
        };
        let beyond = 100 - u32::from(rank.min(99));
        if samples.saturating_mul(beyond) >= 100 {
            return;
        }
        let place = |at: Option<&Span>| at.unwrap_or(&self.span).clone();
        let statistic = keys.statistic.as_ref().map(|at| &at.span);
        let mut diagnostic = Diagnostic::new(
            Code::FewSamples,
            format!("p{rank} of {samples} samples is the maximum"),
            Label::new(place(statistic), "one slow request decides"),
            format!(
                "write `window = {}` or more, or a lower percentile",
                100_u32.div_ceil(beyond)
            ),
        );
        if let Some(window) = &keys.window {
            diagnostic = diagnostic.with(Label::new(window.span.clone(), "so few samples"));
        }
        reader.add(diagnostic);
    }

    fn warn_of_short_cooldown(
        &self,
        keys: &Measuring,
        settings: &PolicySettings,
        (cooldown, place): (Duration, Option<&Span>),
        reader: &mut Reader<'_>,
    ) {
        let WindowSize::Span(span) = settings.window else {
            return;
        };
        if cooldown >= span {
            return;
        }
        let window = keys.window.as_ref().map_or(&self.span, |at| &at.span);
        let cooldown = humantime::format_duration(cooldown);
        let span = humantime::format_duration(span);
        let title = format!("`scale_up_cooldown` ({cooldown}) is shorter than a window ({span})");
        let help = format!(
            "write `scale_up_cooldown = \"{span}\"` or more: a new server shows its effect only \
             after a whole window"
        );
        let label = "requests from before the scale-up count again";
        reader.add(match place {
            Some(place) => Diagnostic::new(
                Code::ShortCooldown,
                title,
                Label::new(place.clone(), label),
                help,
            )
            .with(Label::new(window.clone(), "longer than the cooldown")),
            None => Diagnostic::new(
                Code::ShortCooldown,
                title,
                Label::new(window.clone(), "longer than the cooldown"),
                help,
            ),
        });
    }
}

/// All `[[policy]]` of a table; `None` when it has none.
pub(super) fn policies(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Vec<PolicyDraft>> {
    let tables = table.tables("policy", keys::POLICY, reader)?;
    Some(
        tables
            .iter()
            .filter_map(|table| PolicyDraft::read(table, reader))
            .collect(),
    )
}

fn signal(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Signal> {
    let text = table.text("signal", reader)?;
    if let Some((_, signal)) = SIGNALS.iter().find(|(word, _)| *word == text.value) {
        return Some(*signal);
    }
    let words = SIGNALS.iter().map(|(word, _)| *word);
    if LATER_SIGNALS.contains(&text.value.as_str()) {
        let list: Vec<&str> = words.collect();
        reader.add(unsupported(
            format!("signal \"{}\" is not supported by this version", text.value),
            text.span,
            &format!("this version measures {}", list.join(", ")),
        ));
    } else {
        reader.add(not_one_of("signal", &text, words));
    }
    None
}

fn timer(table: &Table<'_>, signal: Option<Signal>, reader: &mut Reader<'_>) -> Option<Signal> {
    let words = [("Tr", true), ("Tw+Tc+Tr", false)];
    let Some(timer) = word(table, "timer", &words, reader) else {
        return signal;
    };
    match signal {
        Some(Signal::ResponseTime | Signal::ServerTime) if timer.value => Some(Signal::ServerTime),
        Some(Signal::ResponseTime | Signal::ServerTime) | None => signal,
        Some(other @ (Signal::QueueTime | Signal::ConnectTime)) => {
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

/// The threshold in milliseconds. `is_time` is false when the signal was already refused: then the
/// kind of the threshold is nobody's mistake.
fn above(table: &Table<'_>, is_time: bool, reader: &mut Reader<'_>) -> Option<f64> {
    match (table.place("above"), table.place("per_server")) {
        (None, None) => reader.add(Diagnostic::new(
            Code::PolicyTarget,
            "a policy without a threshold",
            Label::new(table.span(), "`above` is missing"),
            "add for example `above = \"500ms\"`",
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
        (None, Some(per_server)) if is_time => reader.add(unsupported(
            "`per_server` is not supported by this version".to_owned(),
            per_server,
            "write a threshold instead, for example `above = \"500ms\"`",
        )),
        (Some(_), None) if is_time => {
            let above = table.duration("above", MIN_DURATION, reader);
            return above.map(|above| in_ms(above.value));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    None
}

/// A duration as a threshold.
fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
