//! A loopback port that belongs to us although nobody listens on it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

/// A bound socket that never listens: connections to the port are refused, the kernel gives the
/// port to nobody who asks for any free one, and whoever knows it (HAProxy, [`super::TinyServer`])
/// can still listen there, because every socket involved has `SO_REUSEADDR`. So a port survives
/// restarts, and no other test can take it in between.
#[derive(Debug)]
pub struct ReservedPort {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl ReservedPort {
    /// Reserves a port of 127.0.0.1 that the kernel chooses.
    pub fn new() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a TCP socket");
        rustix::io::ioctl_fioclex(&socket).expect("close-on-exec");
        sockopt::set_socket_reuseaddr(&socket, true).expect("SO_REUSEADDR");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = getsockname(&socket)
            .expect("the bound address")
            .try_into()
            .expect("an IP address");
        Self {
            address,
            _socket: socket,
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
