//! What a policy with a target wants, and what keeps a spare in, in words.

use super::counted;
use super::measured::{measured, signal_prefix, threshold};
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

/// `1 is`, `3 are`.
fn are(number: u32) -> String {
    match number {
        1 => "1 is".to_owned(),
        more => format!("{more} are"),
    }
}

impl VotesView {
    /// What is wanted beside the demand, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let targets = self.targets.iter().map(ToString::to_string);
        let scheduled = self
            .scheduled
            .map(|(min, until)| format!("min is {}", scheduled(min, Some(until))));
        targets.chain(scheduled).collect()
    }
}

fn keeps(keeps: &Keeps) -> String {
    match keeps {
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
            need: None,
            within,
            ..
        } => {
            let within = Span(*within);
            format!("{server} stays until its policy with per_server has watched for {within}")
        }
        Keeps::Target {
            server,
            need: Some(need),
            within,
            left,
        } => {
            let signal = signal_prefix(need.signal);
            let (now, each) = (
                measured(need.value, need.signal),
                threshold(need.per_server, need.signal),
            );
            let (within, wanted) = (Span(*within), counted(need.servers, "server"));
            format!(
                "{server} stays: {signal}of the last {within} needed {wanted} at {each} each, and {left} \
                 would be left; now {now}"
            )
        }
    }
}
