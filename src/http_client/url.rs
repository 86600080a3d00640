//! URLs that operators write. One may hold a secret in its path, its query or before its host: only
//! scheme, host and port are ever shown.

use std::fmt;
use std::net::Ipv6Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::http::uri::PathAndQuery;

/// Longest URL, bytes.
const BYTES_MAX: usize = 2048;
/// Longest host name, bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// A shorter part of a path is no secret.
const SECRET_BYTES_MIN: usize = 8;

/// `http://` or `https://`, a host, and what follows. Shows neither path nor query nor user.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    is_tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// HOST or HOST:PORT, as it was written.
    authority: String,
    /// Path and query.
    path: String,
    /// A whole `Authorization` header.
    credentials: Option<String>,
    /// What of it an answer might repeat, the longest first.
    login: Vec<String>,
}

impl Url {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > BYTES_MAX {
            return Err("longer than 2048 bytes");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("contains spaces, control or non-ASCII characters: write them as %XX");
        }
        if text.contains('#') {
            return Err("a fragment (#…) is never sent to a server: remove it");
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("must start with http:// or https://"),
        };
        let (authority, _) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let (host, port) = split_host_port(authority)
            .filter(|(host, _)| is_host(host))
            .ok_or("must name a host, and a port from 1 to 65535 if any")?;
        let uri: Uri = text
            .parse()
            .map_err(|_| "contains a character that no URL may have: write it as %XX")?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: format!("{slash}{path}"),
            credentials: user.map(|user| format!("Basic {}", STANDARD.encode(decoded(user)))),
            login: user.map(login).unwrap_or_default(),
        })
    }

    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What may be shown: HOST or HOST:PORT.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query. They may hold a secret.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it names a user.
    pub const fn has_login(&self) -> bool {
        self.credentials.is_some()
    }

    pub(super) fn credentials(&self) -> Option<&str> {
        self.credentials.as_deref()
    }

    /// The same with another path, below its own one unless that ends the same way.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        let (own, _query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let own = own.trim_end_matches('/');
        let path = if own.ends_with(path) {
            own.to_owned()
        } else {
            format!("{own}{path}")
        };
        Self {
            path,
            ..self.clone()
        }
    }

    /// The text without what this URL keeps secret.
    pub fn hidden_in(&self, text: &str) -> String {
        let parts = self.path.split(['/', '?', '&', '=']);
        let parts = parts.filter(|part| part.len() >= SECRET_BYTES_MIN);
        let login = self.login.iter().map(String::as_str);
        let secrets = parts.chain(login).filter(|part| !part.is_empty());
        secrets.fold(text.to_owned(), |text, part| text.replace(part, "…"))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority)
    }
}

/// As it is shown.
impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}/…")
    }
}

/// `USER:PASSWORD` as it is sent (RFC 7617), encoded, whole and without the user.
fn login(user: &str) -> Vec<String> {
    let bytes = decoded(user);
    let plain = String::from_utf8_lossy(&bytes).into_owned();
    let password = |text: &str| text.split_once(':').map(|(_, it)| it.to_owned());
    let passwords = [password(user), password(&plain)].into_iter().flatten();
    let mut login = vec![STANDARD.encode(&bytes), user.to_owned()];
    login.extend(passwords);
    login.push(plain);
    login.sort_by_key(|it| std::cmp::Reverse(it.len()));
    login
}

/// `%XX` stands for a byte.
fn decoded(user: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// `host`, `host:80`, `[::1]`, `[::1]:80`: the host without brackets, and the port.
pub fn split_host_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        match after {
            "" => (host, None),
            after => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return None;
    }
    match port {
        None => Some((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = port.parse().ok().filter(|port| *port != 0)?;
            Some((host, Some(port)))
        }
        Some(_) => None,
    }
}

/// Whether that path, with or without a query, can be asked for.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.parse::<PathAndQuery>().is_ok()
}

/// Could be a name or an address.
fn is_host(host: &str) -> bool {
    let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    host.len() <= HOST_BYTES_MAX && host.bytes().all(is_of_one)
}
