//! How far a file was read, and the proof that what was read still stands there. What the bytes say
//! does not live here.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The last bytes before the offset, read again with all new data.
pub(super) const MARKER_BYTES: usize = 256;

/// An offset with the bytes before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    offset: u64,
    marker: Vec<u8>,
}

impl Reached {
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Up to [`MARKER_BYTES`] before the offset.
    pub(super) fn marker(&self) -> &[u8] {
        &self.marker
    }

    /// What stands before is the end of a line.
    pub(super) fn is_line_start(&self) -> bool {
        self.marker.last() == Some(&b'\n')
    }

    /// These bytes were read from here on.
    pub(super) fn pass(&mut self, data: &[u8]) {
        self.offset += data.len() as u64;
        let last = data
            .get(data.len().saturating_sub(MARKER_BYTES)..)
            .unwrap_or_default();
        let surplus = (self.marker.len() + last.len()).saturating_sub(MARKER_BYTES);
        self.marker.drain(..surplus);
        self.marker.extend_from_slice(last);
    }

    /// Is at `target`, or at the end of the file before it.
    pub(super) fn jump(&mut self, file: &File, target: u64) -> io::Result<()> {
        let start = target.saturating_sub(MARKER_BYTES as u64);
        let mut before = [0; MARKER_BYTES];
        let wanted = usize::try_from(target - start).unwrap_or(MARKER_BYTES);
        let buffer = before.get_mut(..wanted).unwrap_or_default();
        let count = file.read_at(buffer, start)?;
        self.offset = start + count as u64;
        self.marker.clear();
        self.marker
            .extend_from_slice(before.get(..count).unwrap_or_default());
        Ok(())
    }

    /// Marker and new data in one read: up to `wanted` bytes from the offset on.
    ///
    /// `None`: the bytes before the offset are not what they were, or the file was cut while it was
    /// read, which leaves a hole in what was read.
    pub(super) fn read<'a>(
        &self,
        file: &File,
        buffer: &'a mut [u8],
        wanted: usize,
        is_checked: bool,
    ) -> io::Result<Option<&'a [u8]>> {
        let marked = if is_checked { self.marker.len() } else { 0 };
        let Some(buffer) = buffer.get_mut(..marked + wanted) else {
            return Ok(Some(&[]));
        };
        let start = self.offset - marked as u64;
        let count = file.read_at(buffer, start)?;
        let read = buffer.get(..count).unwrap_or_default();
        let before = read.get(..marked).unwrap_or(read);
        let is_intact = marked == 0 || before == self.marker;
        let is_new = count > marked && is_checked;
        if !is_intact || is_new && !begins_with(file, start, read)? {
            return Ok(None);
        }
        Ok(Some(read.get(marked..).unwrap_or_default()))
    }
}

/// Whether the first bytes of what was read at `start` still stand there.
fn begins_with(file: &File, start: u64, read: &[u8]) -> io::Result<bool> {
    let mut again = [0; MARKER_BYTES];
    let count = file.read_at(&mut again, start)?.min(read.len());
    let is_whole = count == read.len().min(MARKER_BYTES);
    Ok(is_whole && again.get(..count) == read.get(..count))
}
