//! HTTP requests to servers that an operator named, and to spares that are to be warmed up: names, connections,
//! TLS, one request on each connection. No redirect is followed. What is sent, and what the answer means, does
//! not live here.
//!
//! [`Client`] sends one to a URL: alerts, probes, the heartbeat. A warm-up takes the same steps one by one.
//!
//! A URL may hold a secret: nothing here, errors included, says more of it than [`Url`] shows.

mod connect;
mod exchange;
mod resolver;
mod tls;
mod url;
mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use hyper::{Method, Request as HyperRequest, Response};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::connect::{ConnectError, connect_to};
pub use self::exchange::{ExchangeError, exchange, io_cause};
pub use self::resolver::{HANGS_AFTER, Resolver};
pub use self::tls::{Tls, TlsError, certificates_of};
pub use self::url::{Url, is_path, split_host_port};

/// A connection is open within this time, or is given up.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Who we say we are.
pub const AGENT: &str = concat!("haproxy-autoscale/", env!("CARGO_PKG_VERSION"));
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
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("no connection within {}", humantime::format_duration(*.0))]
    ConnectTimeout(Duration),
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nothing was sent.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// It was sent.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Unanswered(Duration),
    #[error(transparent)]
    Broken(#[from] ExchangeError),
    #[error("cannot ask: {0}")]
    Unaskable(String),
}

impl Client {
    /// Believes the system's certificates, and those of `ca_file`.
    pub fn new(ca_file: Option<PathBuf>) -> Self {
        Self {
            resolver: Resolver::default(),
            tls: Tls::verified(ca_file),
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
        let is_sent = AtomicBool::new(false);
        let answer = timeout(limit, self.ask(url, request, &is_sent)).await;
        answer.map_err(|_| {
            if is_sent.load(Ordering::Relaxed) {
                RequestError::Unanswered(limit)
            } else {
                RequestError::Timeout(limit)
            }
        })?
    }

    async fn ask(
        &self,
        url: &Url,
        request: Request,
        is_sent: &AtomicBool,
    ) -> Result<Answer, RequestError> {
        let request = built(url, request)?;
        let stream = self.connect(url).await?;
        let _ = stream.set_nodelay(true);
        if url.is_tls() {
            let stream = self.tls.handshake(stream, url.host()).await?;
            is_sent.store(true, Ordering::Relaxed);
            Ok(exchange(stream, request, read).await?)
        } else {
            is_sent.store(true, Ordering::Relaxed);
            Ok(exchange(stream, request, read).await?)
        }
    }

    /// The first of its addresses that answers.
    async fn connect(&self, url: &Url) -> Result<TcpStream, RequestError> {
        let end = Instant::now() + CONNECT_LIMIT;
        let addresses = timeout_at(end, self.resolver.look_up(url.host(), url.port()));
        let addresses = addresses
            .await
            .map_err(|_| RequestError::ConnectTimeout(CONNECT_LIMIT))??;
        Ok(connect_to(&addresses, end.saturating_duration_since(Instant::now())).await?)
    }
}

fn built(url: &Url, request: Request) -> Result<HyperRequest<Full<Bytes>>, RequestError> {
    let mut built = HyperRequest::builder()
        .method(request.method)
        .uri(url.path())
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
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

async fn read(answer: Response<Incoming>) -> Answer {
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
    Answer { status, body }
}
