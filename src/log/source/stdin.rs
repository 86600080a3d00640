//! Standard input, or whatever can be read to its end, as a source of lines.

use std::io::Read;

use tokio::sync::mpsc;

use super::news::{Notices, SourceNews};
use super::{Core, LineSource, Standing, Wait};
use crate::log::file::TURN_BYTES_MAX;
use crate::log::lines::{Item, LineBuffer, SourceState};
use crate::words::time::Timestamp;

/// Read from standard input at once.
const STDIN_CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of standard input that are read ahead; then whoever writes has to wait.
const STDIN_CHUNKS: usize = 4;

/// A reader that blocks, read by a thread of its own.
#[derive(Debug)]
pub(super) struct StdinSource {
    name: &'static str,
    chunks: mpsc::Receiver<Vec<u8>>,
    /// Received and not handed out.
    pending: Option<Vec<u8>>,
    lines: LineBuffer,
    core: Core,
}

impl StdinSource {
    /// Reads `input` to its end; its last line counts even if it is not terminated.
    pub(super) fn new(
        mut input: impl Read + Send + 'static,
        name: &'static str,
        max_line_bytes: usize,
        notices: Notices,
    ) -> Self {
        let (sender, chunks) = mpsc::channel(STDIN_CHUNKS);
        let shared = notices.clone();
        let started = std::thread::Builder::new()
            .name("log-reader".to_owned())
            .spawn(move || read_chunks(&mut input, &shared, &sender));
        // Without its thread the source is at its end, and says so.
        if let Err(error) = started {
            notices.put(SourceNews::NoReader(error.to_string()));
        }
        Self {
            name,
            chunks,
            pending: None,
            lines: LineBuffer::new(max_line_bytes),
            core: Core::new(notices),
        }
    }
}

impl LineSource for StdinSource {
    fn wait(&mut self) -> Wait<'_> {
        Box::pin(async move {
            if self.core.state == SourceState::Ended {
                std::future::pending::<()>().await;
            }
            if self.pending.is_none() {
                self.pending = self.chunks.recv().await;
            }
        })
    }

    fn turn(&mut self, _now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> bool {
        let counters = &mut self.core.counters;
        let mut budget = TURN_BYTES_MAX;
        while let Some(chunk) = self.pending.take() {
            self.lines.feed(&chunk, counters, sink);
            counters.bytes += chunk.len() as u64;
            budget = budget.saturating_sub(chunk.len());
            self.pending = self.chunks.try_recv().ok();
            if budget == 0 {
                break;
            }
        }
        if self.pending.is_none() && self.core.state != SourceState::Ended {
            match self.chunks.try_recv() {
                Ok(chunk) => self.pending = Some(chunk),
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.lines.end(counters, sink);
                    self.core.state = SourceState::Ended;
                }
            }
        }
        let pending = self.pending.as_ref();
        self.core.behind_bytes = pending.map_or(0, |chunk| chunk.len() as u64);
        self.pending.is_some()
    }

    fn standing(&self) -> Standing<'_> {
        self.core.standing()
    }

    fn describe(&self) -> String {
        self.name.to_owned()
    }
}

/// Ends when the input does, when it fails, or when nobody wants it any more.
fn read_chunks(input: &mut impl Read, notices: &Notices, sender: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; STDIN_CHUNK_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let chunk = buffer.get(..count).unwrap_or_default().to_vec();
                if sender.blocking_send(chunk).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                notices.put(SourceNews::ReadFailed(error.to_string()));
                return;
            }
        }
    }
}
