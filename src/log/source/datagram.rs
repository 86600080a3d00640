//! Syslog datagrams, over UDP or a Unix socket: one datagram is one line, whatever it holds.
//!
//! A newline inside a datagram begins no second line: HAProxy ends each datagram with one, so one
//! in the middle was put there by somebody else. What a line says is not decided here.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::net::sockopt;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::{Instant, sleep_until};

use super::listen::{CHECK_INTERVAL, SocketFile, cannot_listen};
use super::news::{Notices, SourceNews};
use super::place::is_loopback;
use super::{Core, LineSource, Standing, Wait};
use crate::log::file::TURN_BYTES_MAX;
use crate::log::lines::{Item, SourceState};
use crate::words::time::Timestamp;

/// The largest datagram that can be whole: HAProxy's `log … len` ends at 65535, UDP at 65507.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// Datagrams received in one turn at most.
const TURN_DATAGRAMS_MAX: usize = 1024;
/// Asked of the kernel for a UDP socket: what a stall of 0.1 s at 50,000 lines a second fills.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Read of a table of the kernel at most, at 128 bytes for each UDP socket of this host.
const TABLE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Where the kernel tells how many datagrams it dropped for want of room.
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// Where datagrams are received.
#[derive(Clone, Debug)]
enum Place {
    Udp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Debug)]
enum Socket {
    Udp {
        socket: UdpSocket,
        /// Of the socket, which is how the kernel's tables name it.
        inode: u64,
        /// What the kernel had dropped when it was asked last.
        dropped: u32,
        /// Something arrived since then.
        is_touched: bool,
        /// Others' datagrams are turned away.
        is_loopback: bool,
    },
    Unix {
        socket: UnixDatagram,
        file: SocketFile,
    },
}

/// A socket that receives datagrams.
#[derive(Debug)]
pub(super) struct DatagramSource {
    place: Place,
    socket: Option<Socket>,
    max_line_bytes: usize,
    buffer: Vec<u8>,
    /// Unread bytes are fewer than this.
    buffer_bytes: u64,
    next_check: Instant,
    core: Core,
}

impl LineSource for DatagramSource {
    fn wait(&mut self) -> Wait<'_> {
        Box::pin(async move {
            let check = sleep_until(self.next_check);
            match &self.socket {
                None => check.await,
                Some(socket) => {
                    tokio::select! {
                        // What it says shows when it is read.
                        _ = socket.readable() => {}
                        () = check => {}
                    }
                }
            }
        })
    }

    fn turn(&mut self, _now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> bool {
        let started = Instant::now();
        if started >= self.next_check {
            self.next_check = started + CHECK_INTERVAL;
            self.check();
        }
        let has_more = self.receive(sink).unwrap_or_else(|error| {
            self.socket = None;
            self.core.state = cannot_listen(&self.describe(), &error);
            false
        });
        self.core.behind_bytes = if has_more { self.buffer_bytes } else { 0 };
        has_more
    }

    fn standing(&self) -> Standing<'_> {
        self.core.standing()
    }

    /// `udp:127.0.0.1:5514`, with the port that the kernel chose for port 0.
    fn describe(&self) -> String {
        match (&self.place, &self.socket) {
            (Place::Udp(address), Some(Socket::Udp { socket, .. })) => {
                format!("udp:{}", socket.local_addr().unwrap_or(*address))
            }
            (Place::Udp(address), _) => format!("udp:{address}"),
            (Place::Unix(path), _) => format!("unix:{}", path.display()),
        }
    }

    fn loss_advice(&self) -> &'static str {
        match self.place {
            Place::Udp(_) => {
                "the socket's buffer was full: raise net.core.rmem_max (`sysctl -w \
                 net.core.rmem_max=4194304`) and restart this daemon, or take a tcp: source"
            }
            Place::Unix(_) => "see DroppedLogs in HAProxy's `show info`",
        }
    }
}

impl DatagramSource {
    /// Listens on UDP. Only on a runtime with I/O.
    pub(super) fn udp(address: SocketAddr, max_line_bytes: usize, notices: Notices) -> Self {
        Self::new(Place::Udp(address), max_line_bytes, notices)
    }

    /// Makes a Unix datagram socket. Only on a runtime with I/O.
    pub(super) fn unix(path: PathBuf, max_line_bytes: usize, notices: Notices) -> Self {
        Self::new(Place::Unix(path), max_line_bytes, notices)
    }

    fn new(place: Place, max_line_bytes: usize, notices: Notices) -> Self {
        let mut this = Self {
            place,
            socket: None,
            max_line_bytes,
            // One more than fits, to see that something did not.
            buffer: vec![0; DATAGRAM_BYTES_MAX + 1],
            buffer_bytes: RECEIVE_BUFFER_BYTES as u64,
            next_check: Instant::now() + CHECK_INTERVAL,
            core: Core::new(notices),
        };
        this.listen();
        this
    }

