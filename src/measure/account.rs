//! What became of a backend's requests and what that took, in sums: for `report`, and for what a change
//! did. Nothing is decided by it.

use std::collections::VecDeque;
use std::time::Duration;

use super::sample::{Sample, is_without_server};
use super::settings::Signal;
use crate::words::request::Request;
use crate::words::short_name::Name;
use crate::words::time::Timestamp;

/// Seconds that are looked back on.
const SECONDS: usize = 32;
/// What is before a change when nothing says since when it was wanted.
const BEFORE: Duration = Duration::from_secs(10);
/// The effect of a change is told after this, or sooner where spares come and go in less.
const TOLD_AFTER: Duration = Duration::from_secs(60);
/// A newcomer warms up, and a queue shortens: in this part of that time nothing is measured.
const SETTLES: u32 = 12;
/// What is before a departure.
const LEAVES_AFTER: Duration = Duration::from_secs(SECONDS as u64 - 2);
/// Requests whose servers are remembered: a share of them is right to three parts in a hundred.
const LATEST: usize = 256;
/// Changes whose effect is looked for at a time; that of more is not told.
const OPEN_MAX: usize = 8;
/// Servers are counted for so long after a look at HAProxy; what was later is not known.
const LOOK_LASTS: Duration = Duration::from_secs(60);
/// Requests that lie further apart say nothing of the time between them.
const GAP_MIN: Duration = Duration::from_secs(30);
/// Gaps between requests that are remembered; with more of them two neighbours are one.
const GAPS_MAX: usize = 16;

/// What became of requests, and what that took, since the last time that somebody asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How long that is.
    pub span: Duration,
    /// For how much of it HAProxy's servers are known.
    pub known: Duration,
    /// Requests of the log, but for those that HAProxy answered itself.
    pub requests: u64,
    /// Those that took longer than the goal.
    pub slow: u64,
    /// Those that ended with a status of 500 or above.
    pub failed: u64,
    /// How long windows were above their threshold, while requests came.
    pub above_goal: Duration,
    /// Of all servers together, outside maint; a spare counts from the moment that it is asked for.
    pub servers: Duration,
    /// The same, had all of them served all the time.
    pub all_servers: Duration,
    /// How long the machines of spares ran, or may have, all together; `None` where there are none.
    pub machines: Option<Duration>,
}

/// Requests of a while.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// The mean of Tw + Tc + Tr, milliseconds; `None` without a request.
    pub mean_ms: Option<f64>,
    /// Requests a second.
    pub per_s: f64,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// A server came; otherwise one went.
    pub came: bool,
    pub before: Seen,
    pub after: Seen,
    /// The part of the requests that it took since it came, or before it went.
    pub share: Option<f64>,
    /// From the change until this was measured.
    pub within: Duration,
}

/// Sums of requests.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    requests: u64,
    measured: u64,
    measured_ms: u64,
}

impl Sums {
    const fn add(&mut self, took_ms: Option<u32>) {
        self.requests += 1;
        if let Some(ms) = took_ms {
            self.measured += 1;
            self.measured_ms += ms as u64;
        }
    }

    fn seen(self, span: Duration) -> Seen {
        let seconds = span.as_secs_f64().max(0.001);
        Seen {
            mean_ms: (self.measured > 0).then(|| self.measured_ms as f64 / self.measured as f64),
            per_s: self.requests as f64 / seconds,
        }
    }
}

/// A change whose effect is looked for.
#[derive(Debug)]
struct Open {
    server: Name,
    came: bool,
    /// The part of the requests that it took before it went.
    share: Option<f64>,
    at: Timestamp,
    settled_at: Timestamp,
    due: Timestamp,
    before: Seen,
    after: Sums,
    /// Requests of that server.
    own: u64,
}

/// What was before a server began to leave.
#[derive(Debug)]
struct Leaving {
    server: Name,
    before: Seen,
    share: Option<f64>,
}

/// Servers at the last look at HAProxy.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Timestamp,
    used: u32,
    all: u32,
}

/// One backend's sums.
#[derive(Debug)]
pub(crate) struct Account {
    /// Requests that take longer are slow, milliseconds.
    goal_ms: Option<f64>,
    usage: Usage,
    since: Timestamp,
    look: Option<Look>,
    /// Servers are counted up to here.
    counted_until: Timestamp,
    /// Windows above their threshold are counted up to here.
    above_until: Timestamp,
    /// The last request.
    request_at: Option<Timestamp>,
    /// Times without a request, oldest first: from one request to the next.
    gaps: VecDeque<(Timestamp, Timestamp)>,
    /// By the number of the second, with that number.
    seconds: [(u64, Sums); SECONDS],
    open: VecDeque<Open>,
    leaving: VecDeque<Leaving>,
    latest: Latest,
}

