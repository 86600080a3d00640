//! Shares that grow (`weight_ramp`), in words: how far one is, and why there is none.

use super::counted;
use super::haproxy::answered;
use crate::scaler::decision::{NoRamp, RampNews};
use crate::words::names::ServerName;
use crate::words::time::Span;

in_words!(
    NoRamp: no_ramp,
    RampNews: ramp,
);

/// HAProxy did not take a weight on the way, or did not take its own back.
pub(super) fn weight_refused(server: &ServerName, weight: u32, words: &str) -> String {
    format!(
        "cannot set the weight of {server} to {weight}: {}; it stays as it is until that works, or `set \
         server {server} weight 100%` on the admin socket",
        answered(words)
    )
}

fn no_ramp(why: &NoRamp) -> String {
    match why {
        NoRamp::Slowstart => "HAProxy's own `slowstart` does it".to_owned(),
        NoRamp::First => "`balance first` does not look at weights".to_owned(),
        NoRamp::SmallWeight(weight) => format!(
            "weight {weight}, as haproxy.cfg has it, cannot be made smaller; give every server of this \
             backend `weight 100`"
        ),
        NoRamp::SetByHand(weight) => format!(
            "its weight is {weight}, which is not haproxy.cfg's; `set server B/S weight 100%` on the \
             admin socket ends that"
        ),
        NoRamp::Agent => "its agent sets its weight".to_owned(),
        NoRamp::Refused(words) => format!(
            "{}; with `balance roundrobin` or `leastconn`, or a hash with `hash-type consistent`, it \
             works",
            answered(words)
        ),
        NoRamp::NotFollowed => "HAProxy accepted another weight and did not show it".to_owned(),
    }
}

fn ramp(news: &RampNews) -> String {
    match news {
        RampNews::Begins {
            weight,
            whole,
            over,
        } => format!(
            "begins with weight {weight} of {whole}, and has all of it in {} if it answers as well as \
             the others",
            Span(*over)
        ),
        RampNews::Held {
            mean_ms,
            others_ms,
            requests,
            weight,
            whole,
        } => format!(
            "gets no more than weight {weight} of {whole} for now: it takes {mean_ms:.0} ms (mean of \
             {}), the others {others_ms:.0} ms",
            counted(*requests, "request")
        ),
        RampNews::Done { took, whole, share } => {
            let share = share.map(|share| {
                let percent = share * 100.0;
                format!(": it took {percent:.0} % of the requests of late")
            });
            let (took, share) = (Span(*took), share.unwrap_or_default());
            format!("has its whole weight, {whole}, after {took}, and so its full share{share}")
        }
        RampNews::Cut { weight, whole } => {
            format!("gets its whole weight at once, {whole} instead of {weight}")
        }
        RampNews::Anothers { weight } => format!(
            "its weight was set to {weight} outside this daemon: it stays so, and grows no more"
        ),
    }
}
