//! Where a warm-up goes: the address that HAProxy reports for a server, or the operator's own
//! `warm_up_url`. Connecting and speaking do not live here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Fault;
use crate::http_client::{Resolver, Url, split_host_port};

/// The metadata service of some clouds over IPv6; the IPv4 one is link-local.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// One place to send a request to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Name or address.
    host: String,
    port: u16,
    /// Of this name alone: one that takes long holds up no other.
    resolver: Resolver,
    /// Whether TLS is spoken.
    pub(super) is_tls: bool,
    /// HOST:PORT as it stands in messages and, unless a host is configured, in the Host header.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
    /// The name that a verified certificate must carry; also SNI when it is no address.
    pub(super) name: String,
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
        let host = address.ip().to_string();
        Self {
            name: host.clone(),
            host,
            port: address.port(),
            resolver: Resolver::default(),
            is_tls,
            authority: address.to_string(),
            path: path.to_owned(),
        }
    }

    /// `http://HOST[:PORT][/PATH]` or https; no user name, no fragment.
    pub(super) fn from_url(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text)?;
        if url.has_login() {
            return Err("a user name or password is never sent: remove it");
        }
        if url.host().parse().is_ok_and(is_forbidden) {
            return Err(FORBIDDEN);
        }
        Ok(Self {
            name: url.host().to_owned(),
            host: url.host().to_owned(),
            port: url.port(),
            resolver: Resolver::default(),
            is_tls: url.is_tls(),
            authority: url.authority().to_owned(),
            path: url.path().to_owned(),
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
        let found = self.resolver.look_up(&self.host, self.port).await;
        let found = found.map_err(|error| Fault::Broken(error.to_string()))?;
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
