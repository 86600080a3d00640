//! One line's body → [`Record`], by the pattern of a format.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use regex::bytes::CaptureLocations;

use super::super::bytes::Body;
use super::super::date::{HeadDate, head_date};
use super::super::number::{timer, unsigned, without_plus};
use super::super::record::{Record, ended_ms};
use super::super::reject::{Reject, classify};
use super::alias::{Role, Shape};
use super::pattern::Pattern;
use super::times::{Timer, Times};
use super::value::{millis, seconds_ms, zoned_ms};
use crate::words::calendar::parse_local_ms;
use crate::words::request::Tail;

/// Reads bodies of one format. One belongs to one thread.
#[derive(Clone, Debug)]
pub(in crate::log) struct Reader {
    pattern: Arc<Pattern>,
    /// `option httplog clf`.
    is_clf: bool,
    /// Where the groups of the last line were: kept, so that a line costs no allocation.
    places: RefCell<CaptureLocations>,
    /// What the zone of the first line adds to UTC. Every later line is put into that zone, so
    /// that the hour that daylight saving repeats does not send the log's time back. The readers
    /// of one log share it, whichever of them sees a line first.
    zone_ms: Arc<OnceLock<i64>>,
    /// About now, for the year that syslog's dates lack; see [`head_date`].
    today_ms: u64,
}

impl Reader {
    pub(super) fn new(pattern: &Arc<Pattern>, is_clf: bool) -> Self {
        Self {
            places: RefCell::new(pattern.regex.capture_locations()),
            pattern: Arc::clone(pattern),
            is_clf,
            zone_ms: Arc::default(),
            today_ms: u64::MAX,
        }
    }

    /// Dates without a year are of the last twelve months before then.
    pub(in crate::log) fn set_today(&mut self, today_ms: u64) {
        self.today_ms = today_ms;
    }

    /// What the body says. Total, and nothing behind the last field that is read matters.
    pub(in crate::log) fn read<'a>(&self, body: Body<'a>) -> Result<Record<'a>, Reject> {
        let mut places = self.places.borrow_mut();
        let found = self.pattern.regex.captures_read(&mut places, body.text);
        if found.is_none() {
            return Err(self.reason(body));
        }
        let fields = Fields {
            text: body.text,
            roles: &self.pattern.roles,
            places: &places,
        };
        let times = Times::of(&fields)?;
        let request = times.request(&fields)?;
        let (accepted, accepted_ms) = match self.pattern.date {
            Some(date) => {
                let (text, ms) = self.moment(&fields, date)?;
                (Some(text), Some(ms))
            }
            None => (None, None),
        };
        let is_from_accept = self
            .pattern
            .date
            .is_some_and(|(role, _)| role != Role::RequestDate);
        let ended_ms =
            accepted_ms.map(|ms| ended_ms(ms, Some(times.since_date_ms(is_from_accept))));
        Ok(Record {
            frontend: fields.text(Role::Frontend),
            accepted,
            accepted_ms,
            // The head was written when the request had ended.
            ended_ms: ended_ms.or_else(|| self.head_ms(body.date?)),
            bytes: match fields.bytes(Role::Bytes) {
                Some(field) => Some(unsigned(without_plus(field)).ok_or(Reject::BadNumber)?),
                None => None,
            },
            logged: times.logged(),
            request,
        })
    }

    /// The date as written, and as milliseconds since 1970 of the log's own local time.
    fn moment<'a>(
        &self,
        fields: &Fields<'a, '_>,
        (role, shape): (Role, Shape),
    ) -> Result<(&'a str, u64), Reject> {
        let written = fields.bytes(role).ok_or(Reject::BadDate)?;
        let ms = if shape == Shape::DateZone {
            zoned_ms(written).and_then(|it| self.in_the_logs_zone(it))
        } else if shape == Shape::Number {
            seconds_ms(written)
        } else {
            parse_local_ms(written)
        };
        let mut ms = ms.ok_or(Reject::BadDate)?;
        let is_whole_second = shape != Shape::DateMs && role != Role::RequestDate;
        if is_whole_second && let Some(field) = fields.bytes(Role::AcceptMillis) {
            ms += millis(field).ok_or(Reject::BadDate)?;
        }
        let text = std::str::from_utf8(written).map_err(|_| Reject::BadDate)?;
        Ok((text, ms))
    }

    /// The date of a syslog head, as milliseconds since 1970 of the log's own local time.
    fn head_ms(&self, date: &[u8]) -> Option<u64> {
        match head_date(date, self.today_ms)? {
            HeadDate::Local(ms) => Some(ms),
            HeadDate::Zoned(utc, offset) => self.in_the_logs_zone((utc, offset)),
        }
    }

    fn in_the_logs_zone(&self, (utc, offset): (i64, i64)) -> Option<u64> {
        u64::try_from(utc + self.zone_ms.get_or_init(|| offset)).ok()
    }

    /// The reason for a body that the pattern does not find.
    fn reason(&self, body: Body<'_>) -> Reject {
        let reason = classify(body);
        let is_of_the_format = matches!(reason, Reject::NotHttplog | Reject::BadDate)
            || (reason == Reject::Clf && self.is_clf)
            || (reason == Reject::UnknownHead && self.begins_like_the_format(body.text));
        if is_of_the_format {
            Reject::NotFormat
        } else {
            reason
        }
    }

    fn begins_like_the_format(&self, text: &[u8]) -> bool {
        !self.pattern.prefix.is_empty() && text.starts_with(&self.pattern.prefix)
    }
}

/// The groups of one match.
pub(super) struct Fields<'a, 'p> {
    text: &'a [u8],
    roles: &'p [Role],
    places: &'p CaptureLocations,
}

impl<'a> Fields<'a, '_> {
    fn group(&self, place: usize) -> Option<&'a [u8]> {
        let (start, end) = self.places.get(place + 1)?;
        self.text.get(start..end)
    }

    pub(super) fn bytes(&self, role: Role) -> Option<&'a [u8]> {
        let place = self.roles.iter().position(|&other| other == role)?;
        self.group(place)
    }

    /// A field whose bytes the pattern limits to ASCII.
    fn text(&self, role: Role) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(role)?).ok()
    }

    pub(super) fn name(&self, role: Role) -> Result<&'a str, Reject> {
        self.text(role).ok_or(Reject::NotFormat)
    }

    /// A timer up to `max_ms`.
    pub(super) fn timer(&self, role: Role, max_ms: u32) -> Result<Timer, Reject> {
        let Some(field) = self.bytes(role) else {
            return Ok(Timer::Lacking);
        };
        // Only totals may have a `+` before them.
        let is_total = matches!(role, Role::TotalTime | Role::AcceptTotalTime);
        let field = if is_total { without_plus(field) } else { field };
        Ok(timer(field, max_ms)?.map_or(Timer::Never, Timer::Took))
    }

    fn count(&self, role: Role) -> Option<u32> {
        let field = without_plus(self.bytes(role)?);
        u32::try_from(unsigned(field)?).ok()
    }
}

/// Everything of the tail, or nothing.
pub(super) fn tail(fields: &Fields<'_, '_>) -> Option<Tail> {
    let termination = match fields.bytes(Role::Termination)? {
        &[a, b] => [a, b, b'-', b'-'],
        flags => flags.try_into().ok()?,
    };
    Some(Tail {
        termination,
        server_connections: fields.count(Role::ServerConnections)?,
        retries: fields.count(Role::Retries)?,
        server_queue: fields.count(Role::ServerQueue)?,
        backend_queue: fields.count(Role::BackendQueue)?,
    })
}
