//! Servers with few workers: what is too much waits inside, and who has gone is served all the same.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use crate::case::{Life, Mood};
use crate::seen::{Hit, SERVERS, Seen};
use crate::support::ReservedPort;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// A longer request head is not one of ours.
const MAX_HEAD_BYTES: usize = 8192;
/// How often a dead or hung server looks whether it is well again.
const LOOK: Duration = Duration::from_millis(20);

/// One server and its agent.
#[derive(Debug)]
struct Server {
    index: usize,
    mood: Mutex<Mood>,
    /// Counts deaths; whoever holds a connection sees it change and hangs up.
    deaths: watch::Sender<u32>,
    workers: Semaphore,
    seen: Arc<Seen>,
}

/// All servers of a case, in one thread.
#[derive(Debug)]
pub struct Servers {
    all: Vec<Arc<Server>>,
    pages: [ReservedPort; 3],
    agents: [ReservedPort; 3],
    over: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Servers {
    /// Starts them.
    pub fn start(moods: [Mood; 3], seen: &Arc<Seen>) -> Self {
        let pages = std::array::from_fn(|_| ReservedPort::new());
        let agents = std::array::from_fn(|_| ReservedPort::new());
        let all: Vec<_> = moods
            .into_iter()
            .enumerate()
            .map(|(index, mood)| {
                Arc::new(Server {
                    index,
                    mood: Mutex::new(mood),
                    deaths: watch::Sender::new(0),
                    workers: Semaphore::new(mood.workers),
                    seen: Arc::clone(seen),
                })
            })
            .collect();
        let over = watch::Sender::new(false);
        let places: Vec<_> = all
            .iter()
            .zip(pages.iter().zip(&agents))
            .map(|(server, (page, agent))| (Arc::clone(server), page.address(), agent.address()))
            .collect();
        let mut until = over.subscribe();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                for (server, page, agent) in places {
                    tokio::spawn(listen(Arc::clone(&server), page));
                    tokio::spawn(answer_as_agent(server, agent));
                }
                let _ = until.wait_for(|over| *over).await;
            });
        });
        Self {
            all,
            pages,
            agents,
            over,
            thread: Some(thread),
        }
    }

    /// Where pages are.
    pub fn page(&self, index: usize) -> SocketAddr {
        self.pages[index].address()
    }

    /// Where the agent is.
    pub fn agent(&self, index: usize) -> SocketAddr {
        self.agents[index].address()
    }

    /// From now on this server is so.
    pub fn set(&self, index: usize, mood: Mood) {
        let server = &self.all[index];
        *server.mood() = mood;
        if mood.life == Life::Dead {
            server.deaths.send_modify(|deaths| *deaths += 1);
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.over.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Server {
    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of one page; a cold server becomes a little warmer.
    fn page_time(&self) -> Duration {
        let mut mood = self.mood();
        let mut ms = mood.page_ms * mood.slower;
        if mood.cold.0 > 0 {
            mood.cold.0 -= 1;
            ms *= mood.cold.1;
        }
        Duration::from_secs_f64(ms / 1000.0)
    }

    /// Status of the answer to this path, when it is ready.
    async fn work(&self, path: &str) -> u16 {
        let mood = *self.mood();
        while self.mood().life == Life::Hung {
            sleep(LOOK).await;
        }
        if path.starts_with("/health") && !mood.health_waits {
            return mood.health;
        }
        let id = number_behind(path, "id=");
        if let (Some(id), false) = (id, path.starts_with("/warm")) {
            let hit = Hit {
                at: self.seen.now(),
                id: u32::try_from(id).unwrap_or(0),
                server: self.index,
            };
            self.seen.record().hits.push(hit);
        }
        if let Some(ms) = number_behind(path, "long=") {
            // A download or a websocket: it needs no worker.
            sleep(Duration::from_millis(ms)).await;
            return 200;
        }
        let status = if path.starts_with("/health") {
            mood.health
        } else if path.starts_with("/warm") {
            mood.warm
        } else {
            mood.pages
        };
        if status >= 500 && mood.fails_fast {
            return status;
        }
        let worker = self.workers.acquire().await;
        sleep(self.page_time()).await;
        drop(worker);
        status
    }
}

fn number_behind(path: &str, name: &str) -> Option<u64> {
    let (_, rest) = path.split_once(name)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn listener(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR");
    socket.bind(address).expect("our own port");
    socket.listen(BACKLOG).expect("a listening socket")
}

async fn listen(server: Arc<Server>, address: SocketAddr) {
    loop {
        while server.mood().life == Life::Dead {
            sleep(LOOK).await;
        }
        let mut deaths = server.deaths.subscribe();
        let socket = listener(address);
        loop {
            tokio::select! {
                _ = deaths.changed() => break,
                accepted = socket.accept() => {
                    if let Ok((stream, _)) = accepted {
                        tokio::spawn(serve(Arc::clone(&server), stream));
                    }
                }
            }
        }
    }
}

async fn serve(server: Arc<Server>, mut stream: TcpStream) {
    let mut deaths = server.deaths.subscribe();
    let _ = stream.set_nodelay(true);
    tokio::select! {
        _ = deaths.changed() => {}
        () = answer_all(&server, &mut stream) => {}
    }
}

async fn answer_all(server: &Server, stream: &mut TcpStream) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let read = stream.read_buf(&mut buffer).await.unwrap_or(0);
            if read == 0 || buffer.len() > MAX_HEAD_BYTES {
                return;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let path = head.split(' ').nth(1).unwrap_or("/");
        let status = server.work(path).await;
        let closes = head.to_ascii_lowercase().contains("connection: close");
        let name = SERVERS[server.index];
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nX-Served-By: {name}\r\n{}\r\n{name}\n",
            name.len() + 1,
            if closes { "Connection: close\r\n" } else { "" }
        );
        if stream.write_all(answer.as_bytes()).await.is_err() || closes {
            return;
        }
    }
}

async fn answer_as_agent(server: Arc<Server>, address: SocketAddr) {
    let socket = listener(address);
    loop {
        if let Ok((mut stream, _)) = socket.accept().await {
            let said = format!("{}\n", server.mood().agent);
            let _ = stream.write_all(said.as_bytes()).await;
        }
    }
}
