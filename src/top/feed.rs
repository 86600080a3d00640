//! The daemon's side of `top`: a thread that asks it again and again, so that one that is slow to answer never
//! holds up a key.

use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::WAITING_MAX;
use super::levels::LastHour;
use crate::control;
use crate::publish::event::Event;
use crate::status::{Status, look};
use crate::words::order::{Order, Verdict};

/// A point of the daemon's curve is of so long: asked more often it is the same.
const CURVE_EVERY: Duration = Duration::from_secs(10);

/// What is asked of the daemon beside the looks.
#[derive(Debug)]
pub enum Ask {
    /// Look so often from now on.
    Every(Duration),
    /// Tell that backend's last hour, now and as it goes on.
    Curve(String),
    /// Give that order.
    Order(Box<Order>),
}

/// What came of asking.
#[derive(Debug)]
pub enum Told {
    Looked(Box<Status>),
    /// Nobody answers; why.
    Silent(String),
    /// What happened since the last look, oldest first.
    Happened(Vec<Event>),
    /// A backend's last hour.
    Curve(LastHour),
    /// What became of an order.
    Answered {
        accepted: bool,
        text: String,
    },
}

/// The thread that asks; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Feed {
    asks: std_mpsc::Sender<Ask>,
}

impl Feed {
    pub(super) fn start(socket: PathBuf, every: Duration) -> (Self, mpsc::Receiver<Told>) {
        let (asks, asked) = std_mpsc::channel();
        let (tell, told) = mpsc::channel(WAITING_MAX);
        let mut daemon = Asker {
            socket,
            every,
            newest: 0,
            curve: Curve::default(),
            tell,
        };
        std::thread::spawn(move || while daemon.turn(&asked) {});
        (Self { asks }, told)
    }

    pub(super) fn ask(&self, ask: Ask) {
        let _ = self.asks.send(ask);
    }
}

struct Asker {
    socket: PathBuf,
    every: Duration,
    /// The number of the newest event that was told.
    newest: u64,
    curve: Curve,
    tell: mpsc::Sender<Told>,
}

/// The curve that is shown.
#[derive(Default)]
struct Curve {
    backend: Option<String>,
    /// When it was asked for last.
    asked: Option<Instant>,
    /// The daemon knows no such question: it may take it for an order and tell that it refused one.
    is_unknown: bool,
}

impl Asker {
    /// Looks, tells, and waits; whether anybody listens.
    fn turn(&mut self, asked: &std_mpsc::Receiver<Ask>) -> bool {
        let heard = match look(&self.socket) {
            Ok(status) => {
                self.tell(Told::Looked(Box::new(status))) && self.happened() && self.last_hour()
            }
            Err(error) => {
                // The next daemon may count from another file, and know more.
                self.newest = 0;
                self.curve.asked = None;
                self.curve.is_unknown = false;
                self.tell(Told::Silent(error.to_string()))
            }
        };
        heard
            && match asked.recv_timeout(self.every) {
                Ok(ask) => self.hear(ask) && asked.try_iter().all(|ask| self.hear(ask)),
                Err(std_mpsc::RecvTimeoutError::Timeout) => true,
                Err(std_mpsc::RecvTimeoutError::Disconnected) => false,
            }
    }

    fn hear(&mut self, ask: Ask) -> bool {
        match ask {
            Ask::Every(every) => self.every = every,
            Ask::Curve(backend) => {
                self.curve.backend = Some(backend);
                self.curve.asked = None;
            }
            Ask::Order(order) => return self.order(&order),
        }
        true
    }

    fn last_hour(&mut self) -> bool {
        let is_fresh = |asked: Instant| asked.elapsed() < CURVE_EVERY;
        let Some(backend) = self.curve.backend.as_deref() else {
            return true;
        };
        if self.curve.is_unknown || self.curve.asked.is_some_and(is_fresh) {
            return true;
        }
        self.curve.asked = Some(Instant::now());
        // The next look says why there was no answer.
        let Ok(answer) = control::ask_curve(&self.socket, backend) else {
            return true;
        };
        match serde_json::from_str::<Option<LastHour>>(&answer) {
            Ok(Some(hour)) => self.tell(Told::Curve(hour)),
            Ok(None) => true,
            Err(_) => {
                self.curve.is_unknown = true;
                true
            }
        }
    }

    fn happened(&mut self) -> bool {
        // The next look says why there was no answer.
        let Ok(answer) = control::ask_events(&self.socket, self.newest) else {
            return true;
        };
        let events: Vec<Event> = Event::lines(&answer).filter_map(Result::ok).collect();
        let Some(last) = events.iter().map(|event| event.id).max() else {
            return true;
        };
        self.newest = last.max(self.newest);
        self.tell(Told::Happened(events))
    }

    fn order(&self, order: &Order) -> bool {
        let told = match control::give_order(&self.socket, order) {
            Ok(reply) => Told::Answered {
                accepted: reply.verdict == Verdict::Accepted,
                text: reply.texts.join("; "),
            },
            Err(error) => Told::Answered {
                accepted: false,
                text: format!("the daemon did not answer: {error}"),
            },
        };
        self.tell(told)
    }

    fn tell(&self, told: Told) -> bool {
        self.tell.blocking_send(told).is_ok()
    }
}
