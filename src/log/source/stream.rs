//! Lines over TCP: HAProxy's `ring`, or any syslog sender, connects to us. How bytes become lines
//! lives in [`super::framing`].

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::framing::Framing;
use super::listen::{CHECK_INTERVAL, cannot_listen};
use super::news::{Notices, SourceNews};
use super::place::is_loopback;
use super::{Core, LineSource, Standing, Wait};
use crate::log::file::TURN_BYTES_MAX;
use crate::log::lines::{Item, SourceState};
use crate::words::time::Timestamp;

/// Senders at the same time. HAProxy keeps one connection for each `server` of a ring, and the old
/// process has its own for a while after a reload.
pub const CONNECTIONS_MAX: usize = 16;
/// Read from one connection at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Without a sender for so long there is no log.
const ALONE_LIMIT: Duration = Duration::from_secs(5);
/// A connection that is silent for so long is asked whether its other end is still there; how often
/// and how many times it is asked is the system's choice.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);

/// A listening socket with the connections made to it.
#[derive(Debug)]
pub(super) struct StreamSource {
    address: SocketAddr,
    listener: Option<TcpListener>,
    /// The one that is read next stands in front.
    connections: VecDeque<Connection>,
    /// Nobody is accepted before; after an error the next one would come at once.
    accept_from: Instant,
    /// Since when nobody is connected.
    alone_since: Option<Instant>,
    is_crowd_warned: bool,
    is_accept_warned: bool,
    next_check: Instant,
    max_line_bytes: usize,
    buffer: Vec<u8>,
    core: Core,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    framing: Framing,
}

/// What became of a connection in one turn.
enum Read {
    /// All that was there has been read.
    Drained,
    More,
    Closed,
}

impl LineSource for StreamSource {
    fn wait(&mut self) -> Wait<'_> {
        Box::pin(async move {
            let next_check = self.next_check;
            tokio::select! {
                () = poll_fn(|context| self.poll_ready(context)) => {}
                () = sleep_until(next_check) => {}
            }
        })
    }

    fn turn(&mut self, _now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> bool {
        let started = Instant::now();
        if started >= self.next_check {
            self.next_check = started + CHECK_INTERVAL;
            if self.listener.is_none() {
                self.listen(started);
            }
        }
        // Who connects while there is no end of reading is let in here; the next wait wakes for others.
        self.accept(&mut Context::from_waker(Waker::noop()));
        let has_more = self.read_all(sink);
        self.note_who_is_there(started);
        self.core.behind_bytes = if has_more {
            let unread = |connection: &Connection| rustix::io::ioctl_fionread(&connection.stream);
            let unread = self.connections.iter().filter_map(|it| unread(it).ok());
            unread.fold(0_u64, u64::saturating_add).max(1)
        } else {
            0
        };
        has_more
    }

    fn standing(&self) -> Standing<'_> {
        self.core.standing()
    }

    /// `tcp:127.0.0.1:5514`, with the port that the kernel chose for port 0.
    fn describe(&self) -> String {
        let bound = self.listener.as_ref().map(TcpListener::local_addr);
        match bound {
            Some(Ok(address)) => format!("tcp:{address}"),
            Some(Err(_)) | None => format!("tcp:{}", self.address),
        }
    }
}

impl StreamSource {
    /// Listens. Only on a runtime with I/O.
    pub(super) fn new(address: SocketAddr, max_line_bytes: usize, notices: Notices) -> Self {
        let now = Instant::now();
        let mut this = Self {
            address,
            listener: None,
            connections: VecDeque::new(),
            accept_from: now,
            alone_since: None,
            is_crowd_warned: false,
            is_accept_warned: false,
            next_check: now + CHECK_INTERVAL,
            max_line_bytes,
            buffer: vec![0; CHUNK_BYTES],
            core: Core::new(notices),
        };
        this.listen(now);
        this
    }

