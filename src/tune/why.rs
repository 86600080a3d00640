//! Why a log tells what it tells of one server, or why it cannot, in a sentence.

use std::time::Duration;

use super::carries::Why;
use super::study::Study;
use crate::simulate::table::ms;
use crate::words::time::{PerSecond, Span};

/// What the confidence follows from, with the numbers.
pub(super) fn why(study: &Study) -> String {
    let carries = &study.carries;
    let goal = ms(carries.goal.ms);
    let busiest = carries.busiest;
    let proved = carries.bracket.proved.map_or(0.0, |it| it.value);
    let broken = carries.bracket.broken.map_or(0.0, |it| it.value);
    match carries.why {
        Why::SeenBoth => "both what goes well and what is too much were seen".to_owned(),
        Why::TooLittle if study.requests == 0 => "the log has no request of it".to_owned(),
        Why::TooLittle => {
            "the same servers never had enough requests for half a minute; take a longer or a busier log"
                .to_owned()
        }
        Why::NeverNear => format!(
            "the log never came near the limit: at its busiest one server had {} requests/s and answered \
             in {}, far below {goal}; a busier day or a load test would tell",
            PerSecond(busiest.per_second),
            ms(busiest.signal_ms)
        ),
        Why::NearOnly => format!(
            "response times rose with the load ({} at {} requests/s) and never reached {goal}",
            ms(busiest.signal_ms),
            PerSecond(busiest.per_second)
        ),
        Why::SlowWithoutLoad => format!(
            "it was slow for {} at loads that are carried well at other times: something else was slow, \
             and more servers would not have helped",
            Span(Duration::from_secs(carries.unexplained_s))
        ),
        Why::AlwaysSlow => format!(
            "no minute stayed well below {goal}: the goal is near to what a request takes alone"
        ),
        Why::SlowBriefly => "it was too slow for a moment only".to_owned(),
        Why::FarApart => format!(
            "nothing was seen between {} requests/s, which went well, and {}, which was far too much",
            PerSecond(proved),
            PerSecond(broken)
        ),
        Why::BadCurve => {
            "response times do not follow the requests in flight: the mix of requests changes, or \
             something else is slow at times"
                .to_owned()
        }
    }
}
