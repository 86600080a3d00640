//! A bounded HTTP load that remembers every answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Requests of one load under way at a time.
const MAX_IN_FLIGHT: usize = 256;
/// Answers remembered at most.
const MAX_ANSWERS: usize = 500_000;
/// A request without an answer for so long has failed.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How often an open load of rate 0 looks for a new rate, and how late it may start a request.
const IDLE_POLL: Duration = Duration::from_millis(2);

/// What became of one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// When it was sent.
    pub at: Instant,
    /// Until the last byte, or until it failed.
    pub took: Duration,
    /// Its status; `None` when no HTTP answer came.
    pub status: Option<u16>,
    /// `X-Server`: which server answered; empty when HAProxy itself did.
    pub server: String,
    /// Why there is no status.
    pub error: Option<String>,
}

impl Answer {
    /// A user would be content with this status: 2xx or 3xx.
    pub fn is_ok(&self) -> bool {
        self.status
            .is_some_and(|status| (200..400).contains(&status))
    }
}

/// A load under way; ends when dropped.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    head: String,
    /// Requests a second of an open load, in thousandths.
    rate_milli: AtomicU64,
    stopped: AtomicBool,
    in_flight: AtomicUsize,
    answers: Mutex<Vec<Answer>>,
}

impl Load {
    /// An open load: `per_second` requests however slow the answers, GET `/`.
    pub fn open(target: SocketAddr, per_second: f64) -> Self {
        Self::open_with(target, per_second, &get("/", &[]))
    }

    /// The same with a request head of one's own, see [`get`].
    pub fn open_with(target: SocketAddr, per_second: f64, head: &str) -> Self {
        let shared = Shared::new(target, head);
        let load = Self {
            threads: vec![std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || run_open(&shared)
            })],
            shared,
        };
        load.set_rate(per_second);
        load
    }

    /// A closed load: each of `clients` sends its next request when the last one is answered.
    pub fn closed(target: SocketAddr, clients: usize) -> Self {
        Self::closed_with(target, clients, &get("/", &[]))
    }

    /// The same with a request head of one's own, see [`get`].
    pub fn closed_with(target: SocketAddr, clients: usize, head: &str) -> Self {
        let shared = Shared::new(target, head);
        let threads = (0..clients.min(MAX_IN_FLIGHT))
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    while !shared.is_stopped() {
                        shared.send_one();
                    }
                })
            })
            .collect();
        Self { shared, threads }
    }

    /// Changes the rate of an open load; 0 pauses it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // test rates are small
    pub fn set_rate(&self, per_second: f64) {
        let milli = (per_second * 1000.0).max(0.0) as u64;
        self.shared.rate_milli.store(milli, Ordering::SeqCst);
    }

    /// Every answer so far, in order of completion.
    pub fn answers(&self) -> Vec<Answer> {
        self.shared.lock().clone()
    }

    /// How many answers there are.
    pub fn count(&self) -> usize {
        self.shared.lock().len()
    }

    /// How many a server gave.
    pub fn count_of(&self, server: &str) -> usize {
        let answers = self.shared.lock();
        answers
            .iter()
            .filter(|answer| answer.server == server)
            .count()
    }

    /// The answers that no user should have got.
    pub fn failures(&self) -> Vec<Answer> {
        let answers = self.shared.lock();
        answers
            .iter()
            .filter(|answer| !answer.is_ok())
            .cloned()
            .collect()
    }

    /// Ends the load, waits for what is under way, and returns every answer.
    pub fn stop(mut self) -> Vec<Answer> {
        self.end();
        self.answers()
    }

    fn end(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        super::holds_within(ANSWER_LIMIT, || {
            self.shared.in_flight.load(Ordering::SeqCst) == 0
        });
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn new(target: SocketAddr, head: &str) -> Arc<Self> {
        Arc::new(Self {
            target,
            head: head.to_owned(),
            rate_milli: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            answers: Mutex::new(Vec::new()),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn send_one(&self) {
        let answer = exchange(self.target, &self.head);
        let mut answers = self.lock();
        if answers.len() < MAX_ANSWERS {
            answers.push(answer);
        }
    }
}

fn run_open(shared: &Arc<Shared>) {
    let mut due = Instant::now();
    while !shared.is_stopped() {
        let rate_milli = shared.rate_milli.load(Ordering::SeqCst);
        let now = Instant::now();
        if rate_milli == 0 {
            std::thread::sleep(IDLE_POLL);
            due = Instant::now();
            continue;
        }
        if due > now {
            std::thread::sleep((due - now).min(IDLE_POLL));
            continue;
        }
        due += Duration::from_nanos(1_000_000_000_000 / rate_milli);
        if shared.in_flight.fetch_add(1, Ordering::SeqCst) >= MAX_IN_FLIGHT {
            shared.in_flight.fetch_sub(1, Ordering::SeqCst);
            shared
                .lock()
                .push(failure(now, "too many requests under way"));
            continue;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            shared.send_one();
            shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// A request head for [`exchange`]: GET, not kept alive, `headers` as `Name: value`.
pub fn get(path: &str, headers: &[&str]) -> String {
    let mut more = String::new();
    for header in headers {
        more.push_str(header);
        more.push_str("\r\n");
    }
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUser-Agent: load\r\n{more}\
         Connection: close\r\n\r\n"
    )
}

/// Sends GET `path` and waits for the answer.
pub fn fetch(target: SocketAddr, path: &str) -> Answer {
    exchange(target, &get(path, &[]))
}

/// Sends these bytes on a connection of their own and waits for the answer.
pub fn exchange(target: SocketAddr, request: &str) -> Answer {
    let at = Instant::now();
    let answer = (|| -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&target, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    })();
    let text = match answer {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return failure(at, &error.to_string()),
    };
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let server = text
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with("x-server:")
                .then(|| &line[9..])
        })
        .unwrap_or_default();
    Answer {
        at,
        took: at.elapsed(),
        status,
        server: server.trim().to_owned(),
        error: status
            .is_none()
            .then(|| format!("no HTTP answer: {text:?}")),
    }
}

/// Sends these bytes, waits `patience`, and closes without reading the answer: a client abort.
pub fn abandon(target: SocketAddr, request: &str, patience: Duration) {
    if let Ok(mut stream) = TcpStream::connect_timeout(&target, ANSWER_LIMIT) {
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.set_read_timeout(Some(patience));
        let _ = stream.read(&mut [0]);
    }
}

fn failure(at: Instant, error: &str) -> Answer {
    Answer {
        at,
        took: at.elapsed(),
        status: None,
        server: String::new(),
        error: Some(error.to_owned()),
    }
}
