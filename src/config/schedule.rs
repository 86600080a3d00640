//! `[[backend.NAME.schedule]]`: days, hours and a zone, as a [`Schedule`].

use jiff::tz::TimeZone;

use super::diagnostic::{Code, Diagnostic, Label, escaped, quoted};
use super::key::nearest;
use super::reader::{Reader, Table};
use super::values::{Entry, Parse};
use crate::schedule::{self, Schedule};
use crate::words::shift::TimeOfDay;

/// As they are written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `days`, Monday first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Days([bool; 7]);

impl Parse for Days {
    const KIND: &'static str = "days and ranges of days, separated by commas: `\"mon-fri\"`, \
                                `\"sat,sun\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let days = days(given.text(reader)?);
        if days.is_none() {
            let help = "write mon, tue, wed, thu, fri, sat and sun: \"mon-fri\", \"sat,sun\"";
            reader.add(given.bad(Code::BadText, "no days of the week", help));
        }
        days.map(Self)
    }

    fn show(&self) -> String {
        let named = DAYS.iter().zip(self.0).filter(|(_, is_on)| *is_on);
        let named: Vec<&str> = named.map(|(day, _)| *day).collect();
        quoted(&named.join(","))
    }
}

fn days(text: &str) -> Option<[bool; 7]> {
    let index = |day: &str| {
        DAYS.iter()
            .position(|it| day.trim().eq_ignore_ascii_case(it))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        // A range may go over the end of the week: fri-mon.
        let length = (last + DAYS.len() - first) % DAYS.len();
        for day in first..=first + length {
            *days.get_mut(day % DAYS.len())? = true;
        }
    }
    Some(days)
}

impl Parse for TimeOfDay {
    const KIND: &'static str = "a time of day, `\"00:00\"` to `\"24:00\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let time = time(given.text(reader)?);
        if time.is_none() {
            let help = "write hours and minutes, \"07:30\" to \"24:00\"";
            reader.add(given.bad(Code::BadText, "no time of day", help));
        }
        time
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

fn time(text: &str) -> Option<TimeOfDay> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str, length: std::ops::RangeInclusive<usize>| {
        let is_one = digits.bytes().all(|byte| byte.is_ascii_digit());
        let digits = Some(digits).filter(|it| is_one && length.contains(&it.len()))?;
        digits.parse::<u8>().ok()
    };
    let time = TimeOfDay {
        hour: number(hour, 1..=2)?,
        minute: number(minute, 2..=2)?,
    };
    let is_one = time.minute < 60 && (time.hour < 24 || time.hour == 24 && time.minute == 0);
    is_one.then_some(time)
}

impl Parse for TimeZone {
    const KIND: &'static str = "the name of a zone of the tz database";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let name = given.text(reader)?;
        if let Ok(zone) = schedule::zone(name) {
            return Some(zone);
        }
        let help = if schedule::has_zones() {
            let names = schedule::zone_names();
            let similar = nearest(name, names.iter().map(String::as_str));
            similar.map_or_else(
                || "write a name such as \"Europe/Berlin\" or \"UTC\"; `timedatectl list-timezones` lists them".to_owned(),
                |similar| format!("did you mean \"{}\"?", escaped(similar)),
            )
        } else {
            "this machine has no tz database: install the package tzdata, or write \"UTC\""
                .to_owned()
        };
        reader.add(given.bad(Code::NotAllowed, "no such zone", help));
        None
    }

    fn show(&self) -> String {
        quoted(self.iana_name().unwrap_or("UTC"))
    }
}

/// One `[[schedule]]`; `None` when it has a mistake that leaves nothing to use.
pub(super) fn read(table: &Table<'_>, reader: &mut Reader<'_>) -> Option<Schedule> {
    for (key, example) in [
        ("from", "from = \"07:30\""),
        ("to", "to = \"18:00\""),
        ("zone", "zone = \"Europe/Berlin\""),
        ("min", "min = 3"),
    ] {
        if !table.has(key) {
            reader.add(Diagnostic::new(
                Code::Missing,
                format!("a schedule without `{key}`"),
                Label::new(table.span(), format!("`{key}` is missing")),
                format!("add it, for example `{example}`"),
            ));
        }
    }
    let days = match table.entry("days") {
        Some(_) => table.get::<Days>("days", reader).map(|it| it.value),
        None => Some(Days([true; 7])),
    };
    let from = table.get::<TimeOfDay>("from", reader);
    let to = table.get::<TimeOfDay>("to", reader);
    let zone = table.get::<TimeZone>("zone", reader);
    let min = table.get::<u32>("min", reader);
    let (from, to) = (from?, to?);
    if from.value == to.value {
        reader.add(
            Diagnostic::new(
                Code::NotAllowed,
                format!("`from` and `to` are {}", from.value),
                Label::new(to.span, "the same time"),
                "write another time; a whole day is from = \"00:00\", to = \"24:00\"",
            )
            .with(Label::new(from.span, "it begins here")),
        );
        return None;
    }
    Some(Schedule {
        days: days?.0,
        from: from.value,
        to: to.value,
        zone: zone?.value,
        min: min?.value,
    })
}

/// What cannot be right together with the backend's own numbers.
pub(super) fn check(
    table: &Table<'_>,
    schedule: &Schedule,
    min: u32,
    max: Option<u32>,
    reader: &mut Reader<'_>,
) {
    let Some(place) = table.place("min") else {
        return;
    };
    if let Some(max) = max.filter(|max| schedule.min > *max) {
        reader.add(Diagnostic::new(
            Code::MinAboveMax,
            format!("`min` of a schedule is {} and `max` is {max}", schedule.min),
            Label::new(place, "more than `max`"),
            format!("make `max` at least {}, or write less here", schedule.min),
        ));
    } else if schedule.min <= min {
        reader.add(Diagnostic::new(
            Code::WithoutEffect,
            format!(
                "`min` of a schedule is {} and that of the backend {min}",
                schedule.min
            ),
            Label::new(place, "without effect"),
            format!("write more than {min} here, or less as `min` of the backend"),
        ));
    }
}
