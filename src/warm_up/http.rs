//! The request of a warm-up: what is sent, and whether what comes back proves anything. Its status counts,
//! and that its body is whole; a body is counted and forgotten.

use std::io::ErrorKind;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::target::Target;
use super::{Fault, WAYS_OUT};
use crate::http_client::{AGENT, ExchangeError, exchange, io_cause};
use crate::words::os_words::plain;

/// So much of a body is read; then the answer counts as whole and the connection is closed.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// Sends the request and reads the answer. The caller bounds the time.
pub(super) async fn get<S>(
    stream: S,
    target: &Target,
    expect_status: &[(u16, u16)],
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let judge = async |answer: Response<Incoming>| {
        let status = answer.status().as_u16();
        let is_within = |(from, to): &(u16, u16)| (*from..=*to).contains(&status);
        if !expect_status.iter().any(is_within) {
            return Err(Fault::Status(status));
        }
        to_its_end(answer.into_body()).await
    };
    match exchange(stream, request(target)?, judge).await {
        Ok(judged) => judged,
        Err(error) => Err(unanswered(&error)),
    }
}

fn request(target: &Target) -> Result<Request<Full<Bytes>>, Fault> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let unaskable = || {
        Fault::Hopeless(format!(
            "cannot ask for path {:?} of host {:?}: a path starts with /, and neither may hold a \
             space or a character beyond ASCII",
            target.path, target.authority
        ))
    };
    if !target.path.starts_with('/') || !is_plain(&target.path) || !is_plain(&target.authority) {
        return Err(unaskable());
    }
    Request::get(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Full::default())
        .map_err(|_| unaskable())
}

/// Reads a body, as far as it is read.
async fn to_its_end(mut body: Incoming) -> Result<(), Fault> {
    let whole = body.size_hint().exact();
    let mut seen = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| cut(&error, seen, whole))?;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        seen = seen.saturating_add(bytes as u64);
        if seen >= BODY_BYTES_MAX {
            break;
        }
    }
    Ok(())
}

fn unanswered(error: &ExchangeError) -> Fault {
    Fault::Broken(match error {
        ExchangeError::Closed | ExchangeError::NotHttp | ExchangeError::Failed(_) => {
            format!("{error}; {WAYS_OUT}")
        }
        ExchangeError::Cut | ExchangeError::LongHead => error.to_string(),
    })
}

/// `whole`: the size that was promised, if one was.
fn cut(error: &hyper::Error, seen: u64, whole: Option<u64>) -> Fault {
    let cause = io_cause(error);
    Fault::Broken(match (cause.map(std::io::Error::kind), whole) {
        (Some(ErrorKind::UnexpectedEof), Some(whole)) => {
            format!("closed the connection after {seen} of {whole} body bytes")
        }
        (Some(ErrorKind::UnexpectedEof), None) => {
            "closed the connection inside a chunked body".to_owned()
        }
        (Some(ErrorKind::InvalidInput | ErrorKind::InvalidData), None) => {
            "its chunked body is malformed".to_owned()
        }
        _ => {
            let words = cause.map_or_else(|| error.to_string(), plain);
            format!("broke off inside its body: {words}")
        }
    })
}
