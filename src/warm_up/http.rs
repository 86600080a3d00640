//! One HTTP/1.1 GET on an open stream, judged by its status and by how its body ends. Redirects are
//! never followed; a body is counted and forgotten.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::target::Target;
use super::{Fault, WAYS_OUT};
use crate::words::os_words::plain;

/// The longest head (status line and headers) of an answer, interim ones included.
const HEAD_MAX_BYTES: usize = 16 * 1024;

/// So much of a body is read; then the answer counts as complete and the connection is closed.
const BODY_MAX_BYTES: u64 = 64 * 1024;

/// Longest line that tells the size of a chunk, extensions included.
const CHUNK_LINE_MAX_BYTES: usize = 1024;

/// How much is read at once.
const CHUNK_BYTES: usize = 8 * 1024;

/// Sends the request and reads the answer. The caller bounds the time.
pub(super) async fn get<S>(
    mut stream: S,
    target: &Target,
    expect_status: &[(u16, u16)],
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(target)?;
    // A server may answer and close without reading the request: its answer still counts, so a
    // failed write is told only when nothing can be read.
    let written = async {
        stream.write_all(&request).await?;
        stream.flush().await
    }
    .await;
    let mut input = Input {
        stream,
        unread: Vec::new(),
    };
    let head = match (input.head().await, written) {
        (Ok(head), _) => head,
        (Err(_), Err(error)) => return Err(unanswered(&error)),
        (Err(fault), Ok(())) => return Err(fault),
    };
    let is_expected = expect_status
        .iter()
        .any(|(from, to)| (*from..=*to).contains(&head.status));
    if !is_expected {
        return Err(Fault::Status(head.status));
    }
    match head.body {
        Body::None => Ok(()),
        Body::Plain(bytes) => input.plain(bytes).await,
        Body::Chunked => input.chunked().await,
    }
}

fn request(target: &Target) -> Result<Vec<u8>, Fault> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !target.path.starts_with('/') || !is_plain(&target.path) || !is_plain(&target.authority) {
        return Err(Fault::Hopeless(format!(
            "cannot ask for path {:?} of host {:?}: a path starts with /, and neither may hold a \
             space or a character beyond ASCII",
            target.path, target.authority
        )));
    }
    Ok(format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: haproxy-autoscale/{}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        target.path,
        target.authority,
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes())
}

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    None,
    /// So many bytes; `None`: up to the end of the connection.
    Plain(Option<u64>),
    Chunked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body: Body,
}

