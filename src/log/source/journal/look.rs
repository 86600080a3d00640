//! Whether the journal holds anything of the unit. `journalctl --follow --output=json` waits without
//! a word where there is no journal, where the unit's name is wrong, and where the entries are hidden
//! from us; and a journal that begins after it, it never sees. Without `--follow` and in its default
//! output it ends, and says what is the matter.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::process::Process;

/// Nothing was found: it is looked again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// A look may take so long, as it may in a large journal on a slow disk. Then nobody can tell.
const LIMIT: Duration = Duration::from_secs(30);
/// What is kept of `journalctl`'s words, bytes.
const WORDS_BYTES_MAX: usize = 300;
/// It writes this in place of entries: `-- No entries --`.
const REMARK: &[u8] = b"-- ";

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is an entry of the unit, or nobody can tell.
    Entries,
    /// There is none, and what `journalctl` says to that; mostly nothing.
    Nothing(String),
}

/// Looks until something is found.
#[derive(Debug)]
pub(super) enum Look {
    /// To be started then.
    Due(Instant),
    Running(Running),
    Done,
}

/// A `journalctl` that looks. Killed when dropped.
#[derive(Debug)]
pub(super) struct Running {
    process: Process,
    answer: watch::Receiver<Option<Found>>,
    ends: Instant,
}

impl Look {
    /// Returns when there is something to do for [`Look::turn`]. May be dropped at any time.
    pub(super) async fn wait(&mut self) {
        match self {
            Self::Due(at) => sleep_until(*at).await,
            Self::Running(running) => {
                tokio::select! {
                    _ = running.answer.wait_for(Option::is_some) => {}
                    () = sleep_until(running.ends) => {}
                }
            }
            Self::Done => std::future::pending().await,
        }
    }

    /// Does what is due; the answer of a look that has ended.
    pub(super) fn turn(&mut self, program: &Path, unit: &str, now: Instant) -> Option<Found> {
        match self {
            Self::Due(at) if now >= *at => {
                // Who follows says why it cannot be run.
                *self = Running::start(program, unit, now).map_or(Self::Done, Self::Running);
                None
            }
            Self::Running(running) => {
                let found = running.found(now)?;
                *self = match &found {
                    Found::Entries => Self::Done,
                    Found::Nothing(_) => Self::Due(now + AGAIN),
                };
                Some(found)
            }
            Self::Due(_) | Self::Done => None,
        }
    }

    /// Ends the one that looks, and sees it gone.
    pub(super) fn end(&mut self) {
        if let Self::Running(running) = self {
            running.process.end();
        }
    }
}

impl Running {
    fn start(program: &Path, unit: &str, now: Instant) -> io::Result<Self> {
        let (process, entries, words) = Process::start(program, unit, &["--lines=1"])?;
        let (sender, answer) = watch::channel(None);
        let running = Self {
            process,
            answer,
            ends: now + LIMIT,
        };
        std::thread::Builder::new()
            .name("journalctl-look".to_owned())
            .spawn(move || sender.send_replace(Some(read(entries, words))))?;
        Ok(running)
    }

    /// `None` while it goes on.
    fn found(&self, now: Instant) -> Option<Found> {
        let answer = self.answer.borrow().clone();
        let is_over = now >= self.ends || self.answer.has_changed().is_err();
        answer.or_else(|| is_over.then_some(Found::Entries))
    }
}

/// Reads all that it writes, and keeps the beginning.
fn read(entries: impl Read, words: impl Read) -> Found {
    let entries = start_of(entries);
    if !entries.is_empty() && !entries.starts_with(REMARK) {
        return Found::Entries;
    }
    let words = String::from_utf8_lossy(&start_of(words)).into_owned();
    let words: Vec<&str> = words.split_whitespace().collect();
    Found::Nothing(words.join(" "))
}

fn start_of(mut input: impl Read) -> Vec<u8> {
    let mut start = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = input.read(&mut buffer) {
        let room = WORDS_BYTES_MAX.saturating_sub(start.len());
        start.extend(buffer.iter().take(count.min(room)));
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_entry_is_an_entry() {
        let nothing = |words: &str| Found::Nothing(words.to_owned());
        let rows: [(&[u8], &[u8], Found); 5] = [
            (b"Nov 21 23:36:31 lb1 haproxy[1]: x\n", b"", Found::Entries),
            (
                b"Nov 21 23:36:31 lb1 haproxy[1]: x\n",
                b"Journal file y is truncated\n",
                Found::Entries,
            ),
            (b"-- No entries --\n", b"", nothing("")),
            (
                b"-- No entries --\n",
                b"Hint: You are not seeing all.\n      Users in group 'adm' can.\n",
                nothing("Hint: You are not seeing all. Users in group 'adm' can."),
            ),
            (
                b"",
                b"No journal files were found.\n",
                nothing("No journal files were found."),
            ),
        ];
        for (entries, words, found) in rows {
            assert_eq!(read(entries, words), found);
        }
    }
}
