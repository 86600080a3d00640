//! The task of one channel: sends what waits, oldest first, and tries again what does not arrive, later
//! and later, up to a limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::queue::{Queue, Waiting};
use super::way::{FailureKind, Way};

/// The pause after a first failure; it doubles with each …
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// An older message is news no longer.
const AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// A receiver that refuses a message is asked so often, within three minutes: a proxy answers 404 while
/// the receiver behind it is restarted.
const REFUSALS_MAX: u32 = 9;
/// One that may have it, but does not say so, is sent it so often.
const UNANSWERED_MAX: u32 = 3;

/// What became of a message.
#[derive(Debug)]
pub(super) enum Outcome {
    Sent,
    /// Some recipients have it, the others never will; what was tried, and what came back.
    Partial(String),
    /// It failed so often, and it or the next repeat of it is tried again; what was tried, and what came back.
    Failing(u32, String),
    GivenUp(Box<Waiting>),
}

/// Works until it is ended.
pub(super) async fn work(
    name: String,
    way: Way,
    queue: Arc<Queue>,
    outcomes: mpsc::Sender<(String, Outcome)>,
) {
    let mut repeats_failed = 0;
    loop {
        let waiting = queue.front().await;
        let mut tries = Tries::default();
        let mut had = Vec::new();
        let mut pause = PAUSE_FIRST;
        let outcome = loop {
            let Err(failure) = way.send(&waiting.notice, &mut had).await else {
                repeats_failed = 0;
                break Outcome::Sent;
            };
            tries.count(failure.kind);
            let text = format!("{}: {}", way.shown(), failure.text);
            if waiting.is_repeated {
                repeats_failed += 1;
                break Outcome::Failing(repeats_failed, text);
            }
            if failure.kind == FailureKind::Partial {
                break Outcome::Partial(text);
            }
            if tries.are_enough() || waiting.queued_at.elapsed() > AGE_MAX {
                break Outcome::GivenUp(Box::new(waiting));
            }
            let failing = Outcome::Failing(tries.all, text);
            let _ = outcomes.send((name.clone(), failing)).await;
            if failure.kind == FailureKind::Unanswered {
                pause = PAUSE_MAX; // It may still be at work on it.
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        };
        match &outcome {
            Outcome::GivenUp(_) => queue.give_up(),
            Outcome::Sent | Outcome::Partial(_) | Outcome::Failing(..) => queue.pop(),
        }
        if outcomes.send((name.clone(), outcome)).await.is_err() {
            return;
        }
    }
}

/// How often one message was tried.
#[derive(Debug, Default)]
struct Tries {
    all: u32,
    refused: u32,
    unanswered: u32,
}

impl Tries {
    const fn count(&mut self, kind: FailureKind) {
        self.all += 1;
        match kind {
            FailureKind::Passing | FailureKind::Partial => {}
            FailureKind::Refused => self.refused += 1,
            FailureKind::Unanswered => self.unanswered += 1,
        }
    }

    const fn are_enough(&self) -> bool {
        self.refused >= REFUSALS_MAX || self.unanswered >= UNANSWERED_MAX
    }
}
