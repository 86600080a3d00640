//! `/api/v1/events`: what happens as server-sent events, and what happened before from the daemon's
//! file. A listener that is slow holds up nobody: it reads on in the daemon's memory, or misses what is
//! not there any more.

use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::answers::{App, Counted, Problem};
use crate::publish::events::Events;
use crate::publish::events::past::Past;

/// Listeners at the same time; the connections that are left are for those who ask and go.
const STREAMS_MAX: usize = 56;
/// So often something is sent to a listener.
const PING_EVERY: Duration = Duration::from_secs(15);
/// What every stream begins with: a listener that loses it tries again after two seconds.
const RETRY: &str = "retry: 2000\n\n";
/// How long events are gathered before they are sent.
const GATHER_FOR: Duration = Duration::from_millis(50);
/// Pieces that wait for one listener: the next one is made when this is taken.
const WAITING_MAX: usize = 1;
/// A piece ends with the first event beyond this size.
const PIECE_BYTES: usize = 32 * 1024;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    since: Option<u64>,
    /// So many of the newest, and then those that are new.
    #[serde(default)]
    last: Option<u64>,
}

/// What is sent to one listener.
struct Streamed {
    pieces: mpsc::Receiver<Bytes>,
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

pub(super) async fn show(
    State(app): State<App>,
    method: Method,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|_| {
        let text = "`since` is the id of an event, such as 0 for all that are kept";
        Problem::new(StatusCode::BAD_REQUEST, text)
    })?;
    let kind = [(CONTENT_TYPE, "text/event-stream")];
    if method == Method::HEAD {
        return Ok(kind.into_response());
    }
    let Some(counted) = app.streams(STREAMS_MAX) else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let text = format!("{STREAMS_MAX} others are sent events already; try again later");
        return Err(Problem::new(status, text));
    };
    // A browser that lost its connection says what it has.
    let newest = *app.events.newest().borrow();
    let since = asked
        .since
        .or(asked.last.map(|last| newest.saturating_sub(last)));
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let last = last.and_then(|it| it.parse().ok());
    let (to, pieces) = mpsc::channel(WAITING_MAX);
    let feed = Feed {
        events: app.events.clone(),
        gathered: app.gathered(),
        file: app.events_file(),
        readers: app.readers(),
        after: last.or(since),
        to,
        _counted: counted,
    };
    tokio::spawn(async move { feed.run().await });
    Ok((kind, Body::new(Streamed { pieces })).into_response())
}

/// Tells those who listen of events a moment later, so that a decision and what follows from it at once
/// has the processor, and comes as one piece. Ends with the daemon.
pub(super) async fn gather(events: Events, gathered: watch::Sender<u64>) {
    let mut newest = events.newest();
    loop {
        gathered.send_replace(*newest.borrow_and_update());
        if newest.changed().await.is_err() {
            return;
        }
        sleep(GATHER_FOR).await;
    }
}

/// The listener has left, or the daemon ends.
struct Ended;

/// Sends events to one listener. Counted until it is done with, whoever has left before.
struct Feed {
    events: Events,
    gathered: watch::Receiver<u64>,
    file: Option<PathBuf>,
    /// Who may read files.
    readers: Arc<Semaphore>,
    /// Events after that number; `None`: those that are new.
    after: Option<u64>,
    to: mpsc::Sender<Bytes>,
    _counted: Counted,
}

impl Feed {
    /// Until nobody listens any more.
    async fn run(mut self) {
        let _: Result<(), Ended> = self.feed().await;
    }

    async fn feed(&mut self) -> Result<(), Ended> {
        let mut last = *self.gathered.borrow();
        self.send(Bytes::from_static(RETRY.as_bytes())).await?;
        if let Some(after) = self.after {
            last = self.begin(after).await?;
        }
        loop {
            self.gathered.mark_unchanged();
            while let Some(piece) = piece(&self.events, &mut last) {
                self.send(piece).await?;
            }
            let changed = tokio::select! {
                changed = timeout(PING_EVERY, self.gathered.changed()) => changed,
                () = self.to.closed() => return Err(Ended),
            };
            match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Ended),
                Err(_) => self.send(Bytes::from_static(b": ping\n\n")).await?,
            }
        }
    }

    async fn send(&self, piece: Bytes) -> Result<(), Ended> {
        self.to.send(piece).await.map_err(|_| Ended)
    }

    /// Sends what is in files and not in memory; the number to go on after.
    async fn begin(&self, after: u64) -> Result<u64, Ended> {
        let mut newest = self.events.newest();
        // A daemon that has just begun does not yet know how far those before it have counted.
        let counted = async { newest.wait_for(|it| *it > 0).await.map(|it| *it) };
        let newest = tokio::select! {
            newest = counted => newest.map_err(|_| Ended)?,
            () = self.to.closed() => return Err(Ended),
        };
        // Numbers that were never given are another daemon's, or of files that are gone: all is new.
        let after = if after > newest { 0 } else { after };
        let Some(file) = self.file.clone() else {
            return Ok(after);
        };
        let mut past = Past::after(file, after);
        while !self.is_in_memory(past.last()) {
            let read;
            (past, read) = self.read(past).await?;
            let Some(piece) = read else { break };
            if !piece.is_empty() {
                self.send(piece.into()).await?;
            }
        }
        Ok(past.last())
    }

    /// All that came after that number is.
    fn is_in_memory(&self, last: u64) -> bool {
        let is_newest = *self.events.newest().borrow() <= last;
        let next = self.events.after(last).first().map(|it| it.event.id);
        is_newest || next == Some(last + 1)
    }

    /// The next piece of the files, in a thread that may wait; `None`: there is no more, or it cannot
    /// be read, which is a gap in the numbers, as it is for everybody.
    async fn read(&self, mut past: Past) -> Result<(Past, Option<String>), Ended> {
        let place = tokio::select! {
            place = Arc::clone(&self.readers).acquire_owned() => place.map_err(|_| Ended)?,
            () = self.to.closed() => return Err(Ended),
        };
        let read = tokio::task::spawn_blocking(move || {
            let _place = place; // For as long as it takes, whoever waits for it.
            let mut piece = String::new();
            let read = past.read(|event| {
                piece.push_str(&message(event.id, &event.json()));
                piece.len() < PIECE_BYTES
            });
            let has_more = read.unwrap_or(false) || !piece.is_empty();
            (past, has_more.then_some(piece))
        });
        read.await.map_err(|_| Ended)
    }
}

/// The next piece of what is in memory after that number, which grows.
fn piece(events: &Events, last: &mut u64) -> Option<Bytes> {
    let mut piece = String::new();
    for entry in events.after(*last) {
        *last = entry.event.id;
        piece.push_str(&message(entry.event.id, &entry.line));
        if piece.len() >= PIECE_BYTES {
            break;
        }
    }
    (!piece.is_empty()).then(|| piece.into())
}

fn message(id: u64, line: &str) -> String {
    format!("id: {id}\ndata: {line}\n\n")
}
