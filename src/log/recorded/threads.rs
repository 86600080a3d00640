//! Blocks shared out to threads, because reading a log is quick and understanding it is not.
//! What is made of a block does not live here.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Block, InputError, Logs};

/// Threads at most; more would only wait for the one that reads.
const THREADS_MAX: usize = 8;

/// Blocks that may be ready before the one that is wanted next.
const AHEAD_MAX: u64 = 8;

/// Hands every block to one thread of several. Each thread has its own `T` from `start` and adds its
/// blocks to it with `take`, which is told the number of each. Gives the threads' work in no particular order.
///
/// # Errors
/// The first one that reading met; the work is lost then.
pub fn on_threads<T: Send>(
    logs: Logs,
    start: impl Fn() -> T,
    take: impl Fn(&mut T, &Block, u64) + Sync,
) -> Result<Vec<T>, InputError> {
    let shared = Mutex::new(Shared::new(logs));
    let work = |mut made| {
        let mut block = Block::new();
        while let Some(number) = next_block(&shared, &mut block) {
            take(&mut made, &block, number);
        }
        made
    };
    let made = thread::scope(|scope| {
        let others: Vec<_> = (1..thread_count())
            .filter_map(|_| {
                let made = start();
                let thread = thread::Builder::new();
                thread.spawn_scoped(scope, || work(made)).ok()
            })
            .collect();
        let mut made = vec![work(start())];
        made.extend(others.into_iter().filter_map(|other| other.join().ok()));
        made
    });
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    shared.failed.map_or(Ok(made), Err)
}

/// Hands every block to one thread of several, as [`on_threads`] does, and what `parse` makes of it to
/// `consume` on the calling thread, in the order of the log. `consume` ends it early by an error.
///
/// # Errors
/// The first one that reading met, after everything before it was consumed; or `consume`'s.
pub fn in_order<T: Send, B: Send, E: From<InputError>>(
    logs: Logs,
    start: impl Fn() -> T,
    parse: impl Fn(&mut T, &Block) -> B + Sync,
    consume: impl FnMut(B) -> Result<(), E>,
) -> Result<(), E> {
    in_order_on(thread_count(), logs, start, parse, consume)
}

/// The same on so many threads, and where there is none on the calling one.
///
/// # Errors
/// As [`in_order`].
pub fn in_order_on<T: Send, B: Send, E: From<InputError>>(
    threads: usize,
    logs: Logs,
    start: impl Fn() -> T,
    parse: impl Fn(&mut T, &Block) -> B + Sync,
    mut consume: impl FnMut(B) -> Result<(), E>,
) -> Result<(), E> {
    let shared = Mutex::new(Shared::new(logs));
    let belt = Belt::new(threads);
    let work = |mut state| {
        let _leaves = Leaves(&belt);
        let mut block = Block::new();
        while let Some(number) = next_block(&shared, &mut block) {
            if !belt.put(number, parse(&mut state, &block)) {
                break;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            let state = start();
            let thread = thread::Builder::new();
            if thread.spawn_scoped(scope, move || work(state)).is_err() {
                belt.leave();
            }
        }
        let consumed = std::iter::from_fn(|| belt.take()).try_for_each(&mut consume);
        belt.close();
        consumed
    })?;
    // Where no thread could be had at all, everything is left to do.
    let (mut state, mut block) = (start(), Block::new());
    while next_block(&shared, &mut block).is_some() {
        consume(parse(&mut state, &block))?;
    }
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    shared.failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Carries what several threads made to one, in order. Bounded: who is far ahead waits.
struct Belt<B> {
    state: Mutex<Carried<B>>,
    changed: Condvar,
}

struct Carried<B> {
    ready: BTreeMap<u64, B>,
    /// The number that is wanted next.
    next: u64,
    /// Threads that may still put something.
    threads: usize,
    is_closed: bool,
}

impl<B> Belt<B> {
    fn new(threads: usize) -> Self {
        let state = Carried {
            ready: BTreeMap::new(),
            next: 0,
            threads,
            is_closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Carried<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, Carried<B>>) -> MutexGuard<'a, Carried<B>> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// `false`: nobody wants it any more.
    fn put(&self, number: u64, made: B) -> bool {
        let mut state = self.lock();
        while number >= state.next.saturating_add(AHEAD_MAX) && !state.is_closed {
            state = self.wait(state);
        }
        state.ready.insert(number, made);
        self.changed.notify_all();
        !state.is_closed
    }

    /// The next in order; `None` when all threads have left.
    fn take(&self) -> Option<B> {
        let mut state = self.lock();
        loop {
            let next = state.next;
            if let Some(made) = state.ready.remove(&next) {
                state.next += 1;
                self.changed.notify_all();
                return Some(made);
            }
            if state.threads == 0 {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn leave(&self) {
        self.lock().threads -= 1;
        self.changed.notify_all();
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

/// Leaves the belt however a thread ends.
struct Leaves<'a, B>(&'a Belt<B>);

impl<B> Drop for Leaves<'_, B> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

struct Shared {
    logs: Logs,
    next: u64,
    failed: Option<InputError>,
}

impl Shared {
    fn new(logs: Logs) -> Self {
        Self {
            logs,
            next: 0,
            failed: None,
        }
    }
}

fn thread_count() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(THREADS_MAX)
}

/// The number of the block that was read; `None` at the end and after an error.
fn next_block(shared: &Mutex<Shared>, block: &mut Block) -> Option<u64> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.failed.is_some() {
        return None;
    }
    match shared.logs.next_block(block) {
        Ok(true) => {
            shared.next += 1;
            Some(shared.next - 1)
        }
        Ok(false) => None,
        Err(error) => {
            shared.failed = Some(error);
            None
        }
    }
}
