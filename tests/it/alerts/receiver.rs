//! A webhook's receiver: takes requests, answers as it is told to, and remembers them. No test lives here.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) at: Instant,
    /// `POST /hook HTTP/1.1`.
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Received {
    /// The body, which is JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Answer(u16),
    /// Reads it, and never answers.
    Hang,
}

struct Shared {
    manner: Mutex<Manner>,
    received: Mutex<Vec<Received>>,
}

/// Listens on a port that the kernel chose, until the test's process ends.
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    pub(super) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            received: Mutex::default(),
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of this path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From the next request on.
    pub(super) fn change(&self, manner: Manner) {
        *self.shared.manner() = manner;
    }

    /// All requests, those that hang too.
    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }

    /// Their bodies, which are events.
    pub(super) fn events(&self) -> Vec<Value> {
        self.received().iter().map(Received::json).collect()
    }

    /// How many events have that code and that state of an incident.
    pub(super) fn count(&self, code: &str, state: &str) -> usize {
        let events = self.events();
        let of_it = |it: &&Value| it["code"] == code && it["data"]["state"] == state;
        events.iter().filter(of_it).count()
    }
}

impl Shared {
    fn manner(&self) -> MutexGuard<'_, Manner> {
        self.manner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let manner = *shared.manner();
    shared.received().push(Received {
        at: Instant::now(),
        line: line.trim().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    match manner {
        Manner::Answer(status) => {
            let answer = format!("HTTP/1.1 {status} Answer\r\nContent-Length: 3\r\n\r\nok\n");
            let _ = (&stream).write_all(answer.as_bytes());
        }
        Manner::Hang => {
            // Until the other side hangs up.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = (&stream).read(&mut [0]);
        }
    }
}
