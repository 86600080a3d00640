//! A datagram receiver that writes HAProxy's syslog lines to a file, as rsyslog would.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::log_file::LogFile;

/// The largest datagram that is kept whole; longer ones are cut.
const MAX_DATAGRAM_BYTES: usize = 64 * 1024;
/// The longest priority, `<191>`.
const MAX_PRIORITY_BYTES: usize = 5;
/// How often the thread looks whether it should end.
const POLL: Duration = Duration::from_millis(50);

/// Receives datagrams and appends each as a line to a file, which can be rotated by a rename as
/// logrotate does. Ends when dropped.
pub struct SyslogFile {
    /// What goes behind `log` in haproxy.cfg: `127.0.0.1:PORT` or a path.
    pub target: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    file: LogFile,
    /// rsyslog's files have no `<142>` at the start of a line.
    strip_priority: bool,
    stopped: AtomicBool,
}

enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl SyslogFile {
    /// Listens on a free UDP port of loopback.
    pub fn udp(path: &Path, strip_priority: bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free UDP port");
        socket.set_read_timeout(Some(POLL)).expect("a read timeout");
        let target = socket.local_addr().expect("its address").to_string();
        Self::start(Socket::Udp(socket), target, path, strip_priority)
    }

    /// Listens on a Unix datagram socket.
    pub fn unix(socket: &Path, path: &Path, strip_priority: bool) -> Self {
        let target = socket.display().to_string();
        let socket = UnixDatagram::bind(socket).expect("a Unix datagram socket");
        socket.set_read_timeout(Some(POLL)).expect("a read timeout");
        Self::start(Socket::Unix(socket), target, path, strip_priority)
    }

    fn start(socket: Socket, target: String, path: &Path, strip_priority: bool) -> Self {
        let shared = Arc::new(Shared {
            file: LogFile::open(path),
            strip_priority,
            stopped: AtomicBool::new(false),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || receive(&socket, &shared)
        });
        Self {
            target,
            shared,
            thread: Some(thread),
        }
    }

    /// Lines written so far.
    pub fn lines(&self) -> usize {
        self.shared.file.lines()
    }

    /// Renames the file and goes on in a new one of the old name, between two lines.
    pub fn rotate(&self, to: &Path) {
        self.shared.file.rotate(to);
    }
}

impl Drop for SyslogFile {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receive(socket: &Socket, shared: &Shared) {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let received = match socket {
            Socket::Udp(socket) => socket.recv(&mut buffer),
            Socket::Unix(socket) => socket.recv(&mut buffer),
        };
        // Also in the middle of traffic, as a receiver that dies.
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(bytes) = received else { continue };
        let line = &buffer[..bytes];
        let head = &line[..bytes.min(MAX_PRIORITY_BYTES)];
        match head.iter().position(|byte| *byte == b'>') {
            Some(end) if shared.strip_priority && line.starts_with(b"<") => {
                shared.file.append(&line[end + 1..]);
            }
            Some(_) | None => shared.file.append(line),
        }
    }
}
