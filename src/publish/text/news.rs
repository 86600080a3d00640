//! Records in words: one line each. What users do about it stands at the end.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::counted;
use super::machines;
use crate::log::source::SourceNews;
use crate::measure::account::Usage;
use crate::publish::record::{LogNews, LooksAfter, News, Record, Untrusted, What, is_refused};
use crate::scaler::decision::{Change, Decision, News as Window, Reason};
use crate::words::moment::clock;
use crate::words::names::ServerName;
use crate::words::time::Span;

in_words!(LooksAfter: looks_after, News: news, Record: record, Untrusted: untrusted);

fn record(record: &Record) -> String {
    match &record.what {
        What::News(news) => news.to_string(),
        What::Decision {
            decision,
            is_pretended,
        } => told(decision, *is_pretended),
    }
}

fn told(decision: &Decision, is_pretended: bool) -> String {
    if is_refused(decision) {
        return format!("refused: {decision}");
    }
    if let Reason::Breach {
        news: Window::Lasts(episode),
        ..
    } = &decision.reason
    {
        return format!("{} {}: {episode}", decision.change, decision.backend());
    }
    let is_pretended = is_pretended && would_write(decision.change);
    let would = if is_pretended { "[observe] would " } else { "" };
    format!("{would}{decision}")
}

/// Something is sent to HAProxy, to a spare or to whoever has its machine for it.
const fn would_write(change: Change) -> bool {
    matches!(
        change,
        Change::WarmUp
            | Change::Enable
            | Change::Drain
            | Change::Disable
            | Change::MachineStart
            | Change::MachineStop
    )
}

fn news(news: &News) -> String {
    match news {
        News::Started {
            version,
            looks_after,
        } => format!("haproxy-autoscale {version} {looks_after}"),
        News::UncleanEnd { last_id, at } => unclean_end(*last_id, *at),
        News::Stopping => STOPPING.to_owned(),
        News::Connected { version, socket } => {
            format!("connected to HAProxy {version} over {socket}")
        }
        News::SocketLevel { level } => format!(
            "the admin socket has level {level}: nothing can be changed over it; write `level \
             admin` on its `stats socket` line in haproxy.cfg"
        ),
        News::UnknownBackend { backend, known } => unknown_backend(backend, known),
        News::Untrusted(untrusted) => untrusted.to_string(),
        News::LockUnknown { error } => {
            format!("cannot tell whether another daemon acts on the same admin socket: {error}")
        }
        News::ControlSocket { path, error } => format!(
            "cannot listen on the control socket {}: {error} (socket under [control]; its directory \
             must be there and writable)",
            path.display()
        ),
        News::ServiceManager { what, error } => untold(what, error),
        News::Log { source, news } => log(source, news),
        News::StateLost(text) => {
            format!("{text}; no enabled spare goes before a window of requests")
        }
        News::StateNotKept(text)
        | News::EventsNotKept(text)
        | News::ConfigNotApplied(text)
        | News::HttpNotListening(text)
        | News::HttpToken(text) => text.clone(),
        News::EventsKept => "events are kept on disk again".to_owned(),
        News::EventsMoved(file) => events_moved(file.as_deref()),
        News::EventsLost { events, is_at_most } => events_lost(*events, *is_at_most),
        News::StateKept => "the state is kept on disk again".to_owned(),
        News::Paused(order) => format!(
            "from before the start: {order}; nothing is changed until `haproxy-autoscale resume`"
        ),
        News::Remembered(order) => format!("from before the start: {order}"),
        News::ConfigApplied(looks_after, waits_for) => format!(
            "SIGHUP: configuration read again, new configuration applied: the daemon {looks_after}{}",
            later(waits_for)
        ),
        News::ConfigUnchanged => UNCHANGED.to_owned(),
        News::HttpListening(listen) => format!("HTTP is served on {listen}"),
        News::Alerts(news) => news.to_string(),
        News::MachineSaid { server, verb, text } => machines::said(server.as_ref(), verb, text),
        News::MachineStray { machine, command } => machines::stray(machine, command),
        News::Reason { backend, text, .. } => format!("reason {backend}: {text}"),
        News::Usage { backend, usage, .. } => usage_of(backend, usage),
        News::ProblemLasts {
            backend,
            lasted,
            text,
        } => {
            let place = place(backend.as_ref());
            format!("{place}for {} now: {text}", Span(*lasted))
        }
        News::ProblemOver {
            backend,
            code,
            lasted,
        } => {
            let (place, lasted) = (place(backend.as_ref()), Span(*lasted));
            format!("{place}{code} is over, after {lasted}")
        }
    }
}

/// `usage web: 4000 requests in 5m, 12 slow and 0 failed; 2.0 of 3.0 servers`.
fn usage_of(backend: &str, usage: &Usage) -> String {
    let seconds = usage.known.as_secs_f64().max(0.001);
    let servers = |time: Duration| time.as_secs_f64() / seconds;
    let machines = usage.machines.filter(|ran| !ran.is_zero());
    let machines = machines.map(|ran| format!("; machines ran for {}", Span(ran)));
    format!(
        "usage {backend}: {} in {}, {} slow and {} failed; {:.1} of {:.1} servers{}",
        counted(usage.requests, "request"),
        Span(usage.span),
        usage.slow,
        usage.failed,
        servers(usage.servers),
        servers(usage.all_servers),
        machines.unwrap_or_default(),
    )
}

