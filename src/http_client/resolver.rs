//! Names become addresses, in a thread that nobody waits for: a lookup of a name whose server is gone takes
//! half a minute. Whoever has one under way begins no other, so that he takes one thread and no more.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::RequestError;
use crate::words::os_words::plain;

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Looks names up, one at a time. Cheap to clone; clones take turns.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Semaphore>);

impl Default for Resolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Resolver {
    /// The addresses of that host, at least one. Takes as long as it takes: give it a limit.
    ///
    /// # Errors
    /// [`RequestError::Unknown`].
    pub async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, RequestError> {
        let unknown = |why: String| RequestError::Unknown(host.to_owned(), why);
        if let Ok(address) = host.parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.map_err(|error| unknown(error.to_string()))?;
        let name = host.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            drop(turn);
            found.map(|found| found.take(ADDRESSES_MAX).collect::<Vec<_>>())
        });
        let found = looking.await.map_err(|error| unknown(error.to_string()))?;
        let found = found.map_err(|error| unknown(plain(&error)))?;
        if found.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        Ok(found)
    }
}
