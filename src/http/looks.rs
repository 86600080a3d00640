//! Looks at the loop, at most one a second whoever asks; and whether the loop stands still.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Look, Wish};
use crate::metrics::Seen;

/// A look is good for so long.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// The loop answers between two events; whoever asks waits no longer.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// `/healthz` waits so long where it has nothing recent to go by.
const PATIENCE: Duration = Duration::from_secs(5);
/// A loop that has not turned for so long, though it is wanted, stands still.
pub(super) const STANDSTILL: Duration = Duration::from_secs(10);

/// When the loop turned last.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    began: Instant,
    /// Milliseconds after that.
    at_ms: Arc<AtomicU64>,
}

impl Default for Beat {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            at_ms: Arc::default(),
        }
    }
}

impl Beat {
    pub(super) fn now(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at_ms.store(ms, Ordering::Relaxed);
    }

    /// How long ago that was.
    fn age(&self) -> Duration {
        let at = Duration::from_millis(self.at_ms.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(at)
    }
}

/// A wish for a look waits for the loop. Whoever asked may be gone when it is granted: the loop itself
/// says that it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    /// Whether nobody did before.
    fn begin(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    pub(super) fn end(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Gets looks.
#[derive(Debug)]
pub(super) struct Looks {
    seen: watch::Receiver<Option<Arc<Look>>>,
    beat: Beat,
    wish_sender: mpsc::Sender<Wish>,
    asked: Asked,
    /// An older look does not show what an order has changed.
    not_before: Mutex<Instant>,
}

/// What came of asking.
pub(super) enum Sight {
    /// At most about a second old.
    Fresh(Arc<Seen>),
    /// The loop does not answer: what it published last, and how long ago it turned.
    Stale(Option<Arc<Look>>, Duration),
}

impl Looks {
    pub(super) fn new(
        seen: watch::Receiver<Option<Arc<Look>>>,
        beat: Beat,
        asked: Asked,
        wish_sender: mpsc::Sender<Wish>,
    ) -> Self {
        Self {
            seen,
            beat,
            wish_sender,
            asked,
            not_before: Mutex::new(Instant::now()),
        }
    }

    /// A look that is fresh, if the loop answers.
    pub(super) async fn look(&self) -> Sight {
        self.look_within(ANSWER_LIMIT).await
    }

    /// The same for `/healthz`: an old look says nothing about now, and a loop that is only slow gets
    /// the time to give another.
    pub(super) async fn look_at_health(&self) -> Sight {
        let is_recent = self.seen.borrow().as_ref().is_some_and(|it| !it.is_old());
        self.look_within(if is_recent { ANSWER_LIMIT } else { PATIENCE })
            .await
    }

    async fn look_within(&self, limit: Duration) -> Sight {
        if let Some(seen) = self.fresh() {
            return Sight::Fresh(seen);
        }
        let mut coming = self.seen.clone();
        coming.mark_unchanged();
        if self.asked.begin() && self.wish_sender.try_send(Wish::Look).is_err() {
            self.asked.end(); // Orders are before it, and the next who asks tries again.
        }
        let came = timeout(limit, async {
            loop {
                if let Some(seen) = self.fresh() {
                    return Some(seen);
                }
                coming.changed().await.ok()?;
            }
        });
        if let Ok(Some(seen)) = came.await {
            return Sight::Fresh(seen);
        }
        Sight::Stale(self.seen.borrow().clone(), self.beat.age())
    }

    fn fresh(&self) -> Option<Arc<Seen>> {
        let not_before = *self.not_before();
        let last = self.seen.borrow();
        let is_fresh = |it: &&Arc<Look>| it.at >= not_before && it.at.elapsed() < FRESH_FOR;
        let look = last.as_ref().filter(is_fresh)?;
        Some(Arc::clone(&look.seen))
    }

    /// An order was obeyed: whoever looks next sees what it did.
    pub(super) fn has_changed(&self) {
        *self.not_before() = Instant::now();
    }

    fn not_before(&self) -> MutexGuard<'_, Instant> {
        self.not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an order to the loop; `false` when too many wait.
    pub(super) fn order(&self, wish: Wish) -> bool {
        self.wish_sender.try_send(wish).is_ok()
    }
}
