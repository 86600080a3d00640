//! Where a warm-up goes: the address that HAProxy reports for a server, or the operator's own
//! `warm_up_url`. Connecting and speaking do not live here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Fault;
use crate::words::os_words::plain;

/// Longest `warm_up_url`, bytes.
const URL_MAX_BYTES: usize = 2048;

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The metadata service of some clouds over IPv6; the IPv4 one is link-local.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// One place to send a request to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    place: Place,
    /// Whether TLS is spoken.
    pub(super) is_tls: bool,
    /// HOST:PORT as it stands in messages and, unless a host is configured, in the Host header.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
    /// The name that a verified certificate must carry; also SNI when it is no address.
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Address(SocketAddr),
    Name(String, u16),
}

/// Whether a `warm_up_url` can be used.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    Target::from_url(url).map(|_| ())
}

impl Target {
    /// The address that HAProxy connects to, with the configured path.
    pub(super) fn from_address(address: SocketAddr, is_tls: bool, path: &str) -> Self {
        Self {
            place: Place::Address(address),
            is_tls,
            authority: address.to_string(),
            path: path.to_owned(),
            name: address.ip().to_string(),
        }
    }

    /// `http://HOST[:PORT][/PATH]` or https; no user name, no fragment.
    pub(super) fn from_url(url: &str) -> Result<Self, &'static str> {
        if url.len() > URL_MAX_BYTES {
            return Err("longer than 2048 bytes");
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("contains spaces, control or non-ASCII characters: write them as %XX");
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (is_tls, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err("must start with http:// or https://"),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains('#') {
            return Err("a fragment (#…) is never sent to a server: remove it");
        }
        if authority.contains('@') {
            return Err("a user name or password is never sent: remove it");
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let Some((host, port)) = split_host_port(authority) else {
            return Err("must name a host, and a port from 1 to 65535 if any");
        };
        let port = port.unwrap_or(default_port);
        let place = match host.parse::<IpAddr>() {
            Ok(ip) if is_forbidden(ip) => return Err(FORBIDDEN),
            Ok(ip) => Place::Address(SocketAddr::new(ip, port)),
            Err(_) if is_host_name(host) => Place::Name(host.to_owned(), port),
            Err(_) => return Err("not a host name or address"),
        };
        Ok(Self {
            place,
            is_tls,
            authority: authority.to_owned(),
            path,
            name: host.to_owned(),
        })
    }

    /// The same with the configured Host header, if there is one.
    pub(super) fn with_host(mut self, host: Option<&str>) -> Self {
        if let Some(host) = host {
            host.clone_into(&mut self.authority);
            if let Some((name, _)) = split_host_port(host) {
                name.clone_into(&mut self.name);
            }
        }
        self
    }

    /// Its addresses now, at least one; a name is looked up each time.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        let found: Vec<SocketAddr> = match &self.place {
            Place::Address(address) => vec![*address],
            Place::Name(name, port) => {
                match tokio::net::lookup_host((name.as_str(), *port)).await {
                    Ok(found) => found.take(ADDRESSES_MAX).collect(),
                    Err(error) => {
                        let text = format!("cannot look up {name}: {}", plain(&error));
                        return Err(Fault::Broken(text));
                    }
                }
            }
        };
        // One forbidden address spoils a name: nothing good has both.
        match found.iter().find(|address| is_forbidden(address.ip())) {
            Some(address) => Err(Fault::Hopeless(format!("{address}: {FORBIDDEN}"))),
            None => Ok(found),
        }
    }
}

const FORBIDDEN: &str = "link-local and cloud metadata addresses are never sent a request";

/// `169.254/16`, `fe80::/10` and `fd00:ec2::254`, also written as v4-in-v6.
fn is_forbidden(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA_V6,
    }
}

/// `host`, `host:80`, `[::1]`, `[::1]:80` → host without brackets, port.
fn split_host_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        match after {
            "" => (host, None),
            _ => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse().ok().filter(|port| *port != 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    (!host.is_empty()).then_some((host, port))
}

fn is_host_name(host: &str) -> bool {
    host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}