/// Whose the latest requests were, by [`mark`].
#[derive(Debug)]
struct Latest {
    marks: [u16; LATEST],
    /// Where the oldest one is.
    next: usize,
}

impl Latest {
    fn add(&mut self, server: &str) {
        if let Some(oldest) = self.marks.get_mut(self.next) {
            *oldest = mark(server);
        }
        self.next = (self.next + 1) % LATEST;
    }

    /// The part of the last so many requests that was of that server.
    fn share_of(&self, server: &str, requests: u64) -> Option<f64> {
        let count = usize::try_from(requests).unwrap_or(LATEST).min(LATEST);
        let own = mark(server);
        let latest = (1..=count).filter_map(|back| {
            let at = (self.next + LATEST - back) % LATEST;
            self.marks.get(at)
        });
        let own = latest.filter(|mark| **mark == own).count();
        (count > 0).then(|| own as f64 / count as f64)
    }
}

impl Account {
    /// Nothing happened yet.
    pub(crate) fn new(now: Timestamp, goal_ms: Option<f64>) -> Self {
        Self {
            goal_ms,
            usage: Usage::default(),
            since: now,
            look: None,
            counted_until: now,
            above_until: now,
            request_at: None,
            gaps: VecDeque::new(),
            seconds: [(0, Sums::default()); SECONDS],
            open: VecDeque::new(),
            leaving: VecDeque::new(),
            latest: Latest {
                marks: [0; LATEST],
                next: 0,
            },
        }
    }

    /// Other settings: slow is something else from now on.
    pub(crate) const fn set_goal(&mut self, goal_ms: Option<f64>) {
        self.goal_ms = goal_ms;
    }

    /// One more request came to an end.
    pub(crate) fn request(&mut self, now: Timestamp, request: &Request<'_>) {
        if is_without_server(request) {
            return;
        }
        self.note_gap(now);
        let took_ms = match Sample::of(request, Signal::ResponseTime) {
            Sample::Took(ms) | Sample::AtLeast(ms) => Some(ms),
            Sample::Error | Sample::Nothing => None,
        };
        let usage = &mut self.usage;
        usage.requests += 1;
        let is_slow = |ms: u32| self.goal_ms.is_some_and(|goal| f64::from(ms) > goal);
        if request.status.is_some_and(|status| status >= 500) {
            usage.failed += 1;
        } else if took_ms.is_some_and(is_slow) {
            usage.slow += 1;
        }
        let second = now.as_ms() / 1000;
        let at = usize::try_from(second % SECONDS as u64).unwrap_or(0);
        if let Some((number, sums)) = self.seconds.get_mut(at) {
            if *number != second {
                (*number, *sums) = (second, Sums::default());
            }
            sums.add(took_ms);
        }
        self.latest.add(request.server);
        for open in &mut self.open {
            if now >= open.settled_at {
                open.after.add(took_ms);
                open.own += u64::from(open.server.is(request.server));
            }
        }
    }

    fn note_gap(&mut self, now: Timestamp) {
        let before = self.request_at.replace(now);
        let Some(before) = before.filter(|before| now.since(*before) > GAP_MIN) else {
            return;
        };
        if self.gaps.len() >= GAPS_MAX
            && let Some((from, _)) = self.gaps.pop_front()
            && let Some(next) = self.gaps.front_mut()
        {
            next.0 = from; // Rather too little is counted than too much.
        }
        self.gaps.push_back((before, now));
    }

    /// Windows end above their threshold, the longest of them of `span`; they may overlap earlier ones.
    pub(crate) fn above(&mut self, now: Timestamp, span: Duration) {
        let begun = Timestamp::from_ms(now.as_ms().saturating_sub(whole_ms(span)));
        let from = begun.max(self.above_until).max(self.since);
        let last = self.request_at.filter(|at| now.since(*at) > GAP_MIN);
        let last = last.map(|at| (at, now));
        let gaps = self.gaps.iter().copied().chain(last);
        let without = gaps.map(|(begin, end)| end.min(now).since(begin.max(from)));
        let without: Duration = without.sum();
        self.usage.above_goal += now.since(from).saturating_sub(without);
        self.above_until = now;
    }

    /// HAProxy was looked at: `used` of `all` servers are not in maint.
    pub(crate) fn servers(&mut self, now: Timestamp, used: u32, all: u32) {
        self.count(now);
        self.look = Some(Look { at: now, used, all });
        self.counted_until = now;
    }

    fn count(&mut self, now: Timestamp) {
        self.usage = self.usage(now);
        self.counted_until = self.counted_until.max(now);
    }

