//! What an operator is told of an order: what will happen, why not, and what still stands.

use std::time::Duration;

use super::capacity;
use super::measured::{beyond, measured, signal_prefix, threshold};
use super::servers::orders;
use super::{because, by, counted};
use crate::scaler::Remembered;
use crate::scaler::decision::{Load, Promise, Refusal, Way};
use crate::scaler::hand::Kept;
use crate::words::by::By;
use crate::words::order::{Place, Verb};
use crate::words::time::Span;

/// Of a server that is evacuated, whatever else is ordered.
const OUT: &str = "it is evacuated and kept out until `enable` or `resume`";

in_words!(Refusal: refusal, Remembered: remembered, Way: way);

/// What became of an order, to whoever gave it and in the daemon's log.
pub(super) fn answer_to(verb: Verb, who: Option<By>, answer: &Result<Promise, Refusal>) -> String {
    let text = match answer {
        Ok(promised) => promise(verb, promised),
        Err(refusal) => refusal.to_string(),
    };
    format!("{verb}{}{}: {text}", by(who), because(who))
}

fn promise(verb: Verb, promise: &Promise) -> String {
    match promise {
        Promise::Fixed {
            lasts,
            in_transition,
            is_no_spare,
            load,
        } => {
            let is_pin = verb == Verb::Pin;
            let what = if is_pin {
                "it stays as it is"
            } else {
                "nothing is changed here"
            };
            let lasts = lasts.map(|length| format!("for {}", Span(length)));
            let lasts = lasts.as_deref().unwrap_or("until it is taken back");
            let anyway = if *is_no_spare {
                " (it is no spare and never changed anyway)"
            } else {
                ""
            };
            let first = in_transition.as_ref().map(|server| {
                format!(
                    "; {server} is in transition and first goes to a stable state (maint or ready)"
                )
            });
            let first = first.unwrap_or_default();
            format!(
                "{what} {lasts}{anyway}{first}{}",
                against(verb, load.as_deref())
            )
        }
        Promise::Unpinned => "it comes and goes as usual".to_owned(),
        Promise::Released {
            leaving,
            evacuated,
            stays,
            length,
            stops,
            load,
        } => {
            released(leaving, evacuated, stays, Span(*length), *stops)
                + &against(verb, load.as_deref())
        }
        Promise::Evacuated {
            stand_in,
            is_off,
            boot,
            is_out,
            is_last,
            within,
        } => {
            let (boots, is) = ((*is_off, *boot), (*is_out, *is_last));
            evacuated(stand_in.as_deref(), boots, is, Span(*within))
        }
        Promise::Resumed => "automatic scaling resumed; pins remain".to_owned(),
        Promise::Kept {
            kept,
            way,
            length,
            stops,
            load,
        } => kept_there(way, *stops, &kept_for(*kept, *length)) + &against(verb, load.as_deref()),
        Promise::KeptOn {
            kept,
            way,
            stops,
            load,
        } => kept_there(way, *stops, &kept_on(*kept)) + &against(verb, load.as_deref()),
    }
}

/// For so long; then it comes and goes as usual.
fn kept_for(kept: Kept, length: Duration) -> String {
    let kept = match kept {
        Kept::In => "in",
        Kept::Out => "out",
    };
    format!("; kept {kept} for {}", Span(length))
}

/// Until an operator says otherwise; an always-up server is in by itself.
fn kept_on(kept: Kept) -> String {
    match kept {
        Kept::In => String::new(),
        Kept::Out => format!("; {OUT}"),
    }
}

fn kept_there(way: &Way, stops: bool, kept: &str) -> String {
    let stops = if stops {
        ", then its machine is stopped"
    } else {
        ""
    };
    format!("{way}{stops}{kept}")
}

/// `; mind the load: it is slow now (mean 612 ms > 500 ms), 31 requests/s ÷ 20/s each = 1.6 → 2 wanted;
/// with release it has 1`.
fn against(verb: Verb, load: Option<&Load>) -> String {
    let Some(load) = load else {
        return String::new();
    };
    let slow = load.breach.map(|breach| {
        let (prefix, statistic) = (signal_prefix(breach.signal), breach.statistic.name());
        let (value, above) = (
            measured(breach.value, breach.signal),
            threshold(breach.above, breach.signal),
        );
        let beyond = beyond(breach.signal);
        format!("it is {beyond} now ({prefix}{statistic} {value} > {above})")
    });
    let short = load.need.as_ref().map(|need| {
        let need = capacity::need(need);
        format!("{need}; with {verb} it has {}", load.left)
    });
    let all = slow.into_iter().chain(short);
    format!("; mind the load: {}", all.collect::<Vec<_>>().join(", "))
}

