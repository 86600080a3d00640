//! Small real HTTP servers on loopback: a few workers, some thinking time, and cold at first.
//! In the pretend world only the warm-up and the health checks reach them; with a real HAProxy its
//! users do too.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::scenario::{SERVICE_MS, WORKERS};
use crate::sim::dice::Dice;
use crate::sim::socket::{read_until, serve_each};
use crate::sim::warmth::Warmth;

/// Connections open at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
/// A request's head is at most this long.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// A client that has not sent its request by then is dropped.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// What HAProxy's health checks ask for. Answered at once: it proves that the process is there,
/// and warms nothing, as with most applications.
pub const HEALTH_PATH: &str = "/health";

/// A running server; ends when dropped.
#[derive(Debug)]
pub struct SmallServer {
    /// Where it listens, on 127.0.0.1.
    pub address: SocketAddr,
    /// How warm it is.
    pub warmth: Warmth,
    _tasks: JoinSet<()>,
}

struct Shop {
    warmth: Warmth,
    workers: Semaphore,
    /// A cold server fills its caches behind one lock.
    cold_turn: tokio::sync::Mutex<()>,
    dice: Mutex<Dice>,
}

impl SmallServer {
    /// The always-up server, which is warm, and the spare, which is cold.
    ///
    /// # Errors
    ///
    /// What the system said when no port can be had.
    pub async fn pair(seed: u64) -> io::Result<[Self; 2]> {
        Ok([
            Self::start(Warmth::warm(), seed).await?,
            Self::start(Warmth::cold(), seed.wrapping_add(1)).await?,
        ])
    }

    async fn start(warmth: Warmth, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shop = Arc::new(Shop {
            warmth: warmth.clone(),
            workers: Semaphore::new(WORKERS),
            cold_turn: tokio::sync::Mutex::new(()),
            dice: Mutex::new(Dice::new(seed)),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let accept = |context: &mut Context<'_>| listener.poll_accept(context);
            let serve = |stream| serve(stream, Arc::clone(&shop));
            serve_each(accept, MAX_CONNECTIONS, serve).await;
        });
        Ok(Self {
            address,
            warmth,
            _tasks: tasks,
        })
    }
}

/// One request, one answer, and the connection is closed.
async fn serve(mut stream: TcpStream, shop: Arc<Shop>) -> io::Result<()> {
    let head = read_until(&mut stream, b"\r\n\r\n", MAX_HEAD_BYTES);
    let head = timeout(HEAD_TIMEOUT, head).await??;
    let Some(head) = head else {
        return Ok(()); // a health check that only connects
    };
    let path = head.split(' ').nth(1).unwrap_or("/");
    if path != HEALTH_PATH {
        shop.work().await;
    }
    let body = "hello\n";
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

impl Shop {
    async fn work(&self) {
        // The semaphore is never closed, and without a permit there is nothing better to do.
        let Ok(_worker) = self.workers.acquire().await else {
            return;
        };
        if self.warmth.next_cold_ms().is_some() {
            let _turn = self.cold_turn.lock().await;
            if let Some(cold_ms) = self.warmth.next_cold_ms() {
                sleep(Duration::from_secs_f64(cold_ms / 1000.0)).await;
                self.warmth.note_answer();
                return;
            }
        }
        let work = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            dice.between(0.8, 1.2)
        };
        sleep(Duration::from_secs_f64(SERVICE_MS * work / 1000.0)).await;
        self.warmth.note_answer();
    }
}