    /// What was since the last time that it was taken.
    pub(crate) fn usage(&self, now: Timestamp) -> Usage {
        let mut usage = self.usage;
        usage.span = now.since(self.since);
        if let Some(look) = self.look {
            let span = now.min(look.at.after(LOOK_LASTS)).since(self.counted_until);
            usage.known += span;
            usage.servers += span * look.used;
            usage.all_servers += span * look.all;
        }
        usage
    }

    /// The same; counted anew from now on.
    pub(crate) fn take_usage(&mut self, now: Timestamp) -> Usage {
        self.count(now);
        self.since = now;
        std::mem::take(&mut self.usage)
    }

    /// A server gets no more requests from now on: what was until now is before its departure.
    pub(crate) fn leaves(&mut self, now: Timestamp, server: &str) {
        self.leaving.retain(|leaving| !leaving.server.is(server));
        if self.leaving.len() >= OPEN_MAX {
            self.leaving.pop_front();
        }
        let (before, requests) = self.before(now, LEAVES_AFTER);
        self.leaving.push_back(Leaving {
            server: Name::of(server),
            before,
            share: self.latest.share_of(server, requests),
        });
    }

    /// The sessions of a server that leaves last.
    pub(crate) fn lingers(&mut self, server: &str) {
        self.leaving.retain(|leaving| !leaving.server.is(server));
    }

    /// A server came or went just now. `wanted_for`: because of what began so long ago; `stays`: at
    /// least so long it is not changed again for the load.
    pub(crate) fn changed(
        &mut self,
        now: Timestamp,
        (server, came): (&str, bool),
        wanted_for: Option<Duration>,
        stays: Duration,
    ) {
        self.open.retain(|open| !open.server.is(server));
        if self.open.len() >= OPEN_MAX {
            return;
        }
        let most = Duration::from_secs(SECONDS as u64 - 2);
        let span = wanted_for
            .unwrap_or(BEFORE)
            .clamp(Duration::from_secs(1), most);
        let told_after = TOLD_AFTER.min(stays);
        let left = self.leaving.iter().position(|it| it.server.is(server));
        let left = left.and_then(|at| self.leaving.remove(at));
        let left = left.filter(|_| !came);
        let share = left.as_ref().and_then(|left| left.share);
        let before = left.map_or_else(|| self.before(now, span).0, |left| left.before);
        self.open.push_back(Open {
            server: Name::of(server),
            came,
            share,
            at: now,
            settled_at: now.after(told_after / SETTLES),
            due: now.after(told_after),
            before,
            after: Sums::default(),
            own: 0,
        });
    }

    /// The last whole seconds of that span, and the requests of them.
    fn before(&self, now: Timestamp, span: Duration) -> (Seen, u64) {
        let until = now.as_ms() / 1000;
        let seconds = span.as_secs().max(1);
        let from = until.saturating_sub(seconds);
        let of_span = self.seconds.iter();
        let of_span = of_span.filter(|(number, _)| (from..until).contains(number));
        let sums = of_span.fold(Sums::default(), |sum, (_, it)| Sums {
            requests: sum.requests + it.requests,
            measured: sum.measured + it.measured,
            measured_ms: sum.measured_ms + it.measured_ms,
        });
        (sums.seen(Duration::from_secs(seconds)), sums.requests)
    }

    /// When the next effect is told.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.open.iter().map(|open| open.due).min()
    }

    /// An effect that is due.
    pub(crate) fn take_effect(&mut self, now: Timestamp) -> Option<(String, Effect)> {
        let at = self.open.iter().position(|open| open.due <= now)?;
        let open = self.open.remove(at)?;
        let share = open.own as f64 / (open.after.requests as f64).max(1.0);
        let effect = Effect {
            came: open.came,
            before: open.before,
            after: open.after.seen(now.since(open.settled_at)),
            share: if open.came {
                (open.after.requests > 0).then_some(share)
            } else {
                open.share
            },
            within: now.since(open.at),
        };
        Some((open.server.to_text(), effect))
    }

    /// What was measured is about another HAProxy, or about none.
    pub(crate) fn forget_changes(&mut self) {
        self.open.clear();
        self.leaving.clear();
    }

    /// Changes and gaps that are held.
    pub(crate) fn held(&self) -> usize {
        self.open.len() + self.leaving.len() + self.gaps.len()
    }
}

/// A server's name in two bytes: FNV-1a, folded. Two servers in 65,536 have the same.
fn mark(server: &str) -> u16 {
    let hash = server.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = hash.to_be_bytes();
    u16::from_be_bytes([a ^ c, b ^ d])
}

fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
