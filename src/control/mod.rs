//! The control socket: how `status` and an operator's orders reach a running daemon. What `status`
//! answers lives in `status`, what an order does in `scaler`.
//!
//! One connection, one line, one answer, each ended by a newline:
//!
//! | line | answer |
//! |---|---|
//! | `status` | one JSON object |
//! | `explain [BACKEND]` | a JSON list, as `explain --json` has it on lines |
//! | `usage` | what was counted since it was told, as events without a number, one JSON object on each line |
//! | `curve BACKEND` | the last hour of that backend as one JSON object; `null`: there is none |
//! | `events-file` | where events are kept on disk; nothing: nowhere |
//! | `events ID` | the events in memory with a higher number, one JSON object on each line |
//! | `VERB [BACKEND[/SERVER]] [for DURATION] [sudo UID:NAME] [because TEXT]`, VERB a word of [`Verb`](crate::words::order::Verb) | `{"verdict":"accepted"\|"refused"\|"unknown","texts":[…]}` |
//! | anything else | `{"error":…}` |
//!
//! The kernel tells who asks (`SO_PEERCRED`); the socket's mode 0660 says who may.

mod order;
mod who;

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use self::who::Names;
use crate::words::order::Order;

pub use self::order::{Reply, duration, lasts, place, reason};

/// A caller that says nothing, or does not read, is let go after this.
const CALLER_TIMEOUT: Duration = Duration::from_secs(2);
/// The client waits this long; the daemon answers between two events.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A request is a verb, two names and a duration.
const REQUEST_BYTES_MAX: usize = 1024;
/// Callers at the same time; more of them wait.
const CALLERS_MAX: usize = 16;
/// The request of `status`.
const STATUS: &str = "status";
/// The request of events behind a number.
const EVENTS: &str = "events ";
/// The request of `explain`, with a backend or without.
const EXPLAIN: &str = "explain";
/// The request of `report`; all others are orders.
const USAGE: &str = "usage";
/// The request of a backend's last hour.
const CURVE: &str = "curve ";
/// The request of the file that events are in.
const EVENTS_FILE: &str = "events-file";

/// The daemon's end.
#[derive(Debug)]
pub struct Server {
    requests: mpsc::Receiver<Request>,
    bound: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    path: PathBuf,
    /// Device and inode of the socket's name.
    id: Option<(u64, u64)>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
pub enum Request {
    Status(Caller),
    /// The events with a higher number, as far as memory has them.
    Events(u64, Caller),
    /// Why that backend, or each one, does what it does.
    Explain(Option<String>, Caller),
    /// What was counted since it was told last.
    Usage(Caller),
    /// The last hour of that backend.
    Curve(String, Caller),
    /// Where events are kept.
    EventsFile(Caller),
    Order(Box<Order>, Caller),
}

/// Who waits for an answer; one who has gone away is no error.
#[derive(Debug)]
pub struct Caller {
    answer: oneshot::Sender<String>,
}

impl Caller {
    /// One that waits elsewhere, and where its answer comes out.
    pub fn new() -> (Self, oneshot::Receiver<String>) {
        let (answer, answered) = oneshot::channel();
        (Self { answer }, answered)
    }

    /// Answers `status` with one JSON object, or `events` with one on each line.
    pub fn show(self, report: String) {
        let _ = self.answer.send(report);
    }

    pub fn reply(self, reply: &Reply) {
        // This type has nothing that JSON cannot say.
        let _ = self
            .answer
            .send(serde_json::to_string(reply).unwrap_or_default());
    }
}

impl Server {
    /// Listens there. Only on a runtime with I/O.
    ///
    /// # Errors
    /// The socket cannot be made; the text says what is in the way.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let listener = listen(path)?;
        let (sender, requests) = mpsc::channel(CALLERS_MAX);
        let bound = Some(Bound {
            path: path.to_owned(),
            id: id_of(path),
            listening: tokio::spawn(accept(listener, sender)),
        });
        Ok(Self { requests, bound })
    }

