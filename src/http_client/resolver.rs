//! Names become addresses, in a thread that nobody waits for: a lookup of a name whose server is gone takes
//! half a minute. Whoever has one under way begins no other until it hangs, and then one: it takes two threads
//! and no more.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::RequestError;
use crate::words::os_words::plain;

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// A lookup that takes longer hangs: another one may begin, which a server that is back answers at once.
pub const HANGS_AFTER: Duration = Duration::from_secs(5);

/// Looks names up, one at a time, and another one beside one that hangs. Cheap to clone; clones take turns.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Turns>);

#[derive(Debug)]
struct Turns {
    usual: Arc<Semaphore>,
    beside: Arc<Semaphore>,
    /// When the usual turn was taken last.
    since: Mutex<Instant>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self(Arc::new(Turns {
            usual: Arc::new(Semaphore::new(1)),
            beside: Arc::new(Semaphore::new(1)),
            since: Mutex::new(Instant::now()),
        }))
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
        let name = host.to_owned();
        let look = move || {
            let found = (name.as_str(), port).to_socket_addrs();
            found.map(|found| found.take(ADDRESSES_MAX).collect::<Vec<_>>())
        };
        let found = self.in_turn(look).await.map_err(unknown)?;
        let found = found.map_err(|error| unknown(plain(&error)))?;
        if found.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        Ok(found)
    }

    /// What that gives, which may block: in a thread of its own when it is its turn.
    ///
    /// # Errors
    /// It panicked.
    pub async fn in_turn<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let turn = self.0.turn().await.map_err(|error| error.to_string())?;
        let looking = tokio::task::spawn_blocking(move || {
            let found = look();
            drop(turn);
            found
        });
        looking.await.map_err(|error| error.to_string())
    }
}

impl Turns {
    async fn turn(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        let hangs_at = *self.since.lock().unwrap_or_else(PoisonError::into_inner) + HANGS_AFTER;
        let beside = async {
            sleep_until(hangs_at).await;
            Arc::clone(&self.beside).acquire_owned().await
        };
        tokio::select! {
            biased;
            turn = Arc::clone(&self.usual).acquire_owned() => {
                *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                turn
            }
            turn = beside => turn,
        }
    }
}
