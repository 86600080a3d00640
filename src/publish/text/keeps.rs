//! What a policy with a target wants, and what keeps a spare in, in words.

use super::measured::{measured, signal_prefix, threshold};
use super::{are, counted};
use crate::measure::target::TargetNeed;
use crate::scaler::seen::{Keeps, VotesView};
use crate::words::shift::TimeOfDay;
use crate::words::time::Span;

in_words!(Keeps: keeps, TargetNeed: target);

/// `3 by the schedule until 18:00`, or the number alone.
pub(super) fn scheduled(min: u32, until: Option<TimeOfDay>) -> String {
    until.map_or_else(
        || min.to_string(),
        |until| format!("{min} by the schedule until {until}"),
    )
}

/// A policy on the queue can never be breached, and which line mends that.
const NO_SLOTS: &str = "no server has a maxconn, so no queue shows when servers are full: \
                        `default-server maxconn N` in this backend of haproxy.cfg turns that on";

/// `concurrency mean 57 needs 3 servers at 20 each`.
fn target(need: &TargetNeed) -> String {
    format!(
        "{}{} {} needs {} at {} each",
        signal_prefix(need.signal),
        need.statistic.name(),
        measured(need.value, need.signal),
        counted(need.servers, "server"),
        threshold(need.per_server, need.signal),
    )
}

impl VotesView {
    /// What is wanted beside the demand, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let targets = self.targets.iter().map(ToString::to_string);
        let scheduled = self
            .scheduled
            .map(|(min, until)| format!("min is {}", scheduled(min, Some(until))));
        let no_slots = self.has_no_slots.then(|| NO_SLOTS.to_owned());
        targets.chain(scheduled).chain(no_slots).collect()
    }
}

fn keeps(keeps: &Keeps) -> String {
    match keeps {
        Keeps::StandIn {
            server,
            missing,
            shows,
        } => format!("{server} stays: always-up server {missing} is {shows}"),
        Keeps::Early { server, within } => {
            let within = Span(*within);
            format!("{server} stays until the demand has been watched for {within}")
        }
        Keeps::Pinned { server, by } => format!("{server} stays: pinned{by}"),
        Keeps::Paused { server, by } => format!("{server} stays: paused{by}"),
        Keeps::Ordered { server, by } => format!("{server} stays: kept in{by}"),
        Keeps::Held { server, note } => {
            let note = note.as_ref().map(|note| format!(": {note}"));
            format!("{server} is left alone{}", note.unwrap_or_default())
        }
        Keeps::Queued(queued) => {
            format!(
                "no spare is put away: {} in the queue",
                counted(*queued, "request")
            )
        }
        Keeps::Crowded(what) => format!("no spare is put away: {what}"),
        Keeps::Busy {
            signal,
            statistic,
            value,
            below,
        } => {
            let (prefix, statistic) = (signal_prefix(*signal), statistic.name());
            let (value, below) = (measured(*value, *signal), measured(*below, *signal));
            format!("no spare is put away: {prefix}{statistic} {value}, quiet begins below {below}")
        }
        Keeps::NotQuiet => "no spare is put away: it was not quiet a moment ago".to_owned(),
        Keeps::Broken { failed, all } => format!(
            "nothing: {failed} of the last {all} requests failed (5xx), which more servers do not mend"
        ),
        Keeps::Floor {
            server,
            serving,
            min,
            until,
        } => {
            let min = scheduled(*min, *until);
            format!(
                "{server} stays: min is {min}, and {} serving",
                are(*serving)
            )
        }
        Keeps::Target {
            server,
            need,
            within,
            left,
        } => targeted(server, need.as_ref(), Span(*within), *left),
    }
}

/// A policy with a target wants that spare.
fn targeted(server: &str, need: Option<&TargetNeed>, within: Span, left: u32) -> String {
    let Some(need) = need else {
        return format!("{server} stays until its policy with per_server has watched for {within}");
    };
    let signal = signal_prefix(need.signal);
    let (now, each) = (
        measured(need.value, need.signal),
        threshold(need.per_server, need.signal),
    );
    let wanted = counted(need.servers, "server");
    format!(
        "{server} stays: {signal}of the last {within} needed {wanted} at {each} each, and {left} would be \
         left; now {now}"
    )
}
