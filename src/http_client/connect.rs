//! A TCP connection to one of several addresses. Looking a name up does not live here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::words::os_words::plain;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot connect: it has no address")]
    NoAddress,
    /// At each of its addresses a machine is there, and nothing listens.
    #[error("cannot connect: connection refused")]
    Refused,
    /// There is no way to it: the last address that did not refuse.
    #[error("cannot connect to {address}: {why}")]
    Failed { address: SocketAddr, why: String },
    /// Nobody answered at that address.
    #[error("cannot connect to {address}: no answer within {:.1} s", .limit.as_secs_f64())]
    Silent {
        address: SocketAddr,
        limit: Duration,
    },
}

/// To the first of those addresses that answers. Each has an equal share of the time that is left, so that
/// one where nobody answers leaves time for the next.
///
/// # Errors
/// Why the last one did not; one that refuses says less than one that is not there.
pub async fn connect_to(
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<TcpStream, ConnectError> {
    let end = Instant::now() + limit;
    let mut failed = None;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = end.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        let address = *address;
        failed = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                failed.or(Some(ConnectError::Refused))
            }
            Ok(Err(error)) => {
                let why = plain(&error);
                Some(ConnectError::Failed { address, why })
            }
            Err(_) => Some(ConnectError::Silent {
                address,
                limit: share,
            }),
        };
    }
    Err(failed.unwrap_or(ConnectError::NoAddress))
}