    /// Ready with the first connection that can be read.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.accept(context);
        let mut is_ready = false;
        for connection in &self.connections {
            // Each is asked, so that each wakes us. An error shows when it is read.
            is_ready |= connection.stream.poll_read_ready(context).is_ready();
        }
        if is_ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Takes whoever connects; nobody is lost when the wait that called this is dropped.
    fn accept(&mut self, context: &mut Context<'_>) {
        while let Some(listener) = &self.listener
            && self.accept_from <= Instant::now()
        {
            match listener.poll_accept(context) {
                Poll::Ready(Ok((stream, peer))) => {
                    self.is_accept_warned = false;
                    self.admit(stream, peer);
                }
                Poll::Ready(Err(error)) => {
                    if !std::mem::replace(&mut self.is_accept_warned, true) {
                        let news = SourceNews::AcceptFailed(error.to_string());
                        self.core.notices.put(news);
                    }
                    self.accept_from = Instant::now() + CHECK_INTERVAL;
                }
                Poll::Pending => return,
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        if is_loopback(self.address.ip()) && !is_loopback(peer.ip()) {
            self.core.counters.refused += 1;
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            self.core.counters.refused += 1;
            if !std::mem::replace(&mut self.is_crowd_warned, true) {
                let others = CONNECTIONS_MAX;
                self.core.notices.put(SourceNews::Crowded { peer, others });
            }
            return;
        }
        let kept_alive = sockopt::set_socket_keepalive(&stream, true)
            .and_then(|()| sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE));
        if let Err(error) = kept_alive {
            tracing::debug!(%peer, %error, "a connection whose other end dies will not be noticed");
        }
        tracing::debug!(source = self.describe(), %peer, "connected");
        self.connections.push_back(Connection {
            stream,
            peer,
            framing: Framing::new(self.max_line_bytes),
        });
    }

    fn listen(&mut self, now: Instant) {
        let bound = std::net::TcpListener::bind(self.address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        match bound {
            Ok(listener) => {
                self.listener = Some(listener);
                self.core.state = SourceState::Reading;
                self.alone_since = Some(now);
            }
            Err(error) => self.core.state = cannot_listen(&self.describe(), &error),
        }
    }

    /// One chunk of each connection in turn, until all are drained or the turn is over. True: there
    /// is more.
    fn read_all(&mut self, sink: &mut dyn FnMut(Item<'_>)) -> bool {
        let mut budget = TURN_BYTES_MAX;
        let mut drained = 0;
        while budget > 0 && drained < self.connections.len() {
            let Some(mut connection) = self.connections.pop_front() else {
                break;
            };
            let before = self.core.counters.bytes;
            match self.read(&mut connection, sink) {
                Read::Drained => {
                    drained += 1;
                    self.connections.push_back(connection);
                }
                Read::More => {
                    drained = 0;
                    self.connections.push_back(connection);
                }
                Read::Closed => {}
            }
            let read = self.core.counters.bytes.saturating_sub(before);
            budget = budget.saturating_sub(usize::try_from(read).unwrap_or(usize::MAX));
        }
        if self.connections.len() < CONNECTIONS_MAX {
            self.is_crowd_warned = false;
        }
        drained < self.connections.len()
    }

    fn read(&mut self, connection: &mut Connection, sink: &mut dyn FnMut(Item<'_>)) -> Read {
        let peer = connection.peer;
        match connection.stream.try_read(&mut self.buffer) {
            Ok(0) => {}
            Ok(count) => {
                self.core.counters.bytes += count as u64;
                let data = self.buffer.get(..count).unwrap_or_default();
                match connection.framing.feed(data, &mut self.core.counters, sink) {
                    Ok(()) => return Read::More,
                    Err(error) => {
                        let error = error.to_string();
                        self.core.notices.put(SourceNews::Closed { peer, error });
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Read::Drained,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Read::More,
            Err(error) => tracing::debug!(%peer, %error, "a connection broke"),
        }
        if connection.framing.end() {
            self.core.counters.dropped_partial += 1;
        }
        tracing::debug!(source = self.describe(), %peer, "disconnected");
        Read::Closed
    }

    /// Nobody who could send the log: there is none.
    fn note_who_is_there(&mut self, now: Instant) {
        if self.listener.is_none() {
            return;
        }
        if !self.connections.is_empty() {
            self.alone_since = None;
            self.core.state = SourceState::Reading;
        } else if now.saturating_duration_since(*self.alone_since.get_or_insert(now)) >= ALONE_LIMIT
            && self.core.state == SourceState::Reading
        {
            let source = self.describe();
            self.core.state = SourceState::Waiting(Arc::from(format!(
                "nobody is connected to {source}; waiting for a sender: in haproxy.cfg `log \
                 ring@NAME local0`, and a `ring NAME` with a `server` of that address"
            )));
        }
    }
}
