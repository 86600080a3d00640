//! The values that are the product's own: sockets, sources, formats, windows, words. What every value
//! must say about itself is in [`super::values`].

use std::time::Duration;

use super::diagnostic::{Code, quoted};
use super::reader::Reader;
use super::text;
use super::values::{Entry, Parse, Word};
use super::{Age, Mode, duration, learned, log_format};
use crate::log::format::LogFormat;
use crate::log::source::LogSource;
use crate::measure::capacity::Bracket;
use crate::measure::need::Headroom;
use crate::measure::settings::{Add, Signal, Statistic, WindowSize};
use crate::runtime_api::Address;
use crate::scaler::settings::{Capacity, OnOpenSessions};

/// Most requests of a window and most `min_samples`: what one policy keeps in memory.
pub(super) const MAX_SAMPLES: u32 = 100_000;
/// Shortest window in time; a shorter one says more about the log than about servers.
pub(super) const MIN_WINDOW: Duration = Duration::from_millis(100);
/// Seconds of a day.
const DAY_S: u64 = 86_400;
const MAX_ADD: u32 = 1_000;
/// Requests a second of one server.
const MIN_RATE: f64 = 0.01;
const MAX_RATE: f64 = 1_000_000.0;
/// A size: a httplog line without captures has about 200 bytes, and HAProxy's `log … len` ends at
/// 65535.
const MIN_BYTES: u32 = 256;
const MAX_BYTES: u32 = 16 * 1024 * 1024;

impl Parse for Age {
    const KIND: &'static str = "a duration of at least `\"1m\"`, such as `\"30d\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(text::age, reader)
    }

    fn show(&self) -> String {
        let seconds = self.0.as_secs();
        if seconds.is_multiple_of(DAY_S) {
            return quoted(&format!("{}d", seconds / DAY_S));
        }
        quoted(&humantime::format_duration(self.0).to_string())
    }
}

impl Parse for Address {
    const KIND: &'static str = "a path, or `\"tcp:HOST:PORT\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(text::address, reader)
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Parse for LogSource {
    const KIND: &'static str = Self::FORMS;

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(Self::parse, reader)
    }

    fn show(&self) -> String {
        if let Self::File(path) = self {
            path.show()
        } else {
            String::new()
        }
    }
}

impl Parse for LogFormat {
    const KIND: &'static str = "`\"httplog\"`, `\"httpslog\"`, `\"clf\"`, or a log-format string of \
                                haproxy.cfg";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        log_format::read(given, given.text(reader)?, reader)
    }

    fn show(&self) -> String {
        quoted(self.as_str())
    }
}

/// A size in bytes.
impl Parse for usize {
    const KIND: &'static str = "a size from `\"256B\"` to `\"16MiB\"`, or a whole number of bytes";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let range = (MIN_BYTES, MAX_BYTES);
        let size = |text: &str, reader: &mut Reader<'_>| {
            let bytes = text::size(text);
            let fitting = bytes.filter(|bytes| (MIN_BYTES..=MAX_BYTES).contains(bytes));
            if fitting.is_none() {
                let (code, label) = match bytes {
                    Some(_) => (Code::OutOfRange, "out of range"),
                    None => (Code::BadText, "not a size"),
                };
                let help = "write a whole number with B, KiB or MiB, from \"256B\" to \"16MiB\"";
                reader.add(given.bad(code, label, help));
            }
            fitting
        };
        let bytes = given.whole_or_text(range, |bytes| bytes, size, reader)?;
        Self::try_from(bytes).ok()
    }

    fn show(&self) -> String {
        format!("\"{}KiB\"", self / 1024)
    }
}

impl Parse for Vec<(u16, u16)> {
    const KIND: &'static str = "status codes and ranges, separated by commas";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(text::status_ranges, reader)
    }

    fn show(&self) -> String {
        let ranges: Vec<String> = self
            .iter()
            .map(|(from, to)| format!("{from}-{to}"))
            .collect();
        quoted(&ranges.join(","))
    }
}

