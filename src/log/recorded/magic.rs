//! What the first bytes of a log say about its compression. File names say nothing: rotation and
//! shells give them freely.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use super::zstd::Frames;

/// RFC 1952 §2.3.1, of every member.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// RFC 8878 §3.1.1, of every frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// RFC 8878 §3.1.2: the lowest of sixteen first bytes, and what follows each. Parallel compressors
/// begin with such a frame.
const ZSTD_SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18];
/// The xz file format §2.1.1.1.
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// `BZh`, a level, and the beginning of π, which follows unless nothing was packed. The level is
/// the lowest of nine.
const BZIP2: &[u8] = b"BZh1\x31\x41";
/// The longest of them.
const MAGIC_BYTES: usize = 6;

/// How a log is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Compression {
    const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Bzip2];

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

    /// Whether `start` fits as far as both go.
    fn may_begin(self, start: &[u8]) -> bool {
        let begins = |magic: &[u8]| magic.iter().zip(start).all(|(one, other)| one == other);
        match self {
            Self::Gzip => begins(GZIP),
            Self::Zstd => {
                let mut lowest = start.to_vec();
                if let Some(first) = lowest.first_mut() {
                    *first &= 0xf0;
                }
                let skippable = ZSTD_SKIPPABLE.iter().zip(&lowest);
                begins(ZSTD) || skippable.into_iter().all(|(one, other)| one == other)
            }
            Self::Xz => begins(XZ),
            Self::Bzip2 => BZIP2
                .iter()
                .zip(start)
                .enumerate()
                .all(|(at, (one, other))| {
                    one == other || (at == 3 && (b'1'..=b'9').contains(other))
                }),
        }
    }

    const fn magic_bytes(self) -> usize {
        match self {
            Self::Gzip => GZIP.len(),
            Self::Zstd => ZSTD.len(),
            Self::Xz => XZ.len(),
            Self::Bzip2 => BZIP2.len(),
        }
    }
}

/// The compression of a log that begins so; `None` for plain text.
pub(super) fn compression(start: &[u8]) -> Option<Compression> {
    let mut all = Compression::ALL.into_iter();
    all.find(|it| start.len() >= it.magic_bytes() && it.may_begin(start))
}

/// The first bytes, as many as are needed to tell the compression: one of plain text, as a rule. A
/// pipe may give one at a time, and nothing more for hours.
pub(super) fn first_bytes(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(MAGIC_BYTES);
    let is_open = |start: &[u8]| {
        Compression::ALL
            .iter()
            .any(|it| start.len() < it.magic_bytes() && it.may_begin(start))
    };
    while is_open(&start) {
        if reader.take(1).read_to_end(&mut start)? == 0 {
            break;
        }
    }
    Ok(start)
}
