//! Makes a spare ready: requests straight to the server, before any user reaches it, until enough
//! in a row pass. Enabling the server is not done here, and nothing of a body is kept or logged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

mod http;
mod once;
mod target;

use self::target::Target;
use crate::http_client::{ConnectError, Tls, TlsError, connect_to};
use crate::words::names::ServerName;
use crate::words::proof::{WarmUpEvidence, WarmUpFailure, WarmUpTrouble};

pub use self::once::{Once, OnceAnswer};
pub use self::target::check_url;

/// Pause after the first refused connection: a machine that is about to listen is noticed at once. It
/// doubles with each one in a row …
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(25);

/// … up to this: one that is switched off is asked three times a second and not forty.
const PAUSE_AFTER_REFUSALS_MAX: Duration = Duration::from_millis(300);

/// From here on another doubling would change nothing.
const DOUBLINGS_MAX: u32 = 4;

/// Pause after any other failure. It does not grow: the deadline bounds the number of attempts.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Whoever does not take a connection within this time is not there: a machine that is switched
/// off answers nothing at all, where a running one refuses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An attempt that the deadline cut off says something new only when it had lasted so long.
const TELLING_SILENCE: Duration = Duration::from_secs(1);

/// What goes wrong is told at once, and again no sooner than this as long as it lasts.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What `requests = 0` cannot be told, or what a server speaks that we do not.
const WAYS_OUT: &str = "if it speaks the PROXY protocol or HTTP/2 only, set warm_up_url to an \
                        address that answers HTTP/1.1, or requests = 0";

/// `[backend.NAME.warm_up]`, and its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmUpConfig {
    /// Path of the GET request.
    pub path: String,
    /// Host header; `None`: ADDRESS:PORT.
    pub host: Option<String>,
    /// Verify the certificate of an https server.
    pub tls_verify: bool,
    /// Successes in a row; 0: a TCP connection is enough.
    pub requests: u32,
    /// Status codes that count as success, inclusive ranges.
    pub expect_status: Vec<(u16, u16)>,
    /// Time limit of one request.
    pub timeout: Duration,
}

impl Default for WarmUpConfig {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            host: None,
            tls_verify: false,
            requests: 3,
            expect_status: vec![(200, 399)],
            timeout: Duration::from_secs(5),
        }
    }
}

/// How the spares of one backend are warmed up.
pub struct WarmUp {
    config: WarmUpConfig,
    /// By server; a text where the URL is unusable.
    urls: BTreeMap<String, Result<Target, String>>,
    tls: Tls,
}

/// Why one attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing listens there.
    Refused,
    /// Nobody is there: the connection was not answered, or there is no way to it.
    Unreached(String),
    /// No answer in time.
    TimedOut,
    /// A status that is not expected.
    Status(u16),
    Broken(String),
    /// It will never work; trying again is pointless.
    Hopeless(String),
}

/// What happened so far in one warm-up.
struct Progress {
    started: Instant,
    /// Successes in a row.
    row: u32,
    attempts: u32,
    failed: u32,
    first_ms: Option<u32>,
    last_ms: u32,
    is_never_connected: bool,
    /// Refused connections in a row.
    refusals: u32,
    fault: Option<Fault>,
    /// When it was told last that it fails; `None` as long as it does not.
    told_at: Option<Instant>,
}

impl WarmUp {
    /// `urls` are the `warm_up_url`s by server name. An unusable one makes the warm-up of that
    /// server fail with a text; `config` finds it earlier with [`check_url`].
    pub fn new(config: &WarmUpConfig, urls: &BTreeMap<String, String>) -> Self {
        let urls = urls
            .iter()
            .map(|(server, url)| {
                let target = Target::from_url(url);
                let target = target.map_err(|what| format!("warm_up_url {url:?}: {what}"));
                (server.clone(), target)
            })
            .collect();
        Self {
            config: config.clone(),
            urls,
            tls: if config.tls_verify {
                Tls::verified(None)
            } else {
                Tls::unverified()
            },
        }
    }

