//! The daemon's own log: each decision on one line with everything that led to it, the same text
//! as in `replay`, but for breaches, which are told by episode. What to say is decided elsewhere; here
//! is how loud.

use super::hands::Diagnosis;
use crate::config::{Config, Mode};
use crate::log::file::FileState;
use crate::log::source::Source;
use crate::scaler::Remembered;
use crate::scaler::decision::{Change, Decision, News, Note, Reason};
use crate::words::order::Place;
use crate::words::picture::ReadFailure;

/// One line for one decision.
pub(super) fn write(decision: &Decision, mode: Mode) {
    let would = match (mode, decision.change) {
        (Mode::Observe, Change::WarmUp | Change::Enable | Change::Drain | Change::Disable) => {
            "[observe] would "
        }
        (Mode::Observe | Mode::Act, _) => "",
    };
    if is_refused(decision) {
        tracing::warn!("refused: {decision}");
        return;
    }
    if let Reason::Breach { news, .. } = &decision.reason {
        match news {
            News::Begins => tracing::info!("{decision}"),
            News::Nothing => {}
            News::Lasts(episode) => {
                tracing::info!("{} {}: {episode}", decision.change, decision.backend);
            }
        }
        return;
    }
    match decision.change {
        Change::EnableFailed
        | Change::NoSpare
        | Change::NotHelping
        | Change::Freeze
        | Change::NotServing
        | Change::ProbationFailed
        | Change::Warning
        | Change::Unreachable => {
            tracing::warn!("{would}{decision}");
        }
        Change::Breach
        | Change::BreachOver
        | Change::WarmUp
        | Change::Enable
        | Change::Drain
        | Change::Disable
        | Change::Hold
        | Change::Reload
        | Change::Thaw
        | Change::Reachable
        | Change::Stay
        | Change::Note
        | Change::Operator
        | Change::Paused => tracing::info!("{would}{decision}"),
    }
}

/// An order that was not obeyed.
const fn is_refused(decision: &Decision) -> bool {
    matches!(decision.reason, Reason::Answer { answer: Err(_), .. })
}

/// What HAProxy this is, and what stands in the way.
pub(super) fn write_diagnosis(diagnosis: &Diagnosis, config: &Config) {
    if let Some(version) = &diagnosis.version {
        tracing::info!(version, socket = %config.haproxy.socket, "connected to HAProxy");
    }
    if let (Mode::Act, Some(text)) = (config.mode, level_problem(diagnosis)) {
        tracing::warn!("{text}");
    }
}

/// HAProxy has no such backend.
pub(super) fn is_unknown(decision: &Decision) -> bool {
    let unknown = Note::Unread(ReadFailure::UnknownBackend);
    matches!(&decision.reason, Reason::Note(note) if *note == unknown)
}

/// A backend of the configuration that HAProxy does not have; `known` are those that it has.
pub(super) fn write_unknown(name: &str, known: &[String]) {
    if known.is_empty() {
        tracing::warn!("HAProxy has no backend {name}");
        return;
    }
    let known = known.join(", ");
    tracing::warn!("HAProxy has no backend {name}; it has {known}");
}

/// What operators told an earlier daemon; true where it forbids every change.
pub(super) fn write_remembered(orders: &[Remembered]) {
    for order in orders {
        match order.place {
            Place::Everything | Place::Backend(_) => tracing::warn!(
                "from before the start: {order}; nothing is changed until `haproxy-autoscale resume`"
            ),
            Place::Server(_) => tracing::info!("from before the start: {order}"),
        }
    }
}

/// The log was away for a moment, as it is when it is rotated.
pub(super) fn write_rotated(source: &str) {
    tracing::info!(source, "the log was rotated: reading the new one");
}

/// A socket that forbids every change.
pub(super) fn level_problem(diagnosis: &Diagnosis) -> Option<String> {
    let level = diagnosis
        .level
        .as_deref()
        .filter(|level| *level != "admin")?;
    Some(format!(
        "the admin socket has level {level}: nothing can be changed over it; write `level admin` \
         on its `stats socket` line in haproxy.cfg"
    ))
}

/// How the log can be read.
pub(super) fn write_source(state: &FileState, source: &str) {
    match state {
        FileState::Reading => tracing::info!(source, "reading the log"),
        FileState::Waiting(text) | FileState::Refused(text) => tracing::warn!("{text}"),
        FileState::Ended => tracing::info!(source, "the log has ended"),
    }
}

/// Too much was unread at once: the oldest of it was passed over.
pub(super) fn write_skipped(bytes: u64, source: &str) {
    tracing::warn!(
        source,
        bytes,
        "the log is read too late: passed over its oldest unread part"
    );
}

/// Lines were sent and never arrived.
pub(super) fn write_lost(lines: u64, source: &Source) {
    tracing::warn!("{}", lost_problem(lines, source));
}

/// The same for `status`.
pub(super) fn lost_problem(lines: u64, source: &Source) -> String {
    format!(
        "{lines} line{} sent to {} were lost: {}",
        if lines == 1 { "" } else { "s" },
        source.describe(),
        source.loss_advice()
    )
}
