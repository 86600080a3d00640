//! One thing that an operator may have to hear, whoever noticed it: a decision of the scaler, or
//! `news` of the daemon. Data alone; the sentence is made in `text`.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::log::source::SourceNews;
use crate::scaler::decision::{Change, Decision, News as Window, Reason};
use crate::words::level::Level;

pub use super::news::{AlertNews, LogNews, LooksAfter, News, Untrusted};

#[derive(Clone, Debug)]
pub struct Record {
    /// By the wall clock.
    pub at: SystemTime,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// The scaler decided something.
    Decision {
        decision: Decision,
        /// Observing: it is pretended.
        is_pretended: bool,
    },
    /// The daemon noticed something.
    News(News),
}

impl Record {
    /// The same of what is a part of [`News`].
    pub fn of(news: impl Into<News>) -> Self {
        Self::now(news.into())
    }

    pub fn now(news: News) -> Self {
        Self {
            at: SystemTime::now(),
            what: What::News(news),
        }
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match &self.what {
            What::Decision { decision, .. } if is_refused(decision) => Level::Warning,
            What::Decision { decision, .. } => decision.change.level(),
            What::News(news) => news.level(),
        }
    }

    /// In one word of a closed list.
    pub fn code(&self) -> &'static str {
        match &self.what {
            What::Decision { decision, .. } => decision.change.code(),
            What::News(news) => news.code(),
        }
    }

    /// The backend that it is about.
    pub fn backend(&self) -> Option<&str> {
        match &self.what {
            What::Decision { decision, .. } => decision.backend.as_deref(),
            What::News(
                News::UnknownBackend { backend, .. }
                | News::Reason { backend, .. }
                | News::Usage { backend, .. }
                | News::ProblemLasts {
                    backend: Some(backend),
                    ..
                }
                | News::ProblemOver {
                    backend: Some(backend),
                    ..
                },
            ) => Some(backend),
            What::News(_) => None,
        }
    }

    /// The server that it is about.
    pub fn server(&self) -> Option<&str> {
        match &self.what {
            What::Decision { decision, .. } => decision.server.as_deref(),
            What::News(_) => None,
        }
    }

    /// For whoever asks for everything: no line of a log, and shown by `events --all` alone.
    pub const fn is_minor(&self) -> bool {
        matches!(
            self.what,
            What::News(News::Reason { .. } | News::Usage { .. })
        )
    }

    /// One window of many in a breach that was told before: too much for a log.
    pub fn is_repeated(&self) -> bool {
        match &self.what {
            What::Decision { decision, .. } => matches!(
                decision.reason,
                Reason::Breach {
                    news: Window::Nothing,
                    ..
                }
            ),
            What::News(_) => false,
        }
    }
}

/// An order that was not obeyed.
pub(super) const fn is_refused(decision: &Decision) -> bool {
    matches!(decision.reason, Reason::Answer { answer: Err(_), .. })
}

/// The codes of records that are [minor](Record::is_minor).
pub const MINOR: [&str; 2] = ["reason", "usage"];

/// All codes that a record can have.
pub fn codes() -> impl Iterator<Item = &'static str> {
    let news = [
        News::CODES,
        LogNews::CODES,
        SourceNews::CODES,
        AlertNews::CODES,
    ];
    let news = news.into_iter().flatten().copied().collect::<BTreeSet<_>>();
    Change::ALL.into_iter().map(Change::code).chain(news)
}
