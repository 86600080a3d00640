//! A need that lasts: what every look of the last seconds asks for. Where the need comes from is in
//! `need`.

use std::collections::VecDeque;
use std::time::Duration;

use crate::words::time::Timestamp;

/// A need has to last for this long before it is asked for.
const STEADY: Duration = Duration::from_secs(3);
/// Looks that it shows in at least: each stands for the time since the one before it, so that with a look
/// every 2 s two of them stand for the three seconds.
const LOOKS_MIN: usize = 2;
/// Looks that are held at most: HAProxy is read every 100 ms while a spare is on its way.
const LOOKS_MAX: usize = 64;

/// What one look asks for, units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ask {
    pub(super) all: f64,
    /// See `Outlook::undoubted`.
    pub(super) undoubted: f64,
}

impl Ask {
    pub(super) fn min(self, other: Self) -> Self {
        Self {
            all: self.all.min(other.all),
            undoubted: self.undoubted.min(other.undoubted),
        }
    }
}

/// The latest looks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Steady {
    asks: VecDeque<(Timestamp, Option<Ask>)>,
}

impl Steady {
    /// One more look; `None` asks for nothing. What all of the latest ones ask for.
    pub(super) fn look(&mut self, now: Timestamp, ask: Option<Ask>) -> Option<Ask> {
        while self.asks.len() >= LOOKS_MAX {
            self.asks.pop_front();
        }
        self.asks.push_back((now, ask));
        let is_past = |(at, _): &(Timestamp, Option<Ask>)| now.since(*at) >= STEADY;
        while self.asks.len() > LOOKS_MIN && self.asks.front().is_some_and(is_past) {
            self.asks.pop_front();
        }
        if self.asks.len() < LOOKS_MIN {
            return None;
        }
        let asks = self.asks.iter().map(|(_, ask)| *ask);
        asks.reduce(|least, ask| Some(least?.min(ask?)))?
    }

    /// Nothing that was asked for lasts.
    pub(super) fn start_over(&mut self) {
        self.asks.clear();
    }

    /// Looks that are held.
    pub(super) fn held(&self) -> usize {
        self.asks.len()
    }
}
