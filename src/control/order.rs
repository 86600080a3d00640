//! An operator's order as one line on the control socket, and the line that answers it. What an
//! order does is decided in `scaler`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::who::{self, Names, Sudo};
use crate::words::by::{By, REASON_BYTES_MAX};
use crate::words::duration;
use crate::words::names::{ServerName, is_name};
use crate::words::order::{Answer, Order, Place, Verb, Verdict};

/// No order stands longer: whoever means "for ever" leaves the duration out.
const LASTS_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// What goes before the caller of `sudo`, and before a reason.
const SUDO: &str = " sudo ";
const BECAUSE: &str = " because ";
/// What an order says that is obeyed although nobody can stand in.
const FORCE: &str = "force";
/// Longest name of a backend or server that is taken.
const NAME_BYTES_MAX: usize = 256;

/// Reads `VERB [BACKEND[/SERVER]] [force] [for DURATION] [sudo UID:NAME] [because TEXT]`; `uid` is that of who
/// wrote it. `None` when the first word is no verb.
pub(super) fn parse(line: &str, uid: Option<u32>, names: Names) -> Option<Result<Order, String>> {
    let (line, reason) = line.split_once(BECAUSE).unwrap_or((line, ""));
    let (line, sudo) = match line.split_once(SUDO) {
        Some((line, sudo)) => (line, caller_of_sudo(sudo)),
        None => (line, None),
    };
    let (words, lasts) = match line.split_once(" for ") {
        Some((words, lasts)) => (words, Some(lasts)),
        None => (line, None),
    };
    let mut words = words.split_ascii_whitespace();
    let verb = words.next()?;
    let verb = Verb::ALL.into_iter().find(|it| it.as_str() == verb)?;
    let mut read = || {
        let place = match words.next() {
            Some(text) => place(text)?,
            None => Place::Everything,
        };
        let mut next = words.next();
        let is_forced = verb == Verb::Evacuate && next == Some(FORCE);
        if is_forced {
            next = words.next();
        }
        if let Some(word) = next {
            return Err(format!("`{word}` is one word too many"));
        }
        let lasts = lasts.map(self::lasts).transpose()?;
        // Last of all: it reads a file, and anybody may send anything.
        let by = uid.map(|uid| who::by(uid, sudo.as_ref(), reason, names));
        Ok(Order {
            verb,
            place,
            lasts,
            by,
            is_forced,
            barred: None,
        })
    };
    Some(read())
}

/// The first word is a verb.
pub(super) fn begins(line: &[u8]) -> bool {
    let word = line
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty());
    Verb::ALL
        .into_iter()
        .any(|verb| word == Some(verb.as_str().as_bytes()))
}

fn caller_of_sudo(text: &str) -> Option<Sudo> {
    let (uid, user) = text.split_once(':')?;
    Some(Sudo {
        uid: uid.parse().ok()?,
        user: user.to_owned(),
    })
}

/// Reads the reason of an order: one line, short enough for `status`.
///
/// # Errors
/// It is longer, or has other than printable letters.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("write one line of printable letters".to_owned());
    }
    if text.len() > REASON_BYTES_MAX {
        return Err(format!(
            "at most {REASON_BYTES_MAX} bytes, this has {}",
            text.len()
        ));
    }
    Ok(text.to_owned())
}

/// Reads `BACKEND` or `BACKEND/SERVER`.
///
/// # Errors
/// A name that HAProxy could not have.
pub fn place(text: &str) -> Result<Place, String> {
    let check = |name: &str| {
        if name.len() > NAME_BYTES_MAX || !is_name(name.as_bytes()) {
            return Err(format!(
                "`{}` is not BACKEND or BACKEND/SERVER, such as web or web/web2",
                text.escape_default()
            ));
        }
        Ok(name.to_owned())
    };
    match text.split_once('/') {
        Some((backend, server)) => Ok(Place::Server(ServerName::new(
            check(backend)?,
            check(server)?,
        ))),
        None => Ok(Place::Backend(check(text)?)),
    }
}

/// Reads a length of time on the command line: `90s`, `1h 30m`.
///
/// # Errors
/// No duration, or months (`5M` was surely meant as `5m`).
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let duration = duration::parse(text).map_err(|error| {
        format!("{error}; write a length of time, such as 90s, 15m, 2h or 1h 30m")
    })?;
    if duration::says_months(text) {
        let minutes = text.replace('M', "m");
        return Err(format!(
            "capital M means months; write {minutes} for minutes"
        ));
    }
    Ok(duration)
}

/// Reads how long an order stands.
///
/// # Errors
/// Those of [`duration()`], no time at all, or more than a year.
pub fn lasts(text: &str) -> Result<Duration, String> {
    let lasts = duration(text)?;
    if lasts.is_zero() {
        return Err("it must last longer than nothing".to_owned());
    }
    if lasts > LASTS_MAX {
        return Err("at most 366 days; without a duration it stands until taken back".to_owned());
    }
    Ok(lasts)
}

/// The line for an order; [`parse`] reads it.
pub(super) fn line(order: &Order) -> String {
    let mut line = order.verb.to_string();
    match &order.place {
        Place::Everything => {}
        Place::Backend(name) => line = format!("{line} {name}"),
        Place::Server(name) => line = format!("{line} {name}"),
    }
    if order.is_forced {
        line = format!("{line} {FORCE}");
    }
    if let Some(lasts) = order.lasts {
        // In one unit: more of them could have more digits than are read at the other end.
        let ms = lasts.as_nanos().div_ceil(1_000_000);
        line = format!("{line} for {ms}ms");
    }
    if let Some(Sudo { uid, user }) = who::sudo() {
        line = format!("{line}{SUDO}{uid}:{user}");
    }
    if let Some(reason) = order.by.as_ref().and_then(By::reason) {
        line = format!("{line}{BECAUSE}{reason}");
    }
    line
}

/// What became of an order, of all backends that it was about; the same on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The worst of them.
    pub verdict: Verdict,
    /// One sentence for each.
    pub texts: Vec<String>,
}

impl Reply {
    /// Adds one backend's answer; `place` goes before its text.
    pub fn add(&mut self, place: &str, answer: &Answer) {
        self.verdict = self.verdict.max(answer.verdict);
        self.texts.push(format!("{place}: {}", answer.text));
    }
}
