//! Bytes in pieces of any size → whole lines, in bounded memory; what every source of them counts,
//! and how it may stand. Where the bytes come from and what a line says do not live here.

use std::sync::Arc;

/// What a source hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// One whole line without its `\n` and without one trailing `\r`.
    Line(&'a [u8]),
    /// A line longer than `max_line_bytes` ended here; its bytes were not kept.
    TooLong,
}

/// What has been read since the source was opened. Numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Whole lines handed out, without those that were too long.
    pub lines: u64,
    /// Bytes read, line ends included.
    pub bytes: u64,
    /// Files that took the place of the one before under the log's name.
    pub rotations: u64,
    /// Files that were cut or rewritten in place.
    pub truncations: u64,
    /// Half lines whose file or connection is gone: never handed out.
    pub dropped_partial: u64,
    /// Lines longer than `max_line_bytes`.
    pub too_long: u64,
    /// Bytes passed over because too much was waiting (`skip_when_behind`).
    pub skipped_bytes: u64,
    /// Bytes that were seen to be there and were cut away before they were read. What is written
    /// and cut away between two looks is in no counter: nobody can see it.
    pub lost_bytes: u64,
    /// Lines that were sent to us and are known to be lost: the kernel had no room for them.
    pub lost: u64,
    /// Datagrams and connections that were turned away: not from this host, or too many.
    pub refused: u64,
}

impl Counters {
    /// Hands out a line without its line end, if it is not too long; `None` is one that was.
    pub fn hand_out(
        &mut self,
        line: Option<&[u8]>,
        max_line_bytes: usize,
        sink: &mut dyn FnMut(Item<'_>),
    ) {
        if let Some(line) = line.filter(|line| line.len() <= max_line_bytes) {
            self.lines += 1;
            sink(Item::Line(line));
        } else {
            self.too_long += 1;
            sink(Item::TooLong);
        }
    }
}

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// The log is there and is being read.
    Reading,
    /// There is nothing to read yet; it is looked for again at every turn. The text names the
    /// path, what came back and what to do.
    Waiting(Arc<str>),
    /// Something is there that cannot be read; tried again at every turn. The text names the path,
    /// what came back and what to do.
    Refused(Arc<str>),
    /// The source came to its end: nothing more will ever come (standard input only).
    Ended,
}

/// The line that is being received.
#[derive(Debug)]
pub struct LineBuffer {
    held: Vec<u8>,
    max_line_bytes: usize,
    mode: Mode,
}

/// What becomes of the bytes up to the next line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Keep,
    /// They belong to a line that is already too long.
    TooLong,
    /// They belong to a line whose beginning was not read.
    Resync,
}

impl LineBuffer {
    /// Nothing received yet. A line of exactly `max_line_bytes`, without its line end, is whole.
    pub fn new(max_line_bytes: usize) -> Self {
        Self {
            held: Vec::new(),
            max_line_bytes,
            mode: Mode::Keep,
        }
    }

    /// Takes the next bytes and hands out every line that ends in them.
    ///
    /// NULs where a line would begin are the hole that a writer without `O_APPEND` leaves behind
    /// a truncation: they are passed over.
    pub fn feed(&mut self, data: &[u8], counters: &mut Counters, sink: &mut dyn FnMut(Item<'_>)) {
        let mut rest = data;
        while !rest.is_empty() {
            if self.is_at_line_start() {
                rest = without_leading_nuls(rest);
            }
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.hold(rest);
                return;
            };
            let (line, tail) = rest.split_at(end);
            self.finish(line, counters, sink);
            rest = tail.get(1..).unwrap_or_default();
        }
    }

    /// Hands out what is held as a line, for a source that has ended and will not add to it.
    pub fn end(&mut self, counters: &mut Counters, sink: &mut dyn FnMut(Item<'_>)) {
        if self.is_holding() {
            self.finish(&[], counters, sink);
        }
        self.mode = Mode::Keep;
    }

    /// Forgets what is held; says whether there was something.
    pub fn drop_held(&mut self) -> bool {
        let was_holding = self.is_holding();
        self.held.clear();
        self.mode = Mode::Keep;
        was_holding
    }

    /// Forgets what is held and everything up to the next line end; says whether something was
    /// held.
    pub fn resync(&mut self) -> bool {
        let was_holding = self.drop_held();
        self.mode = Mode::Resync;
        was_holding
    }

    /// The next byte begins a line.
    pub fn is_at_line_start(&self) -> bool {
        self.mode == Mode::Keep && self.held.is_empty()
    }

    /// Bytes held of a line that began where they begin; `None` in the middle of a line whose
    /// beginning is not held.
    pub fn held_bytes(&self) -> Option<usize> {
        match self.mode {
            Mode::Keep => Some(self.held.len()),
            Mode::TooLong | Mode::Resync => None,
        }
    }

    /// A part of a line, or of one that is too long, has been received.
    fn is_holding(&self) -> bool {
        match self.mode {
            Mode::Keep => !self.held.is_empty(),
            Mode::TooLong => true,
            Mode::Resync => false,
        }
    }

    fn hold(&mut self, part: &[u8]) {
        if self.mode != Mode::Keep {
            return;
        }
        // One more than the limit: the last byte may be the `\r` of the line end.
        if self.held.len() + part.len() > self.max_line_bytes.saturating_add(1) {
            self.held.clear();
            self.mode = Mode::TooLong;
        } else {
            self.held.extend_from_slice(part);
        }
    }

    fn finish(&mut self, part: &[u8], counters: &mut Counters, sink: &mut dyn FnMut(Item<'_>)) {
        if !self.held.is_empty() {
            self.hold(part);
        }
        match self.mode {
            Mode::Keep => {
                let whole = if self.held.is_empty() {
                    part
                } else {
                    &self.held
                };
                let line = whole.strip_suffix(b"\r").unwrap_or(whole);
                counters.hand_out(Some(line), self.max_line_bytes, sink);
            }
            Mode::TooLong => counters.hand_out(None, self.max_line_bytes, sink),
            Mode::Resync => {}
        }
        self.held.clear();
        self.mode = Mode::Keep;
    }
}

fn without_leading_nuls(data: &[u8]) -> &[u8] {
    let nuls = data.iter().take_while(|byte| **byte == 0).count();
    data.get(nuls..).unwrap_or_default()
}
