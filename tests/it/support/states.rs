//! What HAProxy shows of its servers over a whole test: each change of an admin state, with its
//! moment.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::haproxy::{RealHaproxy, command_to};
use super::table::{admin_state, rows};

/// How often HAProxy is asked. A drain on the way in or out may take a few milliseconds, see
/// [`StateWatch::path`].
const POLL: Duration = Duration::from_millis(10);

/// A change of one server's admin state.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it was seen.
    pub at: Instant,
    /// The server.
    pub server: String,
    /// `ready`, `drain` or `maint`.
    pub state: String,
}

/// Asks the admin socket again and again, until dropped.
pub struct StateWatch {
    seen: Arc<Mutex<Vec<Seen>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StateWatch {
    /// Watches every server of backend `web`; has seen each once when it returns.
    pub fn start(haproxy: &RealHaproxy) -> Self {
        let socket = haproxy.admin_socket();
        let seen = Arc::new(Mutex::new(Vec::new()));
        look(&socket, &seen);
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (seen, stopped) = (Arc::clone(&seen), Arc::clone(&stopped));
            move || {
                while !stopped.load(Ordering::SeqCst) {
                    look(&socket, &seen);
                    std::thread::sleep(POLL);
                }
            }
        });
        Self {
            seen,
            stopped,
            thread: Some(thread),
        }
    }

    /// Every change so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The states that a server went through, the first one included.
    pub fn of(&self, server: &str) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.server == server)
            .map(|seen| seen.state)
            .collect()
    }

    /// The same without the drains between maint and ready, which may be too short to be seen: HAProxy
    /// logs each, and that makes the daemon look again at once.
    pub fn path(&self, server: &str) -> Vec<String> {
        let states = self.of(server);
        let is_passing = |index: usize| {
            let at = |index: usize| states.get(index).map_or("", String::as_str);
            let around = (at(index.wrapping_sub(1)), at(index + 1));
            at(index) == "drain" && matches!(around, ("maint", "ready") | ("ready", "maint"))
        };
        let kept = (0..states.len()).filter(|index| !is_passing(*index));
        kept.map(|index| states[index].clone()).collect()
    }

    /// The state that a server is in.
    pub fn now(&self, server: &str) -> String {
        self.of(server).pop().unwrap_or_default()
    }

    /// When a server was first seen in this state.
    pub fn first(&self, server: &str, state: &str) -> Option<Instant> {
        let seen = self.seen();
        let found = seen
            .iter()
            .find(|seen| seen.server == server && seen.state == state);
        found.map(|seen| seen.at)
    }
}

impl Drop for StateWatch {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look(socket: &Path, seen: &Mutex<Vec<Seen>>) {
    let Ok(answer) = command_to(socket, "show servers state web") else {
        return;
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for row in rows(&answer, ' ') {
        let (Some(name), true) = (row.get("srv_name"), row.contains_key("srv_admin_state")) else {
            continue;
        };
        let state = admin_state(&row);
        let last = seen.iter().rev().find(|seen| seen.server == *name);
        if last.is_none_or(|last| last.state != state) {
            seen.push(Seen {
                at: Instant::now(),
                server: (*name).to_owned(),
                state: state.to_owned(),
            });
        }
    }
}