/// The stream, and what was read of it and not yet used.
struct Input<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Input<S> {
    /// Reads more; 0 when the server closed. Over TLS many servers close without saying so first
    /// (`close_notify`); that is an end like any other here, where no secret is at stake.
    async fn fill(&mut self) -> io::Result<usize> {
        self.unread.reserve(CHUNK_BYTES);
        match self.stream.read_buf(&mut self.unread).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            outcome => outcome,
        }
    }

    /// The head of the final answer; interim answers (1xx but 101) are passed over.
    async fn head(&mut self) -> Result<Head, Fault> {
        let mut seen = 0;
        loop {
            if let Some(end) = head_end(&self.unread) {
                let head: Vec<u8> = self.unread.drain(..end).collect();
                seen += end;
                let head = parse_head(&head).ok_or_else(not_http)?;
                if !matches!(head.status, 100 | 102..=199) {
                    return Ok(head);
                }
                continue;
            }
            if !is_http_start(&self.unread) {
                return Err(not_http());
            }
            if seen + self.unread.len() > HEAD_MAX_BYTES {
                return Err(Fault::Broken(format!(
                    "its answer has more than {} KiB of headers",
                    HEAD_MAX_BYTES / 1024
                )));
            }
            match self.fill().await {
                Ok(0) if self.unread.is_empty() => {
                    return Err(Fault::Broken(format!(
                        "closed the connection without an answer; {WAYS_OUT}"
                    )));
                }
                Ok(0) => {
                    return Err(Fault::Broken(
                        "closed the connection inside its headers".to_owned(),
                    ));
                }
                Ok(_) => {}
                Err(error) => return Err(unanswered(&error)),
            }
        }
    }

    async fn plain(&mut self, bytes: Option<u64>) -> Result<(), Fault> {
        let wanted = bytes.unwrap_or(u64::MAX).min(BODY_MAX_BYTES);
        let mut seen = 0;
        loop {
            seen += self.unread.len() as u64;
            self.unread.clear();
            if seen >= wanted {
                return Ok(());
            }
            if self.fill().await.map_err(|error| cut(&error))? == 0 {
                return bytes.map_or(Ok(()), |bytes| {
                    let text = format!("closed the connection after {seen} of {bytes} body bytes");
                    Err(Fault::Broken(text))
                });
            }
        }
    }

    /// A chunked body (RFC 9112 §7.1), up to its last chunk; trailers are left unread.
    async fn chunked(&mut self) -> Result<(), Fault> {
        let mut seen = 0_u64;
        loop {
            let size = self.chunk_size().await?;
            if size == 0 {
                return Ok(());
            }
            // The chunk and the CRLF behind it.
            let mut left = size.saturating_add(2);
            while left > 0 {
                let here = left.min(self.unread.len() as u64);
                self.unread.drain(..usize::try_from(here).unwrap_or(0));
                left -= here;
                seen += here;
                if seen >= BODY_MAX_BYTES {
                    return Ok(());
                }
                if left > 0 {
                    self.fill_chunk().await?;
                }
            }
        }
    }

    async fn chunk_size(&mut self) -> Result<u64, Fault> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let size = line.split(';').next().unwrap_or_default().trim();
                let is_hex = size.bytes().all(|byte| byte.is_ascii_hexdigit());
                return match u64::from_str_radix(size, 16) {
                    Ok(size) if is_hex => Ok(size),
                    _ => Err(bad_chunk()),
                };
            }
            if self.unread.len() > CHUNK_LINE_MAX_BYTES {
                return Err(bad_chunk());
            }
            self.fill_chunk().await?;
        }
    }

    async fn fill_chunk(&mut self) -> Result<(), Fault> {
        match self.fill().await {
            Ok(0) => Err(Fault::Broken(
                "closed the connection inside a chunked body".to_owned(),
            )),
            Ok(_) => Ok(()),
            Err(error) => Err(cut(&error)),
        }
    }
}

/// Behind the empty line that ends a head; a bare LF ends a line too (RFC 9112 §2.2).
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            let line = bytes.get(line_start..at).unwrap_or_default();
            if line_start > 0 && matches!(line, b"" | b"\r") {
                return Some(at + 1);
            }
            line_start = at + 1;
        }
    }
    None
}

/// So far it could be the start of an HTTP/1.x answer.
fn is_http_start(bytes: &[u8]) -> bool {
    let magic = b"HTTP/1.";
    bytes.iter().zip(magic).all(|(byte, wanted)| byte == wanted)
}

/// `HTTP/1.1 200 OK` and the headers that tell how the body ends.
fn parse_head(head: &[u8]) -> Option<Head> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n').map(|line| line.trim_end_matches('\r'));
    let mut words = lines.next()?.splitn(3, ' ');
    words.next()?.strip_prefix("HTTP/1.")?.parse::<u8>().ok()?;
    let status: u16 = words.next().filter(|code| code.len() == 3)?.parse().ok()?;
    if !(100..=999).contains(&status) {
        return None;
    }
    let (mut length, mut is_chunked) = (None, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<u64>().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            let last = value.rsplit(',').next().unwrap_or_default().trim();
            is_chunked = last.eq_ignore_ascii_case("chunked");
        }
    }
    let body = match (status, is_chunked, length) {
        (100..=199 | 204 | 304, _, _) => Body::None,
        (_, true, _) => Body::Chunked,
        (_, false, bytes) => Body::Plain(bytes),
    };
    Some(Head { status, body })
}

fn not_http() -> Fault {
    Fault::Broken(format!(
        "answered something that is not HTTP/1.x; {WAYS_OUT}"
    ))
}

fn bad_chunk() -> Fault {
    Fault::Broken("its chunked body is malformed".to_owned())
}

fn unanswered(error: &io::Error) -> Fault {
    Fault::Broken(format!("no answer: {}; {WAYS_OUT}", plain(error)))
}

fn cut(error: &io::Error) -> Fault {
    Fault::Broken(format!("broke off inside its body: {}", plain(error)))
}
