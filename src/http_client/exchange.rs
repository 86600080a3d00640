//! One HTTP/1.1 request on an open connection. What is done with the answer, and whether it is a good one,
//! does not live here.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::Wire;
use crate::words::os_words::plain;

/// The longest head (status line and headers) of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most headers of one.
const HEADERS_MAX: usize = 512;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    #[error("closed the connection without an answer")]
    Closed,
    #[error("closed the connection inside its headers")]
    Cut,
    #[error("answered something that is not HTTP/1.x")]
    NotHttp,
    #[error("its answer has more than {} KiB of headers, or more than {HEADERS_MAX} of them", HEAD_BYTES_MAX / 1024)]
    LongHead,
    /// In the system's words.
    #[error("no answer: {0}")]
    Failed(String),
}

/// Sends the request, and hands the head of the answer to `read`, while which the body arrives. The caller
/// bounds the time; the connection is closed behind it.
///
/// # Errors
/// Why there is no answer.
pub async fn exchange<S, T>(
    stream: S,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> T,
) -> Result<T, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let has_heard = AtomicBool::new(false);
    let failed = |error: hyper::Error| {
        let has_heard = has_heard.load(Ordering::Relaxed);
        failure(&error, has_heard)
    };
    let wire = Wire::new(stream, &has_heard);
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        // Headers that are none are not ours to judge.
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(failed)?;
    let mut exchange = pin!(async {
        let answer = sender.send_request(request).await.map_err(failed)?;
        Ok(read(answer).await)
    });
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // What it has brought until then, an error too, is still to be read.
        _ = connection => exchange.await,
    }
}

fn failure(error: &hyper::Error, has_heard: bool) -> ExchangeError {
    if error.is_parse_too_large() {
        ExchangeError::LongHead
    } else if error.is_parse() {
        ExchangeError::NotHttp
    } else if !error.is_incomplete_message() {
        ExchangeError::Failed(cause(error))
    } else if has_heard {
        ExchangeError::Cut
    } else {
        ExchangeError::Closed
    }
}

/// The words of what caused it: the system's, where it was the system.
fn cause(error: &hyper::Error) -> String {
    if let Some(error) = io_cause(error) {
        return plain(error);
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// What the system said, where that was the cause.
pub fn io_cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}
