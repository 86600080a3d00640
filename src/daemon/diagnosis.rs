//! Which HAProxy this is, whether it takes our commands, and which backends it has. It is asked once it
//! has answered, and again when it may be another one. How it is asked lives in `hands`.

use super::Daemon;
use super::hands::Diagnosis;
use crate::config::Mode;
use crate::publish::record::News;
use crate::scaler::decision::{Decision, Note, Reason};
use crate::words::picture::ReadFailure;

/// What is known of this HAProxy.
#[derive(Debug, Default)]
pub(super) struct Acquaintance {
    diagnosis: Diagnosis,
    asking: Asking,
    /// Backends that HAProxy does not have, to be said with those that it has.
    unknown: Vec<String>,
}

/// How far it is with asking HAProxy who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asking {
    #[default]
    Wanted,
    UnderWay,
    Done,
}

impl Acquaintance {
    /// HAProxy's, once it has said it.
    pub(super) fn version(&self) -> Option<&str> {
        self.diagnosis.version.as_deref()
    }
}

impl Daemon {
    /// It has answered: it is asked the rest, if that is wanted.
    pub(super) fn ask_if_wanted(&mut self) {
        if self.haproxy.asking == Asking::Wanted {
            self.haproxy.asking = Asking::UnderWay;
            self.hands.diagnose();
        }
    }

    pub(super) fn take_diagnosis(&mut self, diagnosis: Diagnosis) {
        self.haproxy.diagnosis = diagnosis;
        self.tell_diagnosis();
        if self.haproxy.asking == Asking::UnderWay {
            self.haproxy.asking = Asking::Done;
        }
        self.tell_all_unknown();
    }

    /// What HAProxy this is, and what stands in the way.
    fn tell_diagnosis(&self) {
        if let Some(version) = self.haproxy.diagnosis.version.clone() {
            let socket = self.config.haproxy.socket.to_string();
            self.tell(News::Connected { version, socket });
        }
        if let Some(level) = self.level_problem() {
            self.tell(level);
        }
    }

    /// Another HAProxy, perhaps: what it lets us do is not known until it was asked.
    pub(super) fn want_diagnosis(&mut self) {
        self.haproxy.asking = Asking::Wanted;
        self.haproxy.diagnosis.level = None;
    }

    /// Why HAProxy would take no command from us.
    pub(super) fn level_problem(&self) -> Option<News> {
        let level = self.haproxy.diagnosis.level.clone()?;
        let is_in_the_way = self.config.mode == Mode::Act && level != "admin";
        is_in_the_way.then_some(News::SocketLevel { level })
    }

    /// Told once, with the backends that HAProxy has: it is asked for them anew.
    pub(super) fn note_unknown(&mut self, name: &str) {
        self.haproxy.unknown.push(name.to_owned());
        match self.haproxy.asking {
            Asking::Wanted | Asking::UnderWay => {}
            Asking::Done => self.haproxy.asking = Asking::Wanted,
        }
    }

    fn tell_all_unknown(&mut self) {
        for backend in std::mem::take(&mut self.haproxy.unknown) {
            let known = self.haproxy.diagnosis.backends.iter();
            let known = known.filter(|it| **it != backend).cloned().collect();
            self.tell(News::UnknownBackend { backend, known });
        }
    }
}

/// HAProxy has no such backend.
pub(super) fn is_unknown(decision: &Decision) -> bool {
    let unknown = Note::Unread(ReadFailure::UnknownBackend);
    matches!(&decision.reason, Reason::Note(note) if *note == unknown)
}
