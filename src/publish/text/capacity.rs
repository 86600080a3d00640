//! What one server carries, what the demand needs, and why a spare stays for it, in words.

use super::are;
use super::measured::threshold;
use crate::measure::capacity::Carries;
use crate::measure::need::{BACKLOG_S, Lead, Need};
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
            let until = PerSecond(until);
            if self.serving < self.exist {
                format!("; {} is wanted above {until}/s", next(self.serving))
            } else {
                let are = are(self.serving);
                format!("; {are} enough up to {until}/s, and no more servers exist")
            }
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

/// `52 requests/s × 1.11 kept ready ÷ 37/s each = 1.6 → 2 wanted`: so that it can be done again.
pub(super) fn need(need: &Need) -> String {
    let (sum, wanted) = (units(need.units), need.servers());
    format!("{} = {sum} → {wanted} wanted", reckoning(need))
}

/// What leads, by what one server carries or holds.
fn reckoning(need: &Need) -> String {
    let rate = PerSecond(need.demand);
    let ready = (need.demand + need.margin) / need.demand;
    let demand = if need.margin > 0.0 && ready.is_finite() {
        format!("{rate} requests/s × {ready:.2} kept ready")
    } else {
        format!("{rate} requests/s")
    };
    let carries = need.capacity.map(Carries::per_second);
    let each = carries.map(|rate| format!(" ÷ {}/s each", PerSecond(rate)));
    let each = each.unwrap_or_default();
    match need.lead {
        Lead::Arrivals => format!("{demand}{each}"),
        Lead::Backlog => format!(
            "({demand} + {:.0} in arrears ÷ {BACKLOG_S:.0} s){each}",
            need.backlog
        ),
        Lead::InFlight => format!(
            "{:.0} requests in flight ÷ {:.1} that each holds",
            need.in_flight,
            need.in_flight / need.units
        ),
        Lead::Queue => format!("{rate} requests/s and a queue before full servers"),
    }
}

fn needed(needed: &Needed) -> String {
    let server = &needed.server;
    let now = need(&needed.need);
    if needed.need.units > needed.left {
        let exist = needed.exist;
        let is_beyond = needed.need.servers() > exist;
        let exist = is_beyond.then(|| format!(", {exist} exist"));
        return format!("{server} stays: {now}{}", exist.unwrap_or_default());
    }
    let (highest, left) = (units(needed.highest), units(needed.left));
    let left = if needed.highest > needed.left {
        format!("{left} would be left")
    } else {
        format!("{left} would be barely enough")
    };
    let within = Span(needed.within);
    format!(
        "{server} stays: the load of the last {within} needed up to {highest} servers, and {left}; now {now}"
    )
}

/// A number of servers of different strength: `2`, `1.4`.
fn units(units: f64) -> String {
    let text = format!("{units:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}
