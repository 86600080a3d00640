//! Some hundred whole lines in one buffer, and the lines of it. Where they come from is `reader`'s.

use memchr::memchr;

/// Bytes of a block's buffer, unless a line that is allowed to be longer makes it grow.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// What may follow the longest line: a carriage return and a newline.
const LINE_END_BYTES: usize = 2;
/// Room that is left behind the longest line for looking for its end.
const ROOM_BYTES: usize = 64 * 1024;

/// One line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// All of it, without its newline and one carriage return before that.
    Whole(&'a [u8]),
    /// Longer than the limit; only this beginning of it was kept.
    TooLong(&'a [u8]),
}

/// Whole lines of one log. Made to be used again: its buffer stays.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Initialised to its end; the first `len` bytes are lines, the rest is room.
    data: Vec<u8>,
    len: usize,
    log: usize,
    max_line_bytes: usize,
}

impl Block {
    /// An empty block, which allocates when it is filled for the first time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its lines in their order. Only the last line of a log may be without a newline; that counts
    /// like the others.
    pub fn lines(&self) -> Lines<'_> {
        Lines {
            rest: self.bytes(),
            max_line_bytes: self.max_line_bytes,
        }
    }

    /// Which log the lines are from: the index in [`super::Logs::names`]. A block never holds lines
    /// of two, so whoever counts lines starts anew where this changes.
    pub fn log(&self) -> usize {
        self.log
    }

    /// The lines with their ends. One that is too long may have been cut behind the limit.
    pub fn bytes(&self) -> &[u8] {
        self.data.get(..self.len).unwrap_or_default()
    }

    /// Forgets its lines and takes `start` as its first bytes.
    pub(super) fn begin(&mut self, log: usize, max_line_bytes: usize, start: &[u8]) {
        (self.log, self.max_line_bytes) = (log, max_line_bytes);
        let needed = BLOCK_BYTES.max(start.len());
        if self.data.len() < needed {
            self.data.resize(needed, 0);
        }
        if let Some(place) = self.data.get_mut(..start.len()) {
            place.copy_from_slice(start);
        }
        self.len = start.len();
    }

    /// Nothing more fits in.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.data.len()
    }

    /// Where more bytes go.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.data.get_mut(self.len..).unwrap_or_default()
    }

    /// Takes `count` bytes that were put at the beginning of the room.
    pub(super) fn add(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.data.len());
    }

    /// Keeps the first `len` bytes.
    pub(super) fn cut(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Called when one unfinished line fills the buffer: makes it larger while that line may still
    /// be whole and says `true`; otherwise ends the line just beyond the limit, so that
    /// [`Block::lines`] finds it too long, and says `false`.
    pub(super) fn grow_or_end_line(&mut self) -> bool {
        let kept = self.max_line_bytes.saturating_add(LINE_END_BYTES);
        if self.len <= kept {
            let most = kept.saturating_add(ROOM_BYTES);
            let doubled = self.data.len().saturating_mul(2).min(most);
            self.data.resize(doubled, 0);
            return true;
        }
        self.len = kept;
        if let Some(end) = self.room().first_mut() {
            *end = b'\n';
        }
        self.add(1);
        false
    }
}

/// The lines of a block.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    max_line_bytes: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    #[inline]
    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (text, rest) = match memchr(b'\n', self.rest) {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(match text.get(..self.max_line_bytes) {
            Some(start) if text.len() > start.len() => Line::TooLong(start),
            Some(_) | None => Line::Whole(text),
        })
    }
}
