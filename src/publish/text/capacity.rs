//! What one server carries, what the demand needs, and why a spare stays for it, in words.

use super::counted;
use super::measured::threshold;
use crate::measure::capacity::Carries;
use crate::measure::need::{Lead, Need};
use crate::scaler::seen::{CapacitySource, CapacityView, Needed};
use crate::words::time::{PerSecond, Span};

in_words!(Needed: needed);

impl CapacityView {
    /// What one server carries, by whose word, and what that means now; `None` while nobody knows.
    pub fn sentence(&self) -> Option<String> {
        let goal = self.goal?;
        let (rate, is_bounded) = match self.carries? {
            // Where it never broke, more than was proved is tried; what is known is what was proved.
            Carries::Proved(tried) => (self.proved_per_s.unwrap_or(tried), false),
            Carries::Bounded(rate) => (rate, true),
        };
        let least = if is_bounded { "" } else { "at least " };
        let (rate, goal) = (PerSecond(rate), threshold(goal.ms, goal.signal));
        let from = self.known_from();
        let now = self.demand_per_s.map(|demand| {
            let demand = PerSecond(demand);
            format!("; now {demand}/s on {}", self.serving)
        });
        let until = self.enough_until.filter(|_| is_bounded).map(|until| {
            let (next, until) = (next(self.serving), PerSecond(until));
            format!("; {next} is wanted above {until}/s")
        });
        let (now, until) = (now.unwrap_or_default(), until.unwrap_or_default());
        Some(format!(
            "one server carries {least}{rate} requests/s within {goal} ({from}){now}{until}"
        ))
    }

    fn known_from(&self) -> String {
        let by = match self.source {
            CapacitySource::Given => return "as configured".to_owned(),
            CapacitySource::Log => "by an old log".to_owned(),
            CapacitySource::Learned | CapacitySource::None => {
                match (self.proved_per_s, self.proved_ago) {
                    (None, _) => "not proved yet".to_owned(),
                    (Some(_), None) => "proved before the last restart".to_owned(),
                    (Some(_), Some(ago)) => format!("proved {} ago", Span(ago)),
                }
            }
        };
        match self.broken_per_s {
            Some(broken) => format!("{by}, broke at {}", PerSecond(broken)),
            None => format!("{by}, never broke"),
        }
    }
}

/// The server that comes after so many.
const fn next(serving: u32) -> &'static str {
    match serving {
        1 => "a second",
        2 => "a third",
        3 => "a fourth",
        4 => "a fifth",
        _ => "one more",
    }
}

/// `52 requests/s need 2 servers, one carries 37/s`.
pub(super) fn need(need: &Need) -> String {
    let servers = counted(need.servers(), "server");
    let rate = PerSecond(need.demand);
    let why = match need.lead {
        Lead::Arrivals => format!("{rate} requests/s need"),
        Lead::Backlog => format!(
            "{rate} requests/s and {:.0} requests in arrears need",
            need.backlog
        ),
        Lead::InFlight => format!("{:.0} requests in flight need", need.in_flight),
        Lead::Queue => format!("{rate} requests/s and a queue before full servers need"),
    };
    format!("{why} {servers}{}", one_carries(need))
}

fn one_carries(need: &Need) -> String {
    let carries = need.capacity.map(Carries::per_second);
    let carries = carries.map(|rate| format!(", one carries {}/s", PerSecond(rate)));
    carries.unwrap_or_default()
}

fn needed(needed: &Needed) -> String {
    let server = &needed.server;
    if needed.need.units > needed.left {
        return format!("{server} stays: {}", need(&needed.need));
    }
    let (highest, left) = (units(needed.highest), units(needed.left));
    let left = if needed.highest > needed.left {
        format!("{left} would be left")
    } else {
        format!("{left} would be barely enough")
    };
    let (within, rate) = (Span(needed.within), PerSecond(needed.need.demand));
    let carries = one_carries(&needed.need);
    format!(
        "{server} stays: the load of the last {within} needed up to {highest} servers, and {left}{carries}; \
         now {rate}/s"
    )
}

/// A number of servers of different strength: `2`, `1.4`.
fn units(units: f64) -> String {
    let text = format!("{units:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}
