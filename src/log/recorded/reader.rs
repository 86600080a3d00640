//! One opened log, read as blocks. What its first bytes say about its compression is `magic`'s.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::{memchr, memrchr};

use super::block::{BLOCK_BYTES, Block};
use super::magic;

/// Compressed bytes asked for in one read.
const READ_BYTES: usize = 64 * 1024;
/// A block of a file is handed out when it holds as much; of a pipe as soon as it holds a line.
const ENOUGH_BYTES: usize = BLOCK_BYTES / 2;

/// Bytes read from files and pipes so far, compressed ones as they are; shared with whoever shows
/// it.
pub(super) type Count = Arc<AtomicU64>;

/// A log from its first byte to its last.
pub(super) struct Reader {
    bytes: Box<dyn Read + Send>,
    /// What was read behind the last whole line.
    carry: Vec<u8>,
    /// The bytes up to the next newline belong to a line that has been found too long.
    is_skipping: bool,
    /// More may come later: what is there is handed out at once.
    is_stream: bool,
    is_ended: bool,
    /// Met behind lines that were handed out first.
    failed: Option<io::Error>,
}

impl Reader {
    /// Looks at the first bytes only.
    pub(super) fn new(
        reader: impl Read + Send + 'static,
        is_stream: bool,
        count: &Count,
    ) -> io::Result<Self> {
        let mut reader = Counted {
            reader,
            count: Arc::clone(count),
        };
        let start = magic::first_bytes(&mut reader)?;
        let compression = magic::compression(&start);
        let (bytes, carry): (Box<dyn Read + Send>, _) = match compression {
            None => (Box::new(reader), start),
            Some(kind) => {
                let packed = Cursor::new(start).chain(reader);
                (
                    kind.unpack(BufReader::with_capacity(READ_BYTES, packed))?,
                    Vec::new(),
                )
            }
        };
        Ok(Self {
            bytes,
            carry,
            is_skipping: false,
            is_stream,
            is_ended: false,
            failed: None,
        })
    }

    /// Fills the block with the next lines; `false` at the end. An error comes behind all whole
    /// lines before it; half a line before it is never evidence and lost.
    pub(super) fn fill(
        &mut self,
        block: &mut Block,
        log: usize,
        max_line_bytes: usize,
    ) -> io::Result<bool> {
        block.begin(log, max_line_bytes, &self.carry);
        self.carry.clear();
        if let Some(error) = self.failed.take() {
            self.is_ended = true;
            block.cut(0);
            return Err(error);
        }
        // Whole lines end here. The first bytes of a log may hold some.
        let mut whole = memrchr(b'\n', block.bytes()).map_or(0, |at| at + 1);
        while !self.is_ended && (whole == 0 || !self.is_enough(block)) {
            if block.is_full() {
                if whole > 0 {
                    break;
                }
                if !block.grow_or_end_line() {
                    whole = block.bytes().len();
                    self.is_skipping = true;
                }
                continue;
            }
            match self.read_some(block) {
                Ok(Some(lines_end)) => whole = lines_end,
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    block.cut(whole);
                    self.failed = Some(error);
                    return if whole == 0 {
                        self.fill(block, log, max_line_bytes)
                    } else {
                        Ok(true)
                    };
                }
            }
        }
        if !self.is_ended {
            let rest = block.bytes().get(whole..).unwrap_or_default();
            self.carry.extend_from_slice(rest);
            block.cut(whole);
        }
        Ok(!block.bytes().is_empty())
    }

    fn is_enough(&self, block: &Block) -> bool {
        self.is_stream || block.bytes().len() >= ENOUGH_BYTES
    }

    /// One read into the block; where the last whole line now ends, if there is a new one.
    fn read_some(&mut self, block: &mut Block) -> io::Result<Option<usize>> {
        let before = block.bytes().len();
        let room = block.room();
        let mut count = self.bytes.read(room)?;
        self.is_ended = count == 0;
        if self.is_skipping {
            match memchr(b'\n', room.get(..count).unwrap_or_default()) {
                None => return Ok(None),
                Some(end) => {
                    room.copy_within(end + 1..count, 0);
                    count -= end + 1;
                    self.is_skipping = false;
                }
            }
        }
        let end = memrchr(b'\n', room.get(..count).unwrap_or_default());
        block.add(count);
        Ok(end.map(|at| before + at + 1))
    }
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    count: Count,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let more = u64::try_from(read).unwrap_or(u64::MAX);
        self.count.fetch_add(more, Ordering::Relaxed);
        Ok(read)
    }
}
