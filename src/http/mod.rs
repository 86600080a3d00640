//! HTTP: metrics, `status` as JSON, events, health, and orders by token. All of it runs in a thread of
//! its own, with a runtime of its own: nothing here can slow the loop, which publishes a look at itself
//! at most once a second, and only while somebody asks. What an order does lives in `scaler`.
//!
//! `listener` lets connections in, `connection` serves one, `guard` says who may ask, `tokens` reads
//! who may order, `answers` has the routes, `events` sends what happens, `looks` gets looks from the loop,
//! `pages` shares what is written from one. `page` is what people look at, `view` what it shows.

mod answers;
mod connection;
mod events;
mod guard;
mod health;
mod listener;
mod looks;
mod orders;
mod page;
mod pages;
mod stream;
mod tokens;
mod view;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::setpriority_process;
use tokio::sync::{mpsc, watch};

use self::answers::App;
use self::looks::{Asked, Beat, Looks, STANDSTILL};
use crate::config::{Config, HttpConfig};
use crate::control::Caller;
use crate::curve::Curves;
use crate::history::Places;
use crate::metrics::Seen;
use crate::publish::events::Events;
use crate::publish::hub::Hub;
use crate::publish::record::{News, Record};
use crate::status::DaemonProblem;
use crate::words::listen::Listen;
use crate::words::order::Order;

/// Orders that wait for the loop.
const ORDERS_WAITING_MAX: usize = 8;

/// How much others come first, from 0 to 19.
const NICENESS: i32 = 10;
/// Threads that read files of events at the same time, a piece for one listener after the other.
const READERS_MAX: usize = 2;

/// The loop's end of the HTTP server.
#[derive(Debug)]
pub struct Front {
    hub: Hub,
    events: Events,
    curves: Curves,
    settings: watch::Sender<Settings>,
    seen: watch::Sender<Option<Arc<Look>>>,
    beat: Beat,
    asked: Asked,
    troubles: Troubles,
    wishes: mpsc::Receiver<Wish>,
    /// For the thread, until it is started.
    wish_sender: Option<mpsc::Sender<Wish>>,
}

/// What is served, and where.
#[derive(Clone, Debug, Default)]
struct Settings {
    http: HttpConfig,
    events_file: Option<PathBuf>,
    /// Where the last day is summed up from.
    places: Option<Places>,
}

/// What the HTTP server wants of the loop.
#[derive(Debug)]
pub enum Wish {
    /// A fresh look, by [`Front::publish`].
    Look,
    /// An order was given, with a valid token.
    Order(Box<Order>, Caller),
}

/// What the loop publishes.
#[derive(Debug)]
pub struct Look {
    /// By the monotonic clock.
    at: std::time::Instant,
    seen: Arc<Seen>,
}

impl Look {
    /// It says nothing about now.
    fn is_old(&self) -> bool {
        self.at.elapsed() >= STANDSTILL
    }
}

impl Front {
    /// Serves nothing yet, and has no thread.
    pub fn new(hub: &Hub, events: &Events) -> Self {
        let (wish_sender, wishes) = mpsc::channel(ORDERS_WAITING_MAX);
        Self {
            hub: hub.clone(),
            events: events.clone(),
            curves: Curves::default(),
            settings: watch::Sender::new(Settings::default()),
            seen: watch::Sender::new(None),
            beat: Beat::default(),
            asked: Asked::default(),
            troubles: Troubles::default(),
            wishes,
            wish_sender: Some(wish_sender),
        }
    }

    /// With the last hour of each backend.
    #[must_use]
    pub fn with_curves(mut self, curves: &Curves) -> Self {
        self.curves = curves.clone();
        self
    }

    /// Serves by that configuration from now on, and reads the tokens anew. Never waits. The thread is
    /// started when there is something to serve for the first time.
    pub fn serve(&mut self, config: &Config) {
        let is_off = config.http.listen == Listen::Off;
        self.settings.send_replace(Settings {
            http: config.http.clone(),
            events_file: config.events_file(),
            places: Some(Places::of(config)),
        });
        if is_off {
            self.troubles.clear();
        } else if let Some(wish_sender) = self.wish_sender.take() {
            self.start(wish_sender);
        }
    }

    fn start(&self, wish_sender: mpsc::Sender<Wish>) {
        let (beat, asked) = (self.beat.clone(), self.asked.clone());
        let looks = Looks::new(self.seen.subscribe(), beat, asked, wish_sender);
        let app = App::new(
            looks,
            self.hub.clone(),
            self.troubles.clone(),
            self.events.clone(),
            self.curves.clone(),
        );
        let settings = self.settings.subscribe();
        let thread = std::thread::Builder::new().name("http".to_owned());
        let started = thread.spawn(move || run(settings, app));
        if let Err(error) = started {
            self.troubles.set(
                &self.hub,
                DaemonProblem::HttpNotListening,
                format!("cannot start a thread for HTTP: {error}; restart the daemon"),
            );
        }
    }

    /// What it wants next; waits for ever without a thread. May be dropped at any time.
    pub async fn next(&mut self) -> Wish {
        match self.wishes.recv().await {
            Some(wish) => wish,
            None => std::future::pending().await,
        }
    }

    /// Answers [`Wish::Look`].
    pub fn publish(&self, seen: Seen) {
        // Before the look has its time: who finds the wish still there gets this one.
        self.asked.end();
        self.seen.send_replace(Some(Arc::new(Look {
            at: std::time::Instant::now(),
            seen: Arc::new(seen),
        })));
    }

    /// The loop has turned: it does not stand still.
    pub fn beat(&self) {
        self.beat.now();
    }

    /// What keeps it from serving.
    pub fn problems(&self) -> Vec<(DaemonProblem, String)> {
        self.troubles.all()
    }
}

/// The thread: ends when the [`Front`] is gone.
fn run(settings: watch::Receiver<Settings>, app: App) {
    // Linux counts this for the thread alone: where the processor is short, the loop comes first. A unit
    // whose `SystemCallFilter=` forbids it changes nothing but that.
    let _ = setpriority_process(None, NICENESS);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READERS_MAX)
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(listener::serve(settings, app));
            runtime.shutdown_background();
        }
        Err(error) => app.troubles.set(
            &app.hub,
            DaemonProblem::HttpNotListening,
            format!("cannot start HTTP: {error}; restart the daemon"),
        ),
    }
}

/// What keeps it from serving, each told once when it begins.
#[derive(Clone, Debug, Default)]
struct Troubles(Arc<Mutex<Vec<(DaemonProblem, String)>>>);

impl Troubles {
    fn set(&self, hub: &Hub, problem: DaemonProblem, text: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.iter().any(|it| *it == (problem, text.clone()));
        known.retain(|(it, _)| *it != problem);
        known.push((problem, text.clone()));
        if !is_known {
            let news = if problem == DaemonProblem::HttpToken {
                News::HttpToken(text)
            } else {
                News::HttpNotListening(text)
            };
            hub.tell(Record::now(news));
        }
    }

    /// Whether there was one.
    fn end(&self, problem: DaemonProblem) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.len();
        known.retain(|(it, _)| *it != problem);
        known.len() < before
    }

    fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn all(&self) -> Vec<(DaemonProblem, String)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
