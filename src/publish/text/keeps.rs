//! What a policy with a target wants, and what keeps a spare in, in words.

use super::counted;
use super::measured::{measured, signal_prefix, threshold};
use crate::measure::target::TargetNeed;
use crate::scaler::seen::Keeps;
use crate::words::time::Span;

in_words!(Keeps: keeps, TargetNeed: target);

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

fn keeps(keeps: &Keeps) -> String {
    match keeps {
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
