//! The task of one channel: sends what waits, oldest first, and tries again what does not arrive, later
//! and later, up to a limit.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::queue::{Queue, Waiting};
use super::way::{Failure, Way};

/// The pause after a first failure; it doubles with each …
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// An older message is news no longer.
const AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// A receiver that refuses a message is asked so often.
const REFUSALS_MAX: u32 = 3;

/// What became of a message.
#[derive(Debug)]
pub(super) enum Outcome {
    Sent,
    /// It failed so often and is tried again; what was tried, and what came back.
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
    loop {
        let waiting = queue.front().await;
        let mut tries = 0;
        let mut pause = PAUSE_FIRST;
        let outcome = loop {
            let Err(failure) = way.send(&waiting.notice).await else {
                break Outcome::Sent;
            };
            tries += 1;
            if is_over(&waiting, &failure, tries) {
                break Outcome::GivenUp(Box::new(waiting));
            }
            let text = format!("{}: {}", way.shown(), failure.text);
            let failing = Outcome::Failing(tries, text);
            let _ = outcomes.send((name.clone(), failing)).await;
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        };
        queue.pop();
        if outcomes.send((name.clone(), outcome)).await.is_err() {
            return;
        }
    }
}

fn is_over(waiting: &Waiting, failure: &Failure, tries: u32) -> bool {
    let age = SystemTime::now().duration_since(waiting.notice.at);
    let is_old = age.is_ok_and(|age| age > AGE_MAX);
    is_old || waiting.is_repeated || (failure.is_refused && tries >= REFUSALS_MAX)
}
