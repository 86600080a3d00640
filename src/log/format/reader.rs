//! One line's body → [`Record`], by the pattern of a format.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use regex::bytes::CaptureLocations;

use super::super::date::parse_local_ms;
use super::super::head::Body;
use super::super::line::{Record, plain_server};
use super::super::number::{TIMER_MAX_MS, TOTAL_MAX_MS, status, timer, unsigned, without_plus};
use super::super::reject::{Reject, classify};
use super::alias::{Role, Shape};
use super::pattern::Pattern;
use super::value::{millis, seconds_ms, zoned_ms};
use crate::scaler::event::{Request, Tail};

/// Reads bodies of one format.
#[derive(Debug)]
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
}

impl Clone for Reader {
    /// Another one for another thread.
    fn clone(&self) -> Self {
        Self {
            pattern: Arc::clone(&self.pattern),
            is_clf: self.is_clf,
            places: RefCell::new(self.pattern.regex.capture_locations()),
            zone_ms: Arc::clone(&self.zone_ms),
        }
    }
}

impl Reader {
    pub(super) fn new(pattern: &Arc<Pattern>, is_clf: bool) -> Self {
        Self {
            places: RefCell::new(pattern.regex.capture_locations()),
            pattern: Arc::clone(pattern),
            is_clf,
            zone_ms: Arc::default(),
        }
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
        let request = request(&fields)?;
        let (accepted, accepted_ms) = self.moment(&fields)?;
        Ok(Record {
            frontend: fields.text(Role::Frontend),
            accepted,
            accepted_ms,
            bytes: match fields.bytes(Role::Bytes) {
                Some(field) => Some(unsigned(without_plus(field)).ok_or(Reject::BadNumber)?),
                None => None,
            },
            has_request_ms: request_time(&fields).is_some(),
            request,
        })
    }

    /// The date as written, and as milliseconds since 1970 of the log's own local time.
    fn moment<'a>(&self, fields: &Fields<'a, '_>) -> Result<(&'a str, u64), Reject> {
        let (role, shape) = self.pattern.date;
        let place = self
            .pattern
            .roles
            .iter()
            .position(|&other| other == role)
            .ok_or(Reject::BadDate)?;
        let written = fields.group(place).ok_or(Reject::BadDate)?;
        let ms = if shape == Shape::DateZone {
            self.in_the_logs_zone(written)
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

    fn in_the_logs_zone(&self, written: &[u8]) -> Option<u64> {
        let (utc, offset) = zoned_ms(written)?;
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
struct Fields<'a, 'p> {
    text: &'a [u8],
    roles: &'p [Role],
    places: &'p CaptureLocations,
}

impl<'a> Fields<'a, '_> {
    fn group(&self, place: usize) -> Option<&'a [u8]> {
        let (start, end) = self.places.get(place + 1)?;
        self.text.get(start..end)
    }

    fn bytes(&self, role: Role) -> Option<&'a [u8]> {
        let place = self.roles.iter().position(|&other| other == role)?;
        self.group(place)
    }

    /// A field whose bytes the pattern limits to ASCII.
    fn text(&self, role: Role) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(role)?).ok()
    }

    fn name(&self, role: Role) -> Result<&'a str, Reject> {
        self.text(role).ok_or(Reject::NotFormat)
    }

    fn timer(&self, role: Role) -> Result<Option<u32>, Reject> {
        timer(self.bytes(role).ok_or(Reject::NotFormat)?, TIMER_MAX_MS)
    }

    fn count(&self, role: Role) -> Option<u32> {
        let field = without_plus(self.bytes(role)?);
        u32::try_from(unsigned(field)?).ok()
    }
}

/// `%TR`, or `%Tq`.
fn request_time<'a>(fields: &Fields<'a, '_>) -> Option<&'a [u8]> {
    fields
        .bytes(Role::RequestTime)
        .or_else(|| fields.bytes(Role::AcceptRequestTime))
}

/// The total that counts from the same instant as the request's time: `%TR` with `%Ta`, `%Tq`
/// with `%Tt`. `%Tt` beside `%TR` would hold the connection's idle time.
fn total_time<'a>(fields: &Fields<'a, '_>) -> Option<&'a [u8]> {
    let is_from_accept = fields.bytes(Role::RequestTime).is_none()
        && fields.bytes(Role::AcceptRequestTime).is_some();
    let from_accept = fields
        .bytes(Role::AcceptTotalTime)
        .filter(|_| is_from_accept);
    from_accept.or_else(|| fields.bytes(Role::TotalTime))
}

fn request<'a>(fields: &Fields<'a, '_>) -> Result<Request<'a>, Reject> {
    let optional =
        |field: Option<&[u8]>, max_ms| field.map_or(Ok(None), |field| timer(field, max_ms));
    let mut request = Request {
        backend: fields.name(Role::Backend)?,
        server: fields
            .bytes(Role::Server)
            .and_then(plain_server)
            .ok_or(Reject::NotFormat)?,
        request_ms: optional(request_time(fields), TIMER_MAX_MS)?,
        queue_ms: fields.timer(Role::QueueTime)?,
        connect_ms: fields.timer(Role::ConnectTime)?,
        response_ms: fields.timer(Role::ResponseTime)?,
        total_ms: optional(total_time(fields).map(without_plus), TOTAL_MAX_MS)?,
        status: status(fields.bytes(Role::Status).unwrap_or_default())?,
        tail: tail(fields),
    };
    if request_time(fields).is_none() {
        request.request_ms = assumed_request_ms(&request);
    }
    Ok(request)
}

/// Without `%TR`: all that the other timers leave of `%Ta`, so that a client that sent its request
/// slowly proves nothing about a server. A request that no server was connected for and that did
/// not wait in vain (503) may never have come in full (a tarpit, a bad request).
fn assumed_request_ms(request: &Request<'_>) -> Option<u32> {
    if request.connect_ms.is_none() && request.status != Some(503) {
        return None;
    }
    let known = [request.queue_ms, request.connect_ms, request.response_ms];
    let known = known.into_iter().flatten().fold(0, u32::saturating_add);
    Some(request.total_ms.unwrap_or(0).saturating_sub(known))
}

/// Everything of the tail, or nothing.
fn tail(fields: &Fields<'_, '_>) -> Option<Tail> {
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
