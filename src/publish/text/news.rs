//! Records in words: one line each. What users do about it stands at the end.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use crate::log::source::SourceNews;
use crate::publish::record::{LogNews, News, Record, Untrusted, What, is_refused};
use crate::scaler::decision::{Change, Decision, News as Window, Reason};
use crate::words::time::Span;

impl Display for Record {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::News(news) => news.fmt(formatter),
            What::Decision {
                decision,
                is_pretended,
            } => write_decision(formatter, decision, *is_pretended),
        }
    }
}

fn write_decision(
    formatter: &mut Formatter<'_>,
    decision: &Decision,
    is_pretended: bool,
) -> fmt::Result {
    if is_refused(decision) {
        return write!(formatter, "refused: {decision}");
    }
    if let Reason::Breach {
        news: Window::Lasts(episode),
        ..
    } = &decision.reason
    {
        return write!(
            formatter,
            "{} {}: {episode}",
            decision.change,
            decision.backend()
        );
    }
    if is_pretended && would_write(decision.change) {
        formatter.write_str("[observe] would ")?;
    }
    decision.fmt(formatter)
}

/// Something is sent to HAProxy or to a spare for it.
const fn would_write(change: Change) -> bool {
    matches!(
        change,
        Change::WarmUp | Change::Enable | Change::Drain | Change::Disable
    )
}

impl Display for News {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started {
                version,
                socket,
                backends,
                is_observing,
            } => write_started(formatter, version, socket, backends, *is_observing),
            Self::Stopping => formatter.write_str(
                "stopping: servers keep their state; a spare in transition goes back to maint",
            ),
            Self::Connected { version, socket } => {
                write!(formatter, "connected to HAProxy {version} over {socket}")
            }
            Self::SocketLevel { level } => write!(
                formatter,
                "the admin socket has level {level}: nothing can be changed over it; write `level \
                 admin` on its `stats socket` line in haproxy.cfg"
            ),
            Self::UnknownBackend { backend, known } => write_unknown(formatter, backend, known),
            Self::Untrusted(untrusted) => untrusted.fmt(formatter),
            Self::LockUnknown { error } => write!(
                formatter,
                "cannot tell whether another daemon acts on the same admin socket: {error}"
            ),
            Self::ControlSocket { path, error } => write_unbound(formatter, path, error),
            Self::ServiceManager { what, error } => {
                write!(formatter, "cannot tell the service manager {what}: {error}")
            }
            Self::Log { source, news } => write_log(formatter, source, news),
            Self::StateLost(text) => write!(
                formatter,
                "{text}; no enabled spare goes before a window of requests"
            ),
            Self::StateNotKept(text) | Self::ConfigNotApplied(text) => formatter.write_str(text),
            Self::StateKept => formatter.write_str("the state is kept on disk again"),
            Self::Remembered { order, is_pause } => {
                write!(formatter, "from before the start: {order}")?;
                if *is_pause {
                    formatter.write_str("; nothing is changed until `haproxy-autoscale resume`")?;
                }
                Ok(())
            }
            Self::ConfigApplied => formatter.write_str("SIGHUP: new configuration applied"),
            Self::ConfigUnchanged => {
                formatter.write_str("SIGHUP: the configuration has not changed")
            }
            Self::ProblemLasts {
                backend,
                lasted,
                text,
            } => write!(
                formatter,
                "{}for {} now: {text}",
                Place(backend.as_deref()),
                Span(*lasted)
            ),
            Self::ProblemOver {
                backend,
                code,
                lasted,
            } => write!(
                formatter,
                "{}{code} is over, after {}",
                Place(backend.as_deref()),
                Span(*lasted)
            ),
        }
    }
}

fn write_started(
    formatter: &mut Formatter<'_>,
    version: &str,
    socket: &str,
    backends: &[String],
    is_observing: bool,
) -> fmt::Result {
    let backends = backends.join(", ");
    write!(
        formatter,
        "haproxy-autoscale {version} looks after {backends} over {socket}, "
    )?;
    formatter.write_str(if is_observing {
        "observing: nothing is written to HAProxy, no spare is contacted"
    } else {
        "acting"
    })
}