fn released(
    leaving: &[String],
    evacuated: &[String],
    stays: &[(String, Refusal)],
    length: Span,
    stops: bool,
) -> String {
    let stops = if stops {
        ", machines then stopped,"
    } else {
        ""
    };
    let leave = (!leaving.is_empty()).then(|| {
        format!(
            "{}: drained, then put into maint{stops} and kept out for {length} (`enable` or `resume` ends \
             that sooner); `status` shows when",
            leaving.join(", ")
        )
    });
    let evacuated = evacuated.iter().map(|server| format!("{server}: {OUT}"));
    let stays = stays
        .iter()
        .map(|(server, why)| format!("{server} stays: {why}"));
    let all: Vec<String> = leave.into_iter().chain(evacuated).chain(stays).collect();
    if all.is_empty() {
        "no spare is in".to_owned()
    } else {
        all.join("; ")
    }
}

/// `web2 comes in first, as soon as its machine runs (its last boot took 20s); then it is drained, 10s from now at the
/// latest, if another one serves by then`.
fn evacuated(
    stand_in: Option<&str>,
    (is_off, boot): (bool, Option<Duration>),
    (is_out, is_last): (bool, bool),
    within: Span,
) -> String {
    let boot = boot.map(|boot| format!(" (its last boot took {})", Span(boot)));
    let boots = if is_off {
        format!(", as soon as its machine runs{}", boot.unwrap_or_default())
    } else {
        String::new()
    };
    let condition = if is_last {
        ", if another one serves by then"
    } else {
        ""
    };
    let goes = match (is_out, stand_in) {
        (true, _) => "it serves nobody and goes at once".to_owned(),
        (false, Some(stand_in)) => format!(
            "{stand_in} comes in first{boots}; then it is drained, {within} from now at the latest{condition}"
        ),
        (false, None) => format!(
            "no spare can stand in for it; it is drained {within} from now at the latest, as long as \
             another one serves"
        ),
    };
    format!("{goes}; kept out until `enable` or `resume`")
}

fn way(way: &Way) -> String {
    match way {
        Way::Coming => "it is warmed up, checked and then made ready".to_owned(),
        Way::Starting => {
            "its machine is started; then it is warmed up, checked and made ready".to_owned()
        }
        Way::Leaving => "it is drained and then put into maint".to_owned(),
        Way::Already(stage) => format!("it is {} already", stage.as_str()),
        Way::Stays => "it is evacuated no more and stays".to_owned(),
        Way::Settling => "in a few seconds: the daemon was suspended".to_owned(),
        Way::Soon => "as soon as it may be changed".to_owned(),
    }
}

fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownBackend { name, known } => {
            let known = known.join(", ");
            return format!("no backend {name} is looked after; there is {known}");
        }
        Refusal::UnknownServer { name, known } => {
            let (server, backend, known) = (&name.server, &name.backend, known.join(", "));
            return format!("HAProxy has no server {server} in backend {backend}; it has {known}");
        }
        Refusal::Full(servers) => {
            return format!(
                "{servers} servers are in and that is `max`: raise `max`, or disable another one \
                 first"
            );
        }
        Refusal::AtMin { serving, min } => {
            return format!("{} serve and `min` is {min}", counted(*serving, "server"));
        }
        Refusal::NoStart(why) => return format!("it {why}"),
        Refusal::NoStandIn(why) => {
            return format!(
                "no spare can stand in for it: {why}; `--force` drains it all the same, as long as another \
                 one serves"
            );
        }
        Refusal::AllPaused => "everything is paused; `resume` without a name ends that",
        Refusal::BackendPaused => "its whole backend is paused; resume that",
        Refusal::NeedsBackend => "it is about all spares of a backend, or of all of them",
        Refusal::NeedsServer => "it needs a server: BACKEND/SERVER",
        Refusal::NotSeenYet => {
            "HAProxy has not shown its servers yet; try again when `status` does"
        }
        Refusal::Homeless => {
            "HAProxy has no such server any more, and its machine runs: stop it by hand"
        }
        Refusal::NotShown => "HAProxy does not show this server at the moment",
        Refusal::AlwaysUp => "it is always-up: only spares are ever changed",
        Refusal::NoSpare => "it is no spare: only spares are ever changed",
        Refusal::Paused => "it is paused; `resume` it first",
        Refusal::Pinned => "it is pinned; `unpin` it first",
        Refusal::Unreachable => "HAProxy cannot be read at the moment",
        Refusal::Reconfiguring => {
            "a new configuration is about to be applied; try again in a moment"
        }
        Refusal::BeyondUs => "it tracks another server, is tracked, or its address is not resolved",
        Refusal::LastServing => "it is the last server that serves",
        Refusal::Barred(why) => why,
    }
    .to_owned()
}

/// `web: paused by uid 0 for 59m more, 1h ago`.
fn remembered(remembered: &Remembered) -> String {
    let pause = remembered.standings.pause.unwrap_or_default();
    let ago = pause.lasted.map(|it| format!(", {} ago", Span(it)));
    let paused = format!("paused{pause}{}", ago.unwrap_or_default());
    match &remembered.place {
        Place::Everything => paused,
        Place::Backend(name) => format!("{name}: {paused}"),
        Place::Server(name) => format!("{name}: {}", orders(&remembered.standings, true)),
    }
}
