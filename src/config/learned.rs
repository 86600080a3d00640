//! What one server carries, as a table: `capacity = { proved = "36/s", broken = "40/s", in_flight = 8 }`;
//! and the file of such tables that `tune -o` writes, which is a part of a configuration.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Label};
use super::reader::{Reader, Table};
use super::types::rate;
use super::values::{Entry, float};
use super::{ConfigErrors, keys, parse_as, text_of};
use crate::measure::capacity::{Bracket, Lesson};
use crate::scaler::settings::Capacity;
use crate::words::time::Timestamp;

const KEYS: &str = "proved, broken, in_flight";
const MAX_IN_FLIGHT: f64 = 1_000_000.0;

/// The capacities of a file that `tune -o` wrote, by backend.
///
/// # Errors
/// A file that cannot be read, and every mistake in it.
pub fn load_learned(path: &Path) -> Result<BTreeMap<String, Capacity>, ConfigErrors> {
    let name = path.display().to_string();
    let (_, text) = text_of(path)?;
    parse_as(&text, &name, capacities).map(|(learned, _)| learned)
}

fn capacities(entries: &DeTable<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, Capacity> {
    let top = Table::top(entries, &keys::TOP);
    top.reject_unknown(reader);
    let mut learned = BTreeMap::new();
    for (name, table) in top.named_tables("backend", &keys::BACKEND, reader) {
        if let Some(capacity) = table.get("capacity", reader) {
            learned.insert(name.value, capacity.value);
        }
    }
    if learned.is_empty() {
        reader.add(Diagnostic::new(
            Code::Missing,
            "no capacity",
            Label::new(0..0, "nothing of it says what a server carries"),
            "write the file with `haproxy-autoscale tune -o FILE LOG`",
        ));
    }
    learned
}

/// A capacity to start from.
pub(super) fn capacity(
    given: &Entry<'_>,
    table: &DeTable<'_>,
    reader: &mut Reader<'_>,
) -> Option<Capacity> {
    let (mut bracket, mut is_good) = (Bracket::default(), true);
    for (key, value) in table {
        let key_text: &str = key.get_ref();
        let place = match key_text {
            "proved" => &mut bracket.proved,
            "broken" => &mut bracket.broken,
            "in_flight" => &mut bracket.held,
            _ => {
                let label = Label::new(key.span(), "no such key");
                let help = format!("keys of `capacity`: {KEYS}");
                let title = "unknown key in `capacity`";
                reader.add(Diagnostic::new(Code::UnknownKey, title, label, help));
                is_good = false;
                continue;
            }
        };
        let is_rate = key_text != "in_flight";
        let number = if is_rate {
            value.get_ref().as_str().and_then(rate)
        } else {
            float(value.get_ref()).filter(|it| *it > 0.0 && *it <= MAX_IN_FLIGHT)
        };
        is_good &= number.is_some();
        match number {
            Some(value) => {
                let at = Timestamp::default();
                *place = Some(Lesson { value, at });
            }
            None => reader.add(bad(key_text, value, is_rate)),
        }
    }
    let rates = [bracket.proved, bracket.broken].map(|it| it.map(|it| it.value));
    let mistake = match rates {
        [None, None] => Some(("it says no rate", "write `proved`, `broken` or both")),
        [Some(proved), Some(broken)] if broken <= proved => Some((
            "`broken` is not more than `proved`",
            "what broke is more than what went well: swap them, or leave one out",
        )),
        [..] => None,
    };
    if let Some((label, help)) = mistake.filter(|_| is_good) {
        let title = "`capacity` cannot be used";
        let label = Label::new(given.span(), label);
        reader.add(Diagnostic::new(Code::BadText, title, label, help));
        return None;
    }
    is_good.then_some(Capacity::From(bracket))
}

fn bad(key: &str, value: &Spanned<DeValue<'_>>, is_rate: bool) -> Diagnostic {
    let (label, help) = if is_rate {
        (
            "not a rate",
            format!("write requests a second of one server: {key} = \"36/s\" (0.01 to 1000000)"),
        )
    } else {
        (
            "not a number of requests",
            "write how many requests one server holds: in_flight = 8".to_owned(),
        )
    };
    let title = format!("`{key}` of `capacity` cannot be used");
    Diagnostic::new(Code::BadText, title, Label::new(value.span(), label), help)
}
