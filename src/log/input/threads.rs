//! Blocks shared out to threads, because reading a log is quick and understanding it is not.
//! What is made of a block does not live here.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{Block, InputError, Logs};

/// Threads at most; more would only wait for the one that reads.
const THREADS_MAX: usize = 8;

/// Hands every block to one thread of several. Each thread has its own `T` from `start` and adds its
/// blocks to it with `take`, which also gets the block's number, from 0 without a gap. Gives the
/// threads' work in no particular order.
///
/// # Errors
/// The first one that reading met; the work is lost then.
pub fn on_threads<T: Send>(
    logs: Logs,
    start: impl Fn() -> T,
    take: impl Fn(&mut T, u64, &Block) + Sync,
) -> Result<Vec<T>, InputError> {
    let count = thread::available_parallelism().map_or(1, NonZero::get);
    let shared = Mutex::new(Shared {
        logs,
        next: 0,
        failed: None,
    });
    let work = |mut made| {
        let mut block = Block::new();
        while let Some(number) = next_block(&shared, &mut block) {
            take(&mut made, number, &block);
        }
        made
    };
    let made = thread::scope(|scope| {
        let others: Vec<_> = (1..count.min(THREADS_MAX))
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

struct Shared {
    logs: Logs,
    next: u64,
    failed: Option<InputError>,
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