    fn listen(&mut self) {
        let bound = match &self.place {
            Place::Udp(address) => Socket::udp(*address),
            Place::Unix(path) => Socket::unix(path),
        };
        match bound {
            Ok(socket) => {
                if let Socket::Udp { socket, .. } = &socket {
                    self.buffer_bytes = enlarge_buffer(socket);
                }
                self.socket = Some(socket);
                self.core.state = SourceState::Reading;
            }
            Err(error) => self.core.state = cannot_listen(&self.describe(), &error),
        }
    }

    /// Once a second: tries again, counts what the kernel dropped, sees whether the name still
    /// leads here.
    fn check(&mut self) {
        match &mut self.socket {
            None => self.listen(),
            Some(Socket::Udp {
                inode,
                dropped,
                is_touched,
                ..
            }) => {
                if std::mem::take(is_touched)
                    && let Some(total) = dropped_by_kernel(*inode)
                {
                    self.core.counters.lost += u64::from(total.wrapping_sub(*dropped));
                    *dropped = total;
                }
            }
            Some(Socket::Unix { file, .. }) => {
                if !file.is_ours() {
                    self.core.notices.put(SourceNews::NameRemoved);
                    self.socket = None;
                    self.listen();
                }
            }
        }
    }

    /// True: there may be more.
    fn receive(&mut self, sink: &mut dyn FnMut(Item<'_>)) -> io::Result<bool> {
        let Some(socket) = &mut self.socket else {
            return Ok(false);
        };
        let mut budget = TURN_BYTES_MAX;
        for _ in 0..TURN_DATAGRAMS_MAX {
            let received = match socket.receive(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let Some(length) = received else {
                self.core.counters.refused += 1;
                continue;
            };
            self.core.counters.bytes += length as u64;
            let datagram = self.buffer.get(..length).unwrap_or_default();
            let line = Some(line_of(datagram)).filter(|_| length <= DATAGRAM_BYTES_MAX);
            let counters = &mut self.core.counters;
            counters.hand_out(line, self.max_line_bytes, sink);
            budget = budget.saturating_sub(length);
            if budget == 0 {
                break;
            }
        }
        Ok(true)
    }
}

/// A datagram without its line end and without the NUL that some senders add.
fn line_of(datagram: &[u8]) -> &[u8] {
    let text = datagram.strip_suffix(b"\0").unwrap_or(datagram);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

impl Socket {
    fn udp(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let inode = rustix::fs::fstat(&socket)?.st_ino;
        Ok(Self::Udp {
            socket: UdpSocket::from_std(socket)?,
            inode,
            dropped: 0,
            is_touched: false,
            is_loopback: is_loopback(address.ip()),
        })
    }

    fn unix(path: &std::path::Path) -> io::Result<Self> {
        let (socket, file) = SocketFile::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Unix {
            socket: UnixDatagram::from_std(socket)?,
            file,
        })
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Udp { socket, .. } => socket.readable().await,
            Self::Unix { socket, .. } => socket.readable().await,
        }
    }

    /// The length of the next datagram; `None` when it comes from somebody who may not.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Self::Udp {
                socket,
                is_touched,
                is_loopback: only_loopback,
                ..
            } => {
                let (length, sender) = socket.try_recv_from(buffer)?;
                *is_touched = true;
                Ok(Some(length).filter(|_| !*only_loopback || is_loopback(sender.ip())))
            }
            Self::Unix { socket, .. } => socket.try_recv(buffer).map(Some),
        }
    }
}

/// Asks for a large receive buffer; gives the size that it has.
fn enlarge_buffer(socket: &UdpSocket) -> u64 {
    // Beyond net.core.rmem_max only root gets it.
    let asked = sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER_BYTES)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER_BYTES));
    let bytes = sockopt::socket_recv_buffer_size(socket).unwrap_or(RECEIVE_BUFFER_BYTES);
    tracing::debug!(
        asked = RECEIVE_BUFFER_BYTES,
        // The kernel doubles what it is asked for, to have room for its own needs.
        got = bytes / 2,
        error = asked.err().map(|error| error.to_string()),
        "the receive buffer of the log's socket"
    );
    bytes as u64
}

/// How many datagrams the kernel dropped at the socket with that inode, since it was made; `None`
/// where that cannot be told. The column `drops` of `/proc/net/udp` is the last one, `inode` the
/// tenth.
fn dropped_by_kernel(inode: u64) -> Option<u32> {
    use std::io::Read as _;
    let inode = inode.to_string();
    TABLES.iter().find_map(|table| {
        let mut text = String::new();
        let file = std::fs::File::open(table).ok()?;
        file.take(TABLE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let row = text
            .lines()
            .find(|row| row.split_ascii_whitespace().nth(9) == Some(&inode))?;
        row.split_ascii_whitespace().last()?.parse().ok()
    })
}