    /// Warms `server` up: `requests` successes in a row, or with `requests = 0` one TCP (and TLS)
    /// connection, within `deadline`. Failures restart the row and are tried again; when every
    /// attempt ended without a connection for `refusals_for`, it gives up early. `tell` hears at once
    /// what goes wrong, again as long as it lasts, and `None` when it is over.
    ///
    /// # Errors
    /// The last telling failure, see [`WarmUpFailure`].
    pub async fn run(
        &self,
        server: &ServerName,
        address: Option<SocketAddr>,
        is_tls: bool,
        deadline: Duration,
        refusals_for: Duration,
        tell: impl Fn(Option<WarmUpTrouble>),
    ) -> Result<WarmUpEvidence, WarmUpFailure> {
        let target = match (self.urls.get(&server.server), address) {
            (Some(Ok(target)), _) => target.clone(),
            (Some(Err(text)), _) => return Err(WarmUpFailure::Broken(text.clone())),
            (None, Some(address)) => Target::from_address(address, is_tls, &self.config.path),
            (None, None) => return Err(WarmUpFailure::NoAddress),
        };
        let target = target.with_host(self.config.host.as_deref());
        let mut progress = Progress::start();
        loop {
            let left = deadline.saturating_sub(progress.started.elapsed());
            if left.is_zero() {
                return Err(self.failure(&progress));
            }
            let limit = self.config.timeout.min(left);
            let attempt_started = Instant::now();
            let outcome = self.attempt(&target, attempt_started + limit).await;
            let took = attempt_started.elapsed();
            tracing::debug!(%server, ?took, ?outcome, "warm-up attempt");
            let is_cut = limit < self.config.timeout && took < TELLING_SILENCE;
            let Some(pause) = progress.take(outcome, took, is_cut) else {
                if progress.row >= self.config.requests.max(1) {
                    return Ok(progress.evidence(self.config.requests));
                }
                if progress.told_at.take().is_some() {
                    tell(None);
                }
                continue;
            };
            let is_over = matches!(progress.fault, Some(Fault::Hopeless(_)))
                || progress.is_never_connected && progress.started.elapsed() >= refusals_for;
            if is_over {
                return Err(self.failure(&progress));
            }
            if progress.is_to_be_told() {
                tell(Some(WarmUpTrouble {
                    why: self.failure(&progress),
                    attempts: progress.attempts,
                }));
            }
            let elapsed = progress.started.elapsed();
            let mut left = deadline.saturating_sub(elapsed);
            if progress.is_never_connected {
                left = left.min(refusals_for.saturating_sub(elapsed)); // Asked once more then.
            }
            sleep(pause.min(left)).await;
        }
    }

    /// One connection, and one request unless `requests = 0`, until `end`. Connecting has a limit
    /// of its own: with one around both, whichever of two equal limits fired first would say
    /// whether somebody is there.
    async fn attempt(&self, target: &Target, end: Instant) -> Result<(), Fault> {
        let stream = connect(target, end.min(Instant::now() + CONNECT_TIMEOUT)).await?;
        match timeout_at(end, self.ask(stream, target)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::TimedOut),
        }
    }

    /// TLS where it is spoken, and one request unless `requests = 0`, on an open connection.
    async fn ask(&self, stream: TcpStream, target: &Target) -> Result<(), Fault> {
        let wants_request = self.config.requests > 0;
        if target.is_tls {
            let spoken = self.tls.handshake(stream, &target.name).await;
            let stream = spoken.map_err(|error| without_tls(&error, self.config.tls_verify))?;
            if wants_request {
                http::get(stream, target, &self.config.expect_status).await?;
            }
        } else if wants_request {
            http::get(stream, target, &self.config.expect_status).await?;
        }
        Ok(())
    }

    fn failure(&self, progress: &Progress) -> WarmUpFailure {
        let attempts = progress.attempts;
        match &progress.fault {
            Some(Fault::Refused) => WarmUpFailure::Refused { attempts },
            Some(Fault::TimedOut) | None => WarmUpFailure::TimedOut { attempts },
            Some(Fault::Status(status)) => WarmUpFailure::Status {
                status: *status,
                expected: ranges(&self.config.expect_status),
            },
            Some(Fault::Unreached(text) | Fault::Broken(text) | Fault::Hopeless(text)) => {
                WarmUpFailure::Broken(text.clone())
            }
        }
    }
}

