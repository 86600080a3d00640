//! One transaction on the admin socket: connect, send one line, read until HAProxy closes. What a
//! reply means is not known here.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::Address;
use crate::words::limits::may_everybody_replace;
use crate::words::os_words::plain;

/// A longer reply is an error. `show stat` takes about 300 bytes a server, so this is enough for
/// some 25,000 of them.
pub const REPLY_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The debug log shows no longer reply, only its length.
const SHOWN_BYTES: usize = 200;

/// How much of the socket is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Sends `line` on a fresh connection and gives everything that came back before the peer closed.
/// Connecting, writing and the reading as a whole may each take `limit`.
///
/// A fresh connection each time, because after a reload a kept one still talks to the old process
/// (`management.txt` §9.3; `Stopping: 1`).
///
/// # Errors
/// A text for the operator: what was tried on which address, what came back, what to do.
pub(super) async fn ask(address: &Address, limit: Duration, line: &str) -> Result<Vec<u8>, String> {
    let asked = exchange(address, limit, line).await;
    if tracing::enabled!(tracing::Level::DEBUG) {
        let shown = match &asked {
            Ok(reply) if reply.len() > SHOWN_BYTES => format!("{} bytes", reply.len()),
            Ok(reply) => format!("{:?}", String::from_utf8_lossy(reply)),
            Err(text) => text.clone(),
        };
        tracing::debug!("{} -> {shown}", line.trim_end());
    }
    asked
}

async fn exchange(address: &Address, limit: Duration, line: &str) -> Result<Vec<u8>, String> {
    match address {
        Address::Unix(path) => {
            refuse_open_directory(path)?;
            let stream = within(limit, UnixStream::connect(path))
                .await
                .map_err(|trouble| explain_unix_connect(path, limit, &trouble))?;
            converse(stream, address, limit, line).await
        }
        Address::Tcp(host_port) => {
            let stream = within(limit, TcpStream::connect(host_port))
                .await
                .map_err(|trouble| explain_tcp_connect(address, limit, &trouble))?;
            converse(stream, address, limit, line).await
        }
    }
}

/// In a directory where everybody may rename files, everybody may put a false HAProxy in the place
/// of the true one. The sticky bit of `/tmp` prevents that.
fn refuse_open_directory(path: &Path) -> Result<(), String> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    // A directory that cannot be looked at is explained by the failure to connect.
    if !std::fs::metadata(directory).is_ok_and(|found| may_everybody_replace(&found)) {
        return Ok(());
    }
    Err(format!(
        "not connecting to {}: its directory is writable by everybody, so anybody could stand in \
         for HAProxy; run `chmod o-w {}`",
        path.display(),
        directory.display()
    ))
}

/// One step that failed.
enum Trouble {
    /// Its time was over.
    Late,
    /// The system refused it.
    Failed(io::Error),
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, Trouble> {
    match timeout(limit, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Trouble::Failed(error)),
        Err(_) => Err(Trouble::Late),
    }
}

async fn converse<S>(
    mut stream: S,
    address: &Address,
    limit: Duration,
    line: &str,
) -> Result<Vec<u8>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match within(limit, stream.write_all(line.as_bytes())).await {
        Ok(()) => {}
        Err(Trouble::Late) => return Err(explain_silence(address, limit, &[])),
        Err(Trouble::Failed(error)) => {
            return Err(format!("cannot send to {address}: {}", plain(&error)));
        }
    }
    let mut reply = Vec::new();
    match within(limit, read_to_end(&mut stream, &mut reply)).await {
        Ok(true) => Ok(reply),
        Ok(false) => Err(format!(
            "the answer from {address} is longer than {} MiB and was dropped; \
             is this HAProxy's stats socket",
            REPLY_MAX_BYTES / (1024 * 1024)
        )),
        Err(Trouble::Late) => Err(explain_silence(address, limit, &reply)),
        Err(Trouble::Failed(error)) => Err(format!(
            "the answer from {address} was cut short after {} bytes: {}",
            reply.len(),
            plain(&error)
        )),
    }
}

/// Reads to the end of the stream; `false` when there is more than [`REPLY_MAX_BYTES`].
async fn read_to_end<S>(stream: &mut S, reply: &mut Vec<u8>) -> io::Result<bool>
where
    S: AsyncRead + Unpin,
{
    loop {
        if reply.len() > REPLY_MAX_BYTES {
            return Ok(false);
        }
        reply.reserve(CHUNK_BYTES);
        if stream.read_buf(reply).await? == 0 {
            return Ok(true);
        }
    }
}

/// A connection that is accepted and never answered is how HAProxy shows that `stats maxconn`
/// (default 10) is used up, and how a stopped process looks (measured on 2.6.12).
fn explain_silence(address: &Address, limit: Duration, so_far: &[u8]) -> String {
    let limit = humantime::format_duration(limit);
    if so_far.is_empty() {
        format!(
            "{address} took the command and did not answer within {limit}; HAProxy is stopped or \
             very busy, or other programs hold all connections of `stats maxconn` (default 10)"
        )
    } else {
        format!(
            "the answer from {address} was cut short: it had not ended after {limit} and {} bytes",
            so_far.len()
        )
    }
}

fn explain_unix_connect(path: &Path, limit: Duration, trouble: &Trouble) -> String {
    let path_text = path.display();
    let error = match trouble {
        Trouble::Late => {
            return format!(
                "cannot connect to {path_text}: not accepted within {}; HAProxy is stopped or \
                 very busy",
                humantime::format_duration(limit)
            );
        }
        Trouble::Failed(error) => error,
    };
    let what = plain(error);
    let kind = error.kind();
    let remedy = if kind == io::ErrorKind::PermissionDenied {
        "run with the socket's group (on Debian: haproxy), or set `user`, `group` and `mode` on its \
         `stats socket` line in haproxy.cfg"
    } else if kind == io::ErrorKind::NotFound {
        "start HAProxy, or correct the path, or add `stats socket PATH mode 660 level admin` to \
         `global` in haproxy.cfg"
    } else if kind == io::ErrorKind::ConnectionRefused && is_socket(path) {
        "HAProxy is not running; the socket file was left behind"
    } else if kind == io::ErrorKind::ConnectionRefused {
        "this file is not a socket"
    } else {
        "see `stats socket` in haproxy.cfg"
    };
    format!("cannot connect to {path_text}: {what}; {remedy}")
}

fn explain_tcp_connect(address: &Address, limit: Duration, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Late => format!(
            "cannot connect to {address}: no answer within {}",
            humantime::format_duration(limit)
        ),
        Trouble::Failed(error) if error.kind() == io::ErrorKind::ConnectionRefused => format!(
            "cannot connect to {address}: connection refused; HAProxy is not running, or has no \
             `stats socket ipv4@ADDRESS:PORT level admin` there"
        ),
        Trouble::Failed(error) => format!("cannot connect to {address}: {}", plain(error)),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.file_type().is_socket())
}
