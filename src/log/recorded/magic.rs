//! What the first bytes of a log say about its compression. File names say nothing: rotation and
//! shells give them freely.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use super::zstd::Frames;

/// First bytes, and what they stand for. The byte at the place behind them may be so much larger.
const MAGICS: [(Compression, &[u8], (usize, u8)); 5] = [
    // RFC 1952 §2.3.1, of every member.
    (Compression::Gzip, &[0x1f, 0x8b], (0, 0)),
    // RFC 8878 §3.1.1, of every frame.
    (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd], (0, 0)),
    // RFC 8878 §3.1.2: parallel compressors begin with such a frame.
    (Compression::Zstd, &[0x50, 0x2a, 0x4d, 0x18], (0, 15)),
    // The xz file format §2.1.1.1.
    (Compression::Xz, b"\xfd7zXZ\0", (0, 0)),
    // `BZh`, a level from 1 to 9, and the beginning of π, which follows unless nothing was packed.
    (Compression::Bzip2, b"BZh1\x31\x41", (3, 8)),
];

/// How a log is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Compression {
    /// The plain bytes; or in words why not, and what to do.
    pub(super) fn unpack(
        self,
        packed: impl BufRead + Send + 'static,
    ) -> io::Result<Box<dyn Read + Send>> {
        let (name, tool) = match self {
            Self::Gzip => return Ok(Box::new(MultiGzDecoder::new(packed))),
            Self::Zstd => return Ok(Box::new(Frames::new(packed))),
            Self::Xz => ("xz", "xz -dc"),
            Self::Bzip2 => ("bzip2", "bzip2 -dc"),
        };
        Err(io::Error::other(format!(
            "it is packed by {name}, which is not unpacked here; write `{tool} FILE | \
             haproxy-autoscale stats -`, or another command with `-` for the log"
        )))
    }
}

/// Whether `start` fits as far as both go.
fn may_begin(start: &[u8], magic: &[u8], (at, more): (usize, u8)) -> bool {
    let mut bytes = start.iter().zip(magic).enumerate();
    bytes.all(|(index, (byte, lowest))| {
        let more = if index == at { more } else { 0 };
        (*lowest..=lowest.saturating_add(more)).contains(byte)
    })
}

/// The compression of a log that begins so; `None` for plain text.
pub(super) fn compression(start: &[u8]) -> Option<Compression> {
    let mut all = MAGICS.iter();
    let found =
        all.find(|(_, magic, loose)| start.len() >= magic.len() && may_begin(start, magic, *loose));
    found.map(|(compression, ..)| *compression)
}

/// The first bytes, as many as are needed to tell the compression: one of plain text, as a rule. A
/// pipe may give one at a time, and nothing more for hours.
pub(super) fn first_bytes(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let is_open = |start: &[u8]| {
        let mut all = MAGICS.iter();
        all.any(|(_, magic, loose)| start.len() < magic.len() && may_begin(start, magic, *loose))
    };
    while is_open(&start) {
        if reader.take(1).read_to_end(&mut start)? == 0 {
            break;
        }
    }
    Ok(start)
}
