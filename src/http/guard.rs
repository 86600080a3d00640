//! Who may ask, before anything is looked up: Host against DNS rebinding, Origin and Sec-Fetch-Site
//! against other web pages, tokens. What is asked for lives in `answers`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Request, StatusCode, Version};

use super::answers::{ORDERS, Problem};
use super::tokens::Tokens;
use crate::words::listen::Listen;

/// What is known about who may ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    pub(super) listen: Listen,
    /// `None`: nobody can have one.
    pub(super) tokens: Option<Arc<Tokens>>,
}

/// Who a valid token belongs to.
#[derive(Clone, Debug)]
pub(super) struct Holder(pub(super) String);

impl Access {
    /// Whether that may be asked; the holder of its token, if it has a valid one.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<Option<Holder>, Problem> {
        self.check_host(request)?;
        let headers = request.headers();
        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        if !is_read {
            self.check_origin(headers)?;
        }
        // Elsewhere nothing but reading can be done: whoever tries it is told so, with a token or without.
        let is_order = request.method() == Method::POST && request.uri().path() == ORDERS;
        let holder = self.holder(headers);
        if holder.is_none() && (is_order || self.listen.remote_address().is_some()) {
            return Err(self.no_token(headers));
        }
        if is_order {
            check_type(headers)?;
        }
        Ok(holder)
    }

    /// A web page elsewhere can make a browser ask us by a name of its own. Behind a Unix socket is no
    /// browser; beyond loopback nobody is answered without a token, which no browser has.
    fn check_host<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if !matches!(self.listen, Listen::Tcp(_)) {
            return Ok(());
        }
        let header = request.headers().get_all(HOST);
        let header = header.iter().map(|host| host.to_str().unwrap_or_default());
        let hosts = request.uri().authority().map(Authority::as_str);
        let mut hosts = hosts.into_iter().chain(header).peekable();
        if hosts.peek().is_none() && request.version() >= Version::HTTP_11 {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "no Host header"));
        }
        let is_remote = self.listen.remote_address().is_some();
        if is_remote || hosts.all(|host| self.is_ours(host)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "ask by the name localhost, by 127.0.0.1, [::1] or the address that `listen` names; a \
             proxy in front sets `Host: localhost`",
        ))
    }

    /// `HOST` or `HOST:PORT` names this host and nothing else.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let address = bare
            .unwrap_or(name)
            .parse::<IpAddr>()
            .map(|it| it.to_canonical());
        let listens = match &self.listen {
            Listen::Tcp(address) => Some(address.ip().to_canonical()),
            Listen::Off | Listen::Unix(_) => None,
        };
        address.is_ok_and(|it| it.is_loopback() || Some(it) == listens)
    }

    /// A browser says from which page an order comes.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let is_same_site = |value: &str| ["same-origin", "none"].contains(&value);
        let site = headers.get("sec-fetch-site");
        // Over TLS, and on this host, the browser itself says that the page is from here, whatever name
        // it was asked by: behind a proxy we do not know that name.
        if site.is_some_and(|it| it == "same-origin") {
            return Ok(());
        }
        let is_same_site = site.is_none_or(|it| it.to_str().is_ok_and(is_same_site));
        let is_our_origin = |origin: &str| {
            let host = origin.strip_prefix("http://");
            let host = host.or_else(|| origin.strip_prefix("https://"));
            host.is_some_and(|host| self.is_ours(host))
        };
        let origin = headers.get(ORIGIN);
        if is_same_site && origin.is_none_or(|it| it.to_str().is_ok_and(is_our_origin)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "orders from other web pages are refused",
        ))
    }

    fn holder(&self, headers: &HeaderMap) -> Option<Holder> {
        let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        let name = self.tokens.as_ref()?.name_of(token.trim_ascii())?;
        Some(Holder(name.to_owned()))
    }

    fn no_token(&self, headers: &HeaderMap) -> Problem {
        let text = if self.tokens.is_none() {
            "no usable token_file under [http]: nobody may do this"
        } else if headers.contains_key(AUTHORIZATION) {
            "wrong token: send `Authorization: Bearer TOKEN` with one of token_file under [http]"
        } else {
            "no token: send `Authorization: Bearer TOKEN` with one of token_file under [http]"
        };
        Problem::new(StatusCode::UNAUTHORIZED, text)
    }
}

/// A form of a web page cannot send this type.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.and_then(|it| it.split(';').next()).unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "send `Content-Type: application/json`",
    ))
}