fn unknown_backend(backend: &str, known: &[String]) -> String {
    if known.is_empty() {
        return format!("HAProxy has no backend {backend}");
    }
    let known = known.join(", ");
    format!("HAProxy has no backend {backend}; it has {known}")
}

fn events_lost(events: u64, is_at_most: bool) -> String {
    let most = if is_at_most { "at most " } else { "" };
    let (events, them) = (
        counted(events, "event"),
        if events == 1 { "it" } else { "them" },
    );
    format!(
        "{most}{events} before this one cannot be shown: no disk took {them}, or the file was removed"
    )
}

/// Its last words.
const STOPPING: &str =
    "stopping: servers keep their state; a spare in transition goes back to maint";

const UNCHANGED: &str = "SIGHUP: configuration read again, it has not changed";

fn untold(what: &str, error: &str) -> String {
    format!("cannot tell the service manager {what}: {error}")
}

fn events_moved(file: Option<&Path>) -> String {
    let place = file.map_or_else(|| "memory alone".to_owned(), |it| it.display().to_string());
    format!("events are kept in {place} from here on")
}

/// By the clock on the wall.
fn unclean_end(last_id: u64, at: SystemTime) -> String {
    let at = clock(at, &TimeZone::system());
    format!(
        "the daemon before this one ended without saying so at about {} {:02}:{:02} (last event \
         {last_id}): it was killed or crashed, or the host went down",
        at.date(),
        at.hour(),
        at.minute()
    )
}

/// Where a new configuration has to wait, and for which servers.
fn later(waits_for: &[ServerName]) -> String {
    let each = waits_for.iter().map(|it| {
        let (backend, server) = (&it.backend, &it.server);
        format!("; to {backend} it will be applied when the change of {server} has been taken back")
    });
    each.collect()
}

fn looks_after(looks_after: &LooksAfter) -> String {
    let LooksAfter {
        socket,
        backends,
        is_observing,
    } = looks_after;
    let backends = backends.join(", ");
    let mode = if *is_observing {
        "observing: nothing is written to HAProxy, no spare is contacted"
    } else {
        "acting"
    };
    format!("looks after {backends} over {socket}, {mode}")
}

fn log(source: &str, news: &LogNews) -> String {
    match news {
        LogNews::Missing(text) | LogNews::Unreadable(text) | LogNews::Rejected(text) => {
            text.clone()
        }
        LogNews::Lost { lines, advice } => {
            let lines = counted(*lines, "line");
            format!("{lines} sent to {source} were lost: {advice}")
        }
        LogNews::Read => format!("reading the log {source}"),
        LogNews::Ended => format!("the log has ended: {source}"),
        LogNews::Rotated => format!("the log {source} was rotated: reading the new one"),
        LogNews::Skipped(bytes) => {
            format!("falling behind the log {source}: skipped the oldest {bytes} unread bytes")
        }
        LogNews::Source(news) => of_source(source, news),
    }
}

fn of_source(source: &str, news: &SourceNews) -> String {
    match news {
        SourceNews::Resumed => {
            format!("resuming the log {source} at the previous daemon's position")
        }
        SourceNews::FromEnd(reason) => {
            format!("starting at the end of the log {source}: {reason}")
        }
        SourceNews::EndNotKept { file, error } => format!(
            "cannot remember where reading the log ended in {}: {error}; the next daemon starts at \
             its end; let this daemon's user write to [state] dir, or set it to \"\"",
            file.display()
        ),
        SourceNews::NoReader(error) => {
            format!("cannot start a thread to read the log {source}: {error}")
        }
        SourceNews::ReadFailed(error) => {
            format!("cannot read the log {source} any further: {error}")
        }
        SourceNews::NameRemoved => {
            format!("somebody removed the socket {source}: making it anew")
        }
        SourceNews::AcceptFailed(error) => {
            format!("cannot accept a connection to {source}: {error}; trying again")
        }
        SourceNews::Crowded { peer, others } => format!(
            "refused a connection of {peer} to {source}: {others} others send the log already"
        ),
        SourceNews::Closed { peer, error } => {
            format!("closed a connection of {peer} to {source}: {error}")
        }
        SourceNews::Complaint { program, text } => format!("{program}: {text}"),
        SourceNews::Unwatched { directory, error } => format!(
            "cannot watch the log's directory {}: {error}; looking at the log every 250 ms instead",
            directory.display()
        ),
        SourceNews::Missed(count) => {
            format!("{count} messages about the log {source} are missing here")
        }
    }
}

/// `web: `, or nothing.
fn place(backend: Option<&String>) -> String {
    backend.map_or_else(String::new, |backend| format!("{backend}: "))
}

fn untrusted(untrusted: &Untrusted) -> String {
    match untrusted {
        Untrusted::Socket { path } => format!(
            "everybody on this host may give HAProxy orders over {}: write `mode 660` on its \
             `stats socket` line in haproxy.cfg",
            path.display()
        ),
        Untrusted::Directory {
            directory,
            what,
            path,
        } => format!(
            "everybody on this host may write in {}, where {what} {} is, and could replace it: \
             remove that permission (chmod o-w {0}) or put {what} elsewhere",
            directory.display(),
            path.display()
        ),
    }
}
