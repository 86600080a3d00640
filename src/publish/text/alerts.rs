//! What an alert says: a title of one line, and a body with the numbers, what follows, and how to undo or
//! mend it.

use super::super::alert::{Incident, Subject};
use super::super::event::Event;
use super::counted;
use crate::publish::record::AlertNews;
use crate::words::time::Span;

in_words!(AlertNews: news);

/// Longest title.
const TITLE_CHARS_MAX: usize = 60;
/// How what is only pretended begins.
const OBSERVED: &str = "[observe] would ";

pub(in crate::publish) fn title(what: &Subject, host: &str) -> String {
    let title = match what {
        Subject::Begun(incident) => format!("{}: {}", place(incident, host), headline(incident)),
        Subject::Ended { incident, .. } => {
            format!("{}: over: {}", place(incident, host), headline(incident))
        }
        Subject::Event(entry) => of_event(&entry.event, host),
        Subject::Muted(_) => format!("{host}: alerts are muted"),
        Subject::Unmuted => format!("{host}: alerts are sent again"),
        Subject::Test(channel) => format!("{host}: test of {channel}"),
    };
    shortened(&title)
}

pub(in crate::publish) fn body(what: &Subject) -> String {
    match what {
        Subject::Begun(incident) => {
            format!("{}. {}", sentence(&incident.text), way_out(incident))
        }
        Subject::Ended { incident, lasted } => format!(
            "It lasted {}. It was: {}.",
            Span(*lasted),
            incident.text.trim_end_matches('.')
        ),
        Subject::Event(entry) => of_event_body(&entry.event),
        Subject::Muted(pause) => format!(
            "Everything is {pause}: nothing is changed and no more alerts are sent. What still lasts is \
             told after `haproxy-autoscale resume`."
        ),
        Subject::Unmuted => {
            "Not everything is paused any more. What still lasts, and the end of what you \
                             had heard of, is told next."
                .to_owned()
        }
        Subject::Test(_) => {
            "If you can read this, alerts of haproxy-autoscale reach you. Nothing is \
                             wrong."
                .to_owned()
        }
    }
}

fn place<'a>(incident: &'a Incident, host: &'a str) -> &'a str {
    incident.backend.as_deref().unwrap_or(host)
}

fn shortened(title: &str) -> String {
    if title.chars().count() <= TITLE_CHARS_MAX {
        return title.to_owned();
    }
    let mut short: String = title.chars().take(TITLE_CHARS_MAX - 1).collect();
    short.push('…');
    short
}

/// With a capital at its beginning and no full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    match letters.next() {
        // A name stays as it is written.
        Some(first) if is_word(text) => first.to_uppercase().chain(letters).collect(),
        Some(_) | None => text.to_owned(),
    }
}

/// It begins with a word of ours: names have digits or signs, or a colon behind them.
fn is_word(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.chars().all(|letter| letter.is_ascii_lowercase())
}

/// What is wrong, in a few words.
fn headline(incident: &Incident) -> String {
    let about = incident.about.as_deref();
    let it = about.unwrap_or("a server");
    let text = match incident.code.as_str() {
        "unreachable" => "HAProxy cannot be reached",
        "unknown_backend" => "HAProxy has no such backend",
        "unknown_server" => "a configured server is missing",
        "no_spare" => "there is no spare",
        "not_helping" => "more servers do not help",
        "log_incomplete" | "log_inflated" | "log_dropped" => "the log cannot be trusted",
        "log_absent" => "there is no log to read",
        "log_late" => "the log is read late",
        "log_lost" | "lines_lost" => "lines of the log are lost",
        "memory_lost" => "what was remembered is lost",
        "not_serving" => return format!("{it} gets no requests"),
        "probation_failed" => return format!("{it} answers worse than others"),
        "always_up_missing" => return format!("{it} takes no traffic"),
        "warm_up_fails" => return format!("{it} does not come up"),
        "machine_failed" => return format!("the machine of {it} fails"),
        "machine_unused" => return format!("the machine of {it} runs in no use"),
        "machine_mute" => return format!("the machine of {it} is out of sight"),
        "crowded" => "users wait in front of HAProxy",
        "used_in_maint" => return format!("{it} is used while in maint"),
        "errors" => "many requests fail",
        "slow_paused" | "slow_max_reached" | "slow_all_in" => "slow, and nothing can help",
        "slow_no_spare" => "slow and no spare left",
        "short_paused" | "short_max_reached" | "short_all_in" => "too few servers",
        "short_no_spare" => "too few servers and no spare left",
        "log_missing" => "the log is missing",
        "log_unreadable" => "the log cannot be read",
        "lines_rejected" => "the log is not understood",
        "socket_level" => "the admin socket allows no change",
        "untrusted" => "others could change what it relies on",
        "state_not_kept" => "the state cannot be kept",
        "events_not_kept" => "events cannot be kept",
        "config_not_applied" => "the new configuration is not used",
        "http_not_listening" => "HTTP is not served",
        "http_token" => "the HTTP tokens cannot be used",
        "alert_not_sent" => return format!("alerts do not reach {}", about.unwrap_or("a channel")),
        "heartbeat_not_sent" => "the heartbeat is not taken",
        "probe_down" => return format!("{} is down", about.unwrap_or("a site")),
        other => return other.replace('_', " "),
    };
    text.to_owned()
}

