//! One connection's bytes → lines: ended by a newline, or counted in front (RFC 6587). Where the
//! bytes come from does not live here.

use crate::log::lines::{Counters, Item, LineBuffer};

/// The longest frame that is believed: HAProxy's `log … len` ends at 65535. A longer one cannot be
/// a log line, and passing over it would make the sender choose how long we are deaf.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Digits of a length, believed or not.
const LENGTH_DIGITS_MAX: usize = 10;

/// Why a connection cannot be read on: nobody knows where its next line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misframed {
    /// A frame of more than [`FRAME_BYTES_MAX`] was announced.
    #[error("it announced a line of more than {FRAME_BYTES_MAX} bytes")]
    TooLarge,
    /// Where the next length should stand is something else.
    #[error("its line lengths (octet counts) are not those of its lines")]
    NoLength,
}

/// What one connection has sent of its next line.
#[derive(Debug)]
pub struct Framing {
    form: Form,
    lines: LineBuffer,
    max_line_bytes: usize,
}

#[derive(Debug)]
enum Form {
    /// Nothing yet but these digits.
    Unknown(Vec<u8>),
    /// Each line ends with a newline.
    Newlines,
    /// Each line begins with its length: the digits of the next one so far.
    Length(Vec<u8>),
    /// A line of which `left` bytes are to come.
    Frame {
        left: usize,
        held: Vec<u8>,
        is_too_long: bool,
    },
}

impl Framing {
    /// Nothing received yet.
    pub fn new(max_line_bytes: usize) -> Self {
        Self {
            form: Form::Unknown(Vec::new()),
            lines: LineBuffer::new(max_line_bytes),
            max_line_bytes,
        }
    }

    /// Takes the next bytes and hands out every line that ends in them.
    ///
    /// A connection that begins with a number and a space counts its lines' bytes. No head of a log
    /// line begins so: `127.0.0.1:…`, `2026-11-22T…` and `<142>…` have something else behind their
    /// first digits.
    ///
    /// # Errors
    /// The rest of the connection is of no use.
    pub fn feed(
        &mut self,
        data: &[u8],
        counters: &mut Counters,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), Misframed> {
        let mut rest = data;
        while let Some((&byte, behind)) = rest.split_first() {
            match &mut self.form {
                Form::Newlines => {
                    self.lines.feed(rest, counters, sink);
                    return Ok(());
                }
                Form::Unknown(digits) => {
                    if is_next_digit(byte, digits) {
                        digits.push(byte);
                        rest = behind;
                    } else if byte == b' ' && !digits.is_empty() {
                        self.form = frame(digits, self.max_line_bytes)?;
                        rest = behind;
                    } else {
                        let start = std::mem::take(digits);
                        self.form = Form::Newlines;
                        self.lines.feed(&start, counters, sink);
                    }
                }
                Form::Length(digits) => {
                    if is_next_digit(byte, digits) {
                        digits.push(byte);
                    } else if byte == b' ' && !digits.is_empty() {
                        self.form = frame(digits, self.max_line_bytes)?;
                    } else if byte != b'\n' || !digits.is_empty() {
                        // A newline that is not counted is a habit of some senders.
                        return Err(Misframed::NoLength);
                    }
                    rest = behind;
                }
                Form::Frame {
                    left,
                    held,
                    is_too_long,
                } => {
                    let (part, behind) = rest.split_at_checked(*left).unwrap_or((rest, &[]));
                    *left -= part.len();
                    if !*is_too_long {
                        held.extend_from_slice(part);
                    }
                    if *left == 0 {
                        // Its line end may be counted too.
                        let text = held.strip_suffix(b"\n").unwrap_or(held);
                        let text = text.strip_suffix(b"\r").unwrap_or(text);
                        let line = (!*is_too_long).then_some(text);
                        counters.hand_out(line, self.max_line_bytes, sink);
                        self.form = Form::Length(Vec::new());
                    }
                    rest = behind;
                }
            }
        }
        Ok(())
    }

    /// The connection is gone; says whether half a line is lost with it.
    pub fn end(&mut self) -> bool {
        match &self.form {
            Form::Unknown(digits) | Form::Length(digits) => !digits.is_empty(),
            Form::Newlines => self.lines.drop_held(),
            Form::Frame { .. } => true,
        }
    }
}

/// RFC 6587 §3.4.1: a length has no leading zero.
fn is_next_digit(byte: u8, digits: &[u8]) -> bool {
    byte.is_ascii_digit()
        && digits.len() < LENGTH_DIGITS_MAX
        && !(byte == b'0' && digits.is_empty())
}

/// Never empty: its length is at least 1.
fn frame(digits: &[u8], max_line_bytes: usize) -> Result<Form, Misframed> {
    let bytes = digits.iter().fold(0_u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit.saturating_sub(b'0')))
    });
    let left = usize::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= FRAME_BYTES_MAX)
        .ok_or(Misframed::TooLarge)?;
    Ok(Form::Frame {
        left,
        held: Vec::new(),
        // The line end may be counted too.
        is_too_long: left > max_line_bytes.saturating_add(2),
    })
}