impl Progress {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            row: 0,
            attempts: 0,
            failed: 0,
            first_ms: None,
            last_ms: 0,
            is_never_connected: true,
            refusals: 0,
            fault: None,
            told_at: None,
        }
    }

    /// It fails, and that was not told a moment ago.
    fn is_to_be_told(&mut self) -> bool {
        let is_due = self.told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY);
        if is_due {
            self.told_at = Some(Instant::now());
        }
        is_due
    }

    /// Notes one attempt; `None` for a success, else how long to pause. `is_cut`: the warm-up's
    /// deadline ended it before it had a fair time, so an earlier fault says more.
    fn take(
        &mut self,
        outcome: Result<(), Fault>,
        took: Duration,
        is_cut: bool,
    ) -> Option<Duration> {
        self.attempts = self.attempts.saturating_add(1);
        let took_ms = whole_ms(took);
        if matches!(outcome, Ok(()) | Err(Fault::Status(_))) {
            self.first_ms.get_or_insert(took_ms);
            self.last_ms = took_ms;
        }
        let Err(fault) = outcome else {
            self.row = self.row.saturating_add(1);
            self.refusals = 0;
            self.is_never_connected = false;
            return None;
        };
        self.row = 0;
        self.failed = self.failed.saturating_add(1);
        let is_refusal = fault == Fault::Refused;
        let is_silence = matches!(fault, Fault::TimedOut | Fault::Unreached(_));
        if !(is_cut && is_silence && self.fault.is_some()) {
            self.is_never_connected &= is_refusal || matches!(fault, Fault::Unreached(_));
            self.fault = Some(fault);
        }
        if !is_refusal {
            self.refusals = 0;
            return Some(PAUSE_AFTER_FAILURE);
        }
        let pause = PAUSE_AFTER_REFUSAL * 2_u32.pow(self.refusals.min(DOUBLINGS_MAX));
        self.refusals = self.refusals.saturating_add(1);
        Some(pause.min(PAUSE_AFTER_REFUSALS_MAX))
    }

    fn evidence(&self, requests: u32) -> WarmUpEvidence {
        WarmUpEvidence {
            passed: if requests == 0 { 0 } else { self.row },
            failed: self.failed,
            first_ms: self.first_ms.unwrap_or(0),
            last_ms: self.last_ms,
            took_ms: whole_ms(self.started.elapsed()),
            is_assumed: false,
        }
    }
}

/// Connects to the first address of the target that answers before `end`.
async fn connect(target: &Target, end: Instant) -> Result<TcpStream, Fault> {
    let addresses = match timeout_at(end, target.addresses()).await {
        Ok(addresses) => addresses?,
        Err(_) => return Err(Fault::TimedOut),
    };
    let left = end.saturating_duration_since(Instant::now());
    let connected = connect_to(&addresses, left).await;
    connected.map_err(|error| match error {
        ConnectError::Refused => Fault::Refused,
        ConnectError::NoAddress => Fault::Broken(error.to_string()),
        ConnectError::Failed { .. } | ConnectError::Silent { .. } => {
            Fault::Unreached(error.to_string())
        }
    })
}

/// Why TLS is not spoken, with the ways out that a warm-up has.
fn without_tls(error: &TlsError, is_verified: bool) -> Fault {
    match error {
        TlsError::Unready(text) => Fault::Hopeless(text.clone()),
        TlsError::NoIssuers(why) => Fault::Hopeless(format!(
            "tls_verify = true, and the system has no certificates to verify with ({why}); install \
             ca-certificates"
        )),
        TlsError::NoName(name) => Fault::Hopeless(format!(
            "{name:?} is no name that a certificate can carry; see `host`"
        )),
        TlsError::Certificate(what) if is_verified => Fault::Broken(format!(
            "its certificate was not accepted: {what}; set `host` to the name in it, add its \
             issuer to the system's certificates, or set tls_verify = false"
        )),
        TlsError::Certificate(what) | TlsError::Handshake(what) => Fault::Broken(format!(
            "no TLS: {what}; if it speaks the PROXY protocol first, or only TLS versions below \
             1.2, set warm_up_url to an address that answers HTTP/1.1; where a TLS handshake \
             works and HTTP/1.1 does not, requests = 0 is enough"
        )),
    }
}

/// `200-399,404`, as `expect_status` is written.
fn ranges(ranges: &[(u16, u16)]) -> String {
    let mut text = String::new();
    for (from, to) in ranges {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = if from == to {
            write!(text, "{from}")
        } else {
            write!(text, "{from}-{to}")
        };
    }
    text
}

fn whole_ms(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