    /// Without a socket: nobody can call.
    pub fn unbound() -> Self {
        let (_, requests) = mpsc::channel(1);
        Self {
            requests,
            bound: None,
        }
    }

    /// The next caller; waits for ever when there is no socket. May be dropped at any time.
    pub async fn next(&mut self) -> Request {
        match self.requests.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(bound) = &self.bound {
            bound.listening.abort();
            // Another daemon may have made one of its own there since.
            if bound.id.is_some() && bound.id == id_of(&bound.path) {
                let _ = fs::remove_file(&bound.path);
            }
        }
    }
}

fn id_of(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::other(
                "a file that is not a socket already exists at this path",
            ));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::other(
                "another daemon listens there and answers `status`; give this one a socket of its own",
            ));
        }
        fs::remove_file(path)?; // Left behind by a daemon that was killed.
    } else if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
        fs::create_dir(parent)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, requests: mpsc::Sender<Request>) {
    let mut callers = tokio::task::JoinSet::new();
    loop {
        while callers.len() >= CALLERS_MAX {
            callers.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let requests = requests.clone();
                let served = serve(stream, requests, who::name_of);
                callers.spawn(timeout(CALLER_TIMEOUT, served));
            }
            // Out of descriptors, most likely: give the others time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        while callers.try_join_next().is_some() {}
    }
}

async fn serve(
    mut stream: UnixStream,
    requests: mpsc::Sender<Request>,
    names: Names,
) -> io::Result<()> {
    let mut line = Vec::new();
    let mut piece = [0; REQUEST_BYTES_MAX];
    while !line.contains(&b'\n') && line.len() < REQUEST_BYTES_MAX {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        line.extend(piece.iter().take(read));
    }
    let by = stream.peer_cred().ok().map(|peer| peer.uid());
    let (answer, answered) = oneshot::channel();
    let caller = Caller { answer };
    let read = if order::begins(&line) {
        // Names of users are in a file, and this thread is the loop's.
        spawn_blocking(move || request(&line, by, caller, names)).await?
    } else {
        request(&line, by, caller, names)
    };
    let request = match read {
        Ok(request) => request,
        Err(text) => {
            let text = serde_json::json!({ "error": text });
            return stream.write_all(format!("{text}\n").as_bytes()).await;
        }
    };
    if requests.send(request).await.is_ok()
        && let Ok(text) = answered.await
    {
        stream.write_all(text.as_bytes()).await?;
        stream.write_all(b"\n").await?;
    }
    Ok(())
}

fn request(line: &[u8], by: Option<u32>, caller: Caller, names: Names) -> Result<Request, String> {
    let unknown = || "unknown request".to_owned();
    let end = line.iter().position(|byte| *byte == b'\n');
    let (line, rest) = line.split_at(end.unwrap_or(line.len()));
    let line = std::str::from_utf8(line.trim_ascii()).map_err(|_| unknown())?;
    if line == STATUS {
        return Ok(Request::Status(caller));
    }
    if let Some(after) = line.strip_prefix(EVENTS) {
        let after = after.parse().map_err(|_| unknown())?;
        return Ok(Request::Events(after, caller));
    }
    if line == USAGE {
        return Ok(Request::Usage(caller));
    }
    if line == EVENTS_FILE {
        return Ok(Request::EventsFile(caller));
    }
    if let Some(backend) = line.strip_prefix(CURVE) {
        return Ok(Request::Curve(backend.trim_ascii().to_owned(), caller));
    }
    if let Some(backend) = line.strip_prefix(EXPLAIN) {
        let backend = Some(backend.trim_ascii()).filter(|name| !name.is_empty());
        return Ok(Request::Explain(backend.map(str::to_owned), caller));
    }
    // One that was cut off could be another order than the one that was meant.
    if rest.is_empty() {
        return Err(unknown());
    }
    let order = order::parse(line, by, names).ok_or_else(unknown)??;
    Ok(Request::Order(Box::new(order), caller))
}

