//! One attempt, for those who only want to know what a server answers now. Nothing is tried again, and no
//! row is counted.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::target::Target;
use super::{Fault, WarmUp, ranges};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnceAnswer {
    /// As expected; with `requests = 0` that a connection was taken.
    Expected,
    /// Nothing listens there.
    Refused,
    /// Nobody answered, in words.
    Silent(String),
    /// Another status than those that are expected.
    Status { status: u16, expected: String },
    /// It speaks something else, or broke off, in words.
    Broken(String),
}

/// One attempt: what was asked, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// `http://10.0.0.12:8080/health`.
    pub url: String,
    /// The Host header, where it is not what `url` has.
    pub host: Option<String>,
    /// Of the URL.
    pub path: String,
    pub answer: OnceAnswer,
}

impl WarmUp {
    /// Asks that server once, as [`Self::run`] does, within `limit`; for another path than the configured
    /// one, where that is given. `None` where it has no address that could be asked.
    pub async fn once(
        &self,
        server: &str,
        address: Option<SocketAddr>,
        is_tls: bool,
        path: Option<&str>,
        limit: Duration,
    ) -> Option<Once> {
        let target = match self.urls.get(server) {
            Some(url) => url.clone().ok()?,
            None => Target::from_address(address?, is_tls, &self.config.path),
        };
        let url_host = target.authority.clone();
        let mut target = target.with_host(self.config.host.as_deref());
        if let Some(path) = path {
            path.clone_into(&mut target.path);
        }
        let scheme = if target.is_tls { "https" } else { "http" };
        let answer = match self.attempt(&target, Instant::now() + limit).await {
            Ok(()) => OnceAnswer::Expected,
            Err(Fault::Refused) => OnceAnswer::Refused,
            Err(Fault::Unreached(text)) => OnceAnswer::Silent(text),
            Err(Fault::TimedOut) => {
                OnceAnswer::Silent(format!("no answer within {} s", limit.as_secs()))
            }
            Err(Fault::Status(status)) => OnceAnswer::Status {
                status,
                expected: ranges(&self.config.expect_status),
            },
            Err(Fault::Broken(text) | Fault::Hopeless(text)) => OnceAnswer::Broken(text),
        };
        Some(Once {
            url: format!("{scheme}://{url_host}{}", target.path),
            host: Some(target.authority).filter(|it| *it != url_host),
            path: target.path,
            answer,
        })
    }
}