fn write_unknown(formatter: &mut Formatter<'_>, backend: &str, known: &[String]) -> fmt::Result {
    write!(formatter, "HAProxy has no backend {backend}")?;
    if known.is_empty() {
        return Ok(());
    }
    write!(formatter, "; it has {}", known.join(", "))
}

fn write_unbound(formatter: &mut Formatter<'_>, path: &Path, error: &str) -> fmt::Result {
    write!(
        formatter,
        "cannot listen on the control socket {}: {error} (socket under [control]; its directory \
         must be there and writable)",
        path.display()
    )
}

fn write_log(formatter: &mut Formatter<'_>, source: &str, news: &LogNews) -> fmt::Result {
    match news {
        LogNews::Missing(text) | LogNews::Unreadable(text) | LogNews::Rejected(text) => {
            formatter.write_str(text)
        }
        LogNews::Lost { lines, advice } => {
            let plural = if *lines == 1 { "" } else { "s" };
            write!(
                formatter,
                "{lines} line{plural} sent to {source} were lost: {advice}"
            )
        }
        LogNews::Read => write!(formatter, "reading the log {source}"),
        LogNews::Ended => write!(formatter, "the log has ended: {source}"),
        LogNews::Rotated => write!(
            formatter,
            "the log {source} was rotated: reading the new one"
        ),
        LogNews::Skipped(bytes) => write!(
            formatter,
            "falling behind the log {source}: skipped the oldest {bytes} unread bytes"
        ),
        LogNews::Source(news) => write_source(formatter, source, news),
    }
}

fn write_source(formatter: &mut Formatter<'_>, source: &str, news: &SourceNews) -> fmt::Result {
    match news {
        SourceNews::Resumed => write!(
            formatter,
            "resuming the log {source} at the previous daemon's position"
        ),
        SourceNews::FromEnd(reason) => {
            write!(
                formatter,
                "starting at the end of the log {source}: {reason}"
            )
        }
        SourceNews::EndNotKept { file, error } => write!(
            formatter,
            "cannot remember where reading the log ended in {}: {error}; the next daemon starts at \
             its end; let this daemon's user write to [state] dir, or set it to \"\"",
            file.display()
        ),
        SourceNews::NoReader(error) => write!(
            formatter,
            "cannot start a thread to read the log {source}: {error}"
        ),
        SourceNews::ReadFailed(error) => {
            write!(
                formatter,
                "cannot read the log {source} any further: {error}"
            )
        }
        SourceNews::NameRemoved => write!(
            formatter,
            "somebody removed the socket {source}: making it anew"
        ),
        SourceNews::AcceptFailed(error) => write!(
            formatter,
            "cannot accept a connection to {source}: {error}; trying again"
        ),
        SourceNews::Crowded { peer, others } => write!(
            formatter,
            "refused a connection of {peer} to {source}: {others} others send the log already"
        ),
        SourceNews::Closed { peer, error } => {
            write!(
                formatter,
                "closed a connection of {peer} to {source}: {error}"
            )
        }
        SourceNews::Complaint { program, text } => write!(formatter, "{program}: {text}"),
        SourceNews::Unwatched { directory, error } => write!(
            formatter,
            "cannot watch the log's directory {}: {error}; looking at the log every 250 ms instead",
            directory.display()
        ),
        SourceNews::Missed(count) => write!(
            formatter,
            "{count} messages about the log {source} are missing here"
        ),
    }
}

/// `web: `, or nothing.
struct Place<'a>(Option<&'a str>);

impl Display for Place<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |backend| write!(formatter, "{backend}: "))
    }
}

impl Display for Untrusted {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { path } => write!(
                formatter,
                "everybody on this host may give HAProxy orders over {}: write `mode 660` on its \
                 `stats socket` line in haproxy.cfg",
                path.display()
            ),
            Self::Directory {
                directory,
                what,
                path,
            } => write!(
                formatter,
                "everybody on this host may write in {}, where {what} {} is, and could replace it: \
                 remove that permission (chmod o-w {0}) or put {what} elsewhere",
                directory.display(),
                path.display()
            ),
        }
    }
}