/// What follows, and what to do.
fn way_out(incident: &Incident) -> String {
    let explain = incident
        .backend
        .as_ref()
        .map(|backend| format!("`haproxy-autoscale explain {backend}` says more."));
    let text = match incident.code.as_str() {
        "unreachable" => {
            "Nothing is changed until it answers, and its servers keep their states. `haproxy-autoscale \
             doctor` looks for the cause."
        }
        "slow_paused" | "short_paused" => "`haproxy-autoscale resume` ends the pause.",
        "slow_max_reached" | "short_max_reached" => {
            "Nothing more is enabled: raise `max`, or take load away."
        }
        "slow_all_in" | "slow_no_spare" | "short_all_in" | "short_no_spare" => {
            "Nothing more can be enabled automatically: add servers, or take load away."
        }
        "not_helping" => {
            "No more are brought in for now: look at what the servers themselves wait for."
        }
        "log_missing" | "log_unreadable" | "log_absent" => {
            "Nothing is scaled by response times until it can be read: check rsyslog, rights and disk \
             space."
        }
        "machine_failed" | "machine_mute" => {
            "Its server cannot be counted on; other spares are tried. `haproxy-autoscale doctor` asks each \
             machine."
        }
        "machine_unused" => "It may cost money. `haproxy-autoscale status` shows all machines.",
        "probe_down" => "Seen from this host; nothing is changed because of it.",
        "config_not_applied" => "The configuration of before stays in use.",
        _ => {
            return explain.unwrap_or_else(|| {
                "`haproxy-autoscale status` shows whether it lasts.".to_owned()
            });
        }
    };
    text.to_owned()
}

/// `web/web3`, `web`, or nothing.
fn place_of(event: &Event) -> Option<String> {
    let backend = event.backend.as_deref()?;
    Some(match &event.server {
        Some(server) => format!("{backend}/{server}"),
        None => backend.to_owned(),
    })
}

fn of_event(event: &Event, host: &str) -> String {
    let is_observed = event.text.starts_with(OBSERVED);
    let server = event.server.as_deref().unwrap_or("a server");
    let place = event.backend.as_deref().unwrap_or(host);
    let (done, would) = match event.code.as_str() {
        "enable" => (
            format!("enabled spare {server}"),
            format!("would enable {server}"),
        ),
        "disable" => (
            format!("put {server} away"),
            format!("would put {server} away"),
        ),
        "drain" => (format!("drains {server}"), format!("would drain {server}")),
        "machine_start" => (
            format!("starts the machine of {server}"),
            format!("would start the machine of {server}"),
        ),
        "machine_stop" => (
            format!("stops the machine of {server}"),
            format!("would stop the machine of {server}"),
        ),
        "warm_up" => (
            format!("warms up {server}"),
            format!("would warm up {server}"),
        ),
        "enable_failed" => (format!("{server} did not come up"), String::new()),
        "no_spare" => ("slow and no spare left".to_owned(), String::new()),
        "hold" => (format!("someone changed {server}"), String::new()),
        "machine_failed" => (format!("the machine of {server} failed"), String::new()),
        "machine_stray" => (
            "a machine runs that has no server".to_owned(),
            String::new(),
        ),
        "machine_started" => (format!("the machine of {server} is up"), String::new()),
        "machine_stopped" => (format!("the machine of {server} is off"), String::new()),
        "breach_over" => ("below the threshold again".to_owned(), String::new()),
        "order" => {
            let order = event.data.get("order").and_then(|order| order.as_str());
            (format!("order: {}", order.unwrap_or("?")), String::new())
        }
        other => (other.replace('_', " "), String::new()),
    };
    if is_observed && !would.is_empty() {
        return format!("[observe] {place}: {would}");
    }
    format!("{place}: {done}")
}

fn of_event_body(event: &Event) -> String {
    let is_observed = event.text.starts_with(OBSERVED);
    // The title has change and place already.
    let reason = place_of(event).and_then(|place| {
        let (_, reason) = event.text.split_once(&format!("{place}: "))?;
        Some(reason)
    });
    let reason = sentence(reason.unwrap_or(&event.text));
    if is_observed {
        return format!("Nothing was changed. {reason}.");
    }
    let place = place_of(event).unwrap_or_default();
    let undo = match event.code.as_str() {
        "enable" => format!(" It takes traffic. Undo: `haproxy-autoscale disable {place}`."),
        "disable" => format!(" Undo: `haproxy-autoscale enable {place}`."),
        "enable_failed" => " The next spare is tried, if there is one.".to_owned(),
        "no_spare" => " Nothing more can be enabled automatically.".to_owned(),
        _ => String::new(),
    };
    format!("{reason}.{undo}")
}

/// What the daemon tells of its alerts, and of what is watched for them.
fn news(news: &AlertNews) -> String {
    match news {
        AlertNews::NotSent { channel, text } => format!(
            "alerts do not reach {channel}: {text}; they wait and are tried again, see \
             `haproxy-autoscale alerts test`"
        ),
        AlertNews::Sent { channel } => format!("alerts reach {channel} again"),
        AlertNews::Lost { channel, alerts } => format!(
            "{} could not be sent to {channel} and will not be",
            counted(*alerts, "alert")
        ),
        AlertNews::Muted(pause) => format!(
            "no alerts are sent: everything is {pause}; `haproxy-autoscale resume` ends that"
        ),
        AlertNews::Unmuted => "alerts are sent again".to_owned(),
        AlertNews::HeartbeatNotSent(text) => format!("the heartbeat is not taken: {text}"),
        AlertNews::HeartbeatSent => "the heartbeat is taken again".to_owned(),
        AlertNews::ProbeDown { site, text } => format!("{site} is down: {text}"),
        AlertNews::ProbeUp { site, lasted } => {
            format!("{site} is up again, after {}", Span(*lasted))
        }
    }
}