impl Parse for WindowSize {
    const KIND: &'static str = "a number of requests from 1 to 100000, or a duration of at least \
                                `\"100ms\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let span = |text: &str, reader: &mut Reader<'_>| {
            duration::read(given, text, MIN_WINDOW, reader).map(Self::Span)
        };
        given.whole_or_text((1, MAX_SAMPLES), Self::Requests, span, reader)
    }

    fn show(&self) -> String {
        match self {
            Self::Requests(count) => count.show(),
            Self::Span(span) => span.show(),
        }
    }
}

impl Parse for Add {
    const KIND: &'static str = "a number of servers from 1 to 1000, or `\"1%\"` to `\"1000%\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let percent = |text: &str, reader: &mut Reader<'_>| {
            let digits = text.strip_suffix('%').filter(|digits| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            });
            let Some(digits) = digits else {
                let help = "write a number of servers without quotes (`add = 2`) or a share \
                            (`add = \"50%\"`)";
                reader.add(given.bad(Code::BadText, "neither a number nor a share", help));
                return None;
            };
            let percent = digits.parse().ok();
            let percent = percent.filter(|percent| (1..=MAX_ADD).contains(percent));
            if percent.is_none() {
                let help = format!("write \"1%\" to \"{MAX_ADD}%\" of the serving servers");
                reader.add(given.bad(Code::OutOfRange, "out of range", help));
            }
            percent.map(Self::Percent)
        };
        given.whole_or_text((1, MAX_ADD), Self::Servers, percent, reader)
    }

    fn show(&self) -> String {
        match self {
            Self::Servers(count) => count.show(),
            Self::Percent(share) => quoted(&format!("{share}%")),
        }
    }
}

impl Parse for Capacity {
    const KIND: &'static str = "`\"learn\"`, `\"off\"`, requests a second of one server: `\"60/s\"`, or a \
                                table of `tune`: `{ proved = \"36/s\", broken = \"40/s\", in_flight = 8 }`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        if let Some(table) = given.value.get_ref().as_table() {
            return learned::capacity(given, table, reader);
        }
        let text = given.text(reader)?;
        match text {
            "learn" => return Some(Self::Learn),
            "off" => return Some(Self::Off),
            _ => {}
        }
        let rate = rate(text);
        if rate.is_none() {
            let help =
                "write \"learn\", \"off\" or what one server carries: \"60/s\" (0.01 to 1000000)";
            reader.add(given.bad(Code::BadText, "no capacity", help));
        }
        rate.map(|rate| Self::Given(Bracket::given(rate)))
    }

    fn show(&self) -> String {
        match self {
            Self::Off => quoted("off"),
            Self::Learn | Self::From(_) => quoted("learn"),
            Self::Given(bracket) => {
                let rate = bracket.proved.map_or(0.0, |proved| proved.value);
                quoted(&format!("{rate}/s"))
            }
        }
    }
}

/// `60/s`: requests a second of one server.
pub(super) fn rate(text: &str) -> Option<f64> {
    let rate = text.strip_suffix("/s").and_then(|rate| rate.parse().ok());
    rate.filter(|rate| (MIN_RATE..=MAX_RATE).contains(rate))
}

impl Word for Headroom {
    const WORDS: &'static [(&'static str, Self)] = Self::NAMED;
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("act", Self::Act), ("observe", Self::Observe)];
}

impl Word for OnOpenSessions {
    const WORDS: &'static [(&'static str, Self)] = &[("wait", Self::Wait), ("maint", Self::Maint)];
}

impl Word for Statistic {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mean", Self::Mean),
        ("median", Self::Median),
        ("p90", Self::Percentile(90)),
        ("p95", Self::Percentile(95)),
        ("p99", Self::Percentile(99)),
        ("max", Self::Max),
    ];
}

impl Word for Signal {
    const WORDS: &'static [(&'static str, Self)] = Self::NAMED;
}
