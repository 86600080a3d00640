//! One HTTP request to a URL that an operator wrote: alerts, probes, the heartbeat. Each has a time limit
//! and a connection of its own, follows no redirect, and keeps of the answer no more than a few lines.
//! What is sent, and what the answer means, does not live here.
//!
//! A URL may hold a secret: nothing here, errors included, says more of it than [`Url`] shows.

mod resolver;
mod tls;
mod url;

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use hyper::{Method, Request as HyperRequest, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::tls::Tls;
use crate::words::os_words::plain;

pub use self::resolver::Resolver;
pub use self::tls::certificates_of;
pub use self::url::Url;

/// A connection is open within this time, or is given up.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Most of an answer's body that is kept, to say what was answered.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// Most of it that is read, so that the server sees an orderly end.
const READ_BYTES_MAX: usize = 256 * 1024;

/// Sends requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    resolver: Resolver,
    tls: Tls,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The beginning of the body, as text.
    pub body: String,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("cannot look up {0}: {1}")]
    Unknown(String, String),
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("no connection within {}", humantime::format_duration(*.0))]
    ConnectTimeout(Duration),
    #[error("{0}")]
    Tls(String),
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    #[error("no answer: {0}")]
    Broken(String),
    #[error("cannot ask: {0}")]
    Unaskable(String),
}

impl Client {
    /// Believes the system's certificates, and those of `ca_file`.
    pub fn new(ca_file: Option<PathBuf>) -> Self {
        Self {
            resolver: Resolver::default(),
            tls: Tls::new(ca_file),
        }
    }

    /// Sends it and waits for the answer, `limit` at most.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(
        &self,
        url: &Url,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, RequestError> {
        timeout(limit, self.exchange(url, request))
            .await
            .map_err(|_| RequestError::Timeout(limit))?
    }

    async fn exchange(&self, url: &Url, request: Request) -> Result<Answer, RequestError> {
        let request = built(url, request)?;
        let stream = timeout(CONNECT_LIMIT, self.connect(url))
            .await
            .map_err(|_| RequestError::ConnectTimeout(CONNECT_LIMIT))??;
        if url.is_tls() {
            speak(self.tls.handshake(stream, url.host()).await?, request).await
        } else {
            speak(stream, request).await
        }
    }

    /// The first of its addresses that answers.
    async fn connect(&self, url: &Url) -> Result<TcpStream, RequestError> {
        let mut failed = String::new();
        for address in self.resolver.look_up(url.host(), url.port()).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => failed = plain(&error),
            }
        }
        Err(RequestError::Connect(failed))
    }
}

fn built(url: &Url, request: Request) -> Result<HyperRequest<Full<Bytes>>, RequestError> {
    let mut built = HyperRequest::builder()
        .method(request.method)
        .uri(url.path())
        .header(HOST, url.authority())
        .header(
            USER_AGENT,
            concat!("haproxy-autoscale/", env!("CARGO_PKG_VERSION")),
        )
        .header(CONNECTION, "close");
    if let Some(credentials) = url.credentials() {
        built = built.header(AUTHORIZATION, credentials);
    }
    for (name, value) in request.headers {
        built = built.header(name, value);
    }
    built
        .body(Full::new(request.body.into()))
        .map_err(|error| RequestError::Unaskable(error.to_string()))
}

async fn speak<S>(stream: S, request: HyperRequest<Full<Bytes>>) -> Result<Answer, RequestError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut exchange = pin!(async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        read(answer).await
    });
    // The connection may end first: what it has brought is still to be read.
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(broken(error)),
        },
    }
}

async fn read(answer: Response<Incoming>) -> Result<Answer, RequestError> {
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        // The status is what counts; a body that breaks off changes nothing.
        let Ok(frame) = frame else { break };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        let room = BODY_BYTES_MAX.saturating_sub(kept.len()).min(data.len());
        kept.extend_from_slice(data.get(..room).unwrap_or_default());
        if seen > READ_BYTES_MAX {
            break;
        }
    }
    let body = String::from_utf8_lossy(&kept).into_owned();
    Ok(Answer { status, body })
}

/// hyper's own words, and those of what caused it.
#[allow(clippy::needless_pass_by_value)] // as `map_err` hands it over
fn broken(error: hyper::Error) -> RequestError {
    let mut cause = std::error::Error::source(&error);
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner
            .downcast_ref::<io::Error>()
            .map_or_else(|| inner.to_string(), plain);
        cause = inner.source();
    }
    RequestError::Broken(text)
}