/// Asks the daemon that listens at `path` for its status; its answer is one JSON object.
///
/// # Errors
/// Nobody listens there, or no answer came within some seconds.
pub fn ask_status(path: &Path) -> io::Result<String> {
    ask(path, STATUS)
}

/// Asks the daemon that listens at `path` for its events behind that number, as far as its memory has
/// them: one JSON object a line.
///
/// # Errors
/// Nobody listens there, or no answer came within some seconds.
pub fn ask_events(path: &Path, after: u64) -> io::Result<String> {
    ask(path, &format!("{EVENTS}{after}"))
}

/// Asks the daemon that listens at `path` why that backend, or each one, does what it does; its answer is
/// a JSON list.
///
/// # Errors
/// Nobody listens there, or no answer came within some seconds.
pub fn ask_explain(path: &Path, backend: Option<&str>) -> io::Result<String> {
    match backend {
        Some(backend) => ask(path, &format!("{EXPLAIN} {backend}")),
        None => ask(path, EXPLAIN),
    }
}

/// Asks the daemon that listens at `path` what it counted since it told that last: events without a
/// number, one JSON object a line.
///
/// # Errors
/// Nobody listens there, or no answer came within some seconds.
pub fn ask_usage(path: &Path) -> io::Result<String> {
    ask(path, USAGE)
}

/// Asks the daemon that listens at `path` for the last hour of that backend; its answer is one JSON
/// object, or `null` where it has none.
///
/// # Errors
/// Nobody listens there, or no answer came within some seconds.
pub fn ask_curve(path: &Path, backend: &str) -> io::Result<String> {
    ask(path, &format!("{CURVE}{backend}"))
}

/// Asks the daemon that listens at `path` where it keeps its events; `None`: in memory alone.
///
/// # Errors
/// Nobody listens there, no answer came within some seconds, or none that is a path.
pub fn ask_events_file(path: &Path) -> io::Result<Option<PathBuf>> {
    let answer = ask(path, EVENTS_FILE)?;
    match answer.trim_ascii() {
        "" => Ok(None),
        file if file.starts_with('/') => Ok(Some(PathBuf::from(file))),
        _ => Err(io::Error::other("an older daemon does not say it")),
    }
}

/// Gives an order to the daemon that listens at `path`.
///
/// # Errors
/// Nobody listens there, no answer came within some seconds, or none that is ours.
pub fn give_order(path: &Path, order: &Order) -> io::Result<Reply> {
    let answer = ask(path, &order::line(order))?;
    serde_json::from_str(&answer).map_err(|_| {
        let start: String = answer.chars().take(200).collect();
        io::Error::other(format!("it answered {start:?}"))
    })
}

fn ask(path: &Path, line: &str) -> io::Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread::{self, ThreadId};

    use super::*;

    /// Where a name was looked for.
    static LOOKED: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

    fn look(_: u32) -> Option<String> {
        LOOKED.lock().ok()?.push(thread::current().id());
        Some("alice".to_owned())
    }

    #[tokio::test]
    async fn who_gave_an_order_is_looked_up_in_another_thread_than_the_loops() {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let (sender, mut requests) = mpsc::channel(1);
        let served = tokio::spawn(serve(theirs, sender, look));
        ours.write_all(b"pause web\n").await.expect("a line");
        let Some(Request::Order(order, caller)) = requests.recv().await else {
            panic!("no order");
        };
        let by = order.by.expect("somebody");
        assert_eq!(by.to_string(), "alice");
        caller.reply(&Reply::default());
        served.await.expect("an end").expect("an answer");
        let looked = LOOKED.lock().expect("the threads").clone();
        assert!(!looked.is_empty() && !looked.contains(&thread::current().id()));
    }
}
