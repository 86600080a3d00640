//! Blocks shared out to threads, because reading a log is quick and understanding it is not.
//! What is made of a block does not live here.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Block, InputError, Logs};

/// Threads at most; more would only wait for the one that reads.
const THREADS_MAX: usize = 8;

/// Blocks that may be ready before the one that is wanted next.
const AHEAD_MAX: usize = 8;

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
        while let Some(number) = next_block(&mut lock(&shared), &mut block) {
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
    // What is made of each block, in the order in which the blocks were read.
    let (queue, made) = sync_channel::<Receiver<B>>(AHEAD_MAX);
    let work = |mut state, queue: SyncSender<Receiver<B>>| {
        let mut block = Block::new();
        while let Some(place) = next_in_queue(&shared, &mut block, &queue) {
            // Nobody may want it any more.
            let _ = place.send(parse(&mut state, &block));
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            let (state, queue, work) = (start(), queue.clone(), &work);
            // Without this thread the others do its part.
            let _ = thread::Builder::new().spawn_scoped(scope, move || work(state, queue));
        }
        drop(queue);
        let mut made = made.into_iter().map_while(|made| made.recv().ok());
        made.try_for_each(&mut consume)
    })?;
    // Where no thread could be had at all, everything is left to do.
    let (mut state, mut block) = (start(), Block::new());
    while next_block(&mut lock(&shared), &mut block).is_some() {
        consume(parse(&mut state, &block))?;
    }
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    shared.failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Reads the next block, and takes its place in the queue before anybody else can read on; `None` at the
/// end, after an error, and when nobody wants more. Waits while the queue is full.
fn next_in_queue<B>(
    shared: &Mutex<Shared>,
    block: &mut Block,
    queue: &SyncSender<Receiver<B>>,
) -> Option<SyncSender<B>> {
    let mut shared = lock(shared);
    next_block(&mut shared, block)?;
    let (place, made) = sync_channel(1);
    queue.send(made).ok()?;
    Some(place)
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

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of the block that was read; `None` at the end and after an error.
fn next_block(shared: &mut Shared, block: &mut Block) -> Option<u64> {
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
