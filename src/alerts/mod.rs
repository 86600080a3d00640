//! Alerts, probes and the heartbeat. All of it runs in a thread of its own, with a runtime of its own: the
//! loop hands over a look at itself once a second and never waits. Each channel has a queue and a task of
//! its own, so that one that hangs holds up no other.
//!
//! `engine` carries looks and events to the channels' `incidents`, which say what is told; `queue` keeps
//! it until `courier` has sent it, by `webhook`, `email` or `exec`; `memory` keeps over a restart what was
//! told; `probes` and `heartbeat` ask URLs. What a message says is made in `publish::alert`.

mod courier;
mod email;
mod engine;
mod exec;
mod heartbeat;
pub mod incidents;
mod memory;
mod probes;
mod queue;
pub mod test;
mod way;
mod webhook;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use self::incidents::RestartGaps;
use crate::config::{AlertConfig, Config, HeartbeatConfig, ProbeConfig};
use crate::metrics::{AlertCounts, ChannelCounts};
use crate::publish::events::Events;
use crate::publish::hub::Hub;
use crate::publish::record::{AlertNews, Record};
use crate::status::{DaemonProblem, Told};

/// Threads that look up names and read certificates: each channel and each probe takes one at most, and that
/// only while its name cannot be looked up.
const THREADS_MAX: usize = 16;
/// How much others come first, from 0 to 19.
const NICENESS: i32 = 10;
/// An Alertmanager is told again so often what lasts.
const REPEAT_EVERY: Duration = Duration::from_secs(60);
/// A daemon that ends waits so long for its last alerts to go out.
const END_LIMIT: Duration = Duration::from_millis(500);

/// The loop's end of the alerts.
#[derive(Debug)]
pub struct Front {
    hub: Hub,
    events: Events,
    settings: watch::Sender<Settings>,
    glances: watch::Sender<Option<Arc<Glance>>>,
    troubles: Troubles,
    counts: Counts,
    repeat_every: Duration,
    /// The thread runs.
    ending: Option<oneshot::Receiver<()>>,
    is_started: bool,
}

/// What is sent where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Settings {
    alerts: Vec<AlertConfig>,
    probes: Vec<ProbeConfig>,
    heartbeat: HeartbeatConfig,
    /// Where it is kept what was told.
    file: Option<PathBuf>,
    gaps: RestartGaps,
}

impl Settings {
    fn is_off(&self) -> bool {
        self.alerts.is_empty() && self.probes.is_empty() && self.heartbeat.url.is_none()
    }
}

/// What the loop hands over.
#[derive(Clone, Debug)]
pub struct Glance {
    pub at: Instant,
    /// What keeps anything from working.
    pub problems: Vec<Told>,
    /// Everything is paused, in these words.
    pub pause: Option<String>,
    /// Why `/healthz` would not be 200.
    pub ailments: Vec<String>,
}

impl Front {
    /// Sends nothing yet, and has no thread.
    pub fn new(hub: &Hub, events: &Events) -> Self {
        Self {
            hub: hub.clone(),
            events: events.clone(),
            settings: watch::Sender::new(Settings::default()),
            glances: watch::Sender::new(None),
            troubles: Troubles::default(),
            counts: Counts::default(),
            repeat_every: REPEAT_EVERY,
            ending: None,
            is_started: false,
        }
    }

    /// Tells an Alertmanager again what lasts at another pace than once a minute.
    #[must_use]
    pub const fn repeating_every(mut self, pause: Duration) -> Self {
        self.repeat_every = pause;
        self
    }

    /// Goes by that configuration from now on. Never waits. The thread is started when there is something
    /// to do for the first time.
    pub fn serve(&mut self, config: &Config) {
        let settings = Settings {
            alerts: config.alerts.clone(),
            probes: config.probes.clone(),
            heartbeat: config.heartbeat.clone(),
            file: config.alerts_file(),
            gaps: RestartGaps::of(config),
        };
        let is_off = settings.is_off();
        self.settings.send_if_modified(|now| {
            let is_new = *now != settings;
            *now = settings;
            is_new
        });
        if !is_off && !self.is_started {
            self.is_started = true;
            self.start();
        }
    }

    fn start(&mut self) {
        let (ends, ended) = oneshot::channel();
        let engine = engine::Engine::new(
            self.hub.clone(),
            self.events.clone(),
            (self.troubles.clone(), self.counts.clone()),
            self.settings.subscribe(),
            self.glances.subscribe(),
            self.repeat_every,
        );
        let thread = std::thread::Builder::new().name("alerts".to_owned());
        let started = thread.spawn(move || {
            run(engine);
            drop(ends);
        });
        match started {
            Ok(_) => self.ending = Some(ended),
            Err(error) => self.troubles.begin(
                &self.hub,
                Trouble::Alerts("every channel".to_owned()),
                format!("cannot start a thread for alerts: {error}; restart the daemon"),
            ),
        }
    }

    /// It wants a look once a second.
    pub fn is_on(&self) -> bool {
        !self.settings.borrow().is_off()
    }

    /// Hands over a look. Never waits.
    pub fn publish(&self, glance: Glance) {
        self.glances.send_replace(Some(Arc::new(glance)));
    }

    /// What does not reach anybody, with the channel.
    pub fn problems(&self) -> Vec<(DaemonProblem, Option<String>, String)> {
        self.troubles.all()
    }

    /// What is counted, as of the last look.
    pub fn counts(&self) -> AlertCounts {
        self.counts.of().clone()
    }

    /// For whoever ends the daemon: to be waited for when the front is gone.
    pub fn ending(&mut self) -> Ending {
        Ending(self.ending.take())
    }
}

/// The thread, at its end.
#[derive(Debug)]
pub struct Ending(Option<oneshot::Receiver<()>>);

impl Ending {
    /// Waits until what was told is sent, or for half a second.
    pub async fn wait(self) {
        if let Some(ended) = self.0 {
            let _ = timeout(END_LIMIT, ended).await;
        }
    }
}

/// The thread: ends when the [`Front`] is gone.
fn run(engine: engine::Engine) {
    // As for HTTP: where the processor is short, the loop comes first.
    let _ = setpriority_process(None, NICENESS);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(engine.run());
            // A lookup of a name whose server is gone takes half a minute: it is not waited for.
            runtime.shutdown_background();
        }
        Err(error) => engine.cannot_start(&error),
    }
}

/// What the thread counts, for whoever asks.
#[derive(Clone, Debug, Default)]
struct Counts(Arc<Mutex<AlertCounts>>);

impl Counts {
    fn of(&self) -> MutexGuard<'_, AlertCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn channel(&self, name: &str, count: impl FnOnce(&mut ChannelCounts)) {
        let mut counts = self.of();
        count(counts.channels.entry(name.to_owned()).or_default());
    }
}

/// What does not reach anybody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// The alerts of that channel.
    Alerts(String),
    Heartbeat,
}

/// Each is told once when it begins and once when it is over.
#[derive(Clone, Debug, Default)]
struct Troubles(Arc<Mutex<Vec<(Trouble, String)>>>);

impl Troubles {
    fn begin(&self, hub: &Hub, trouble: Trouble, text: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, old)) = known.iter_mut().find(|(it, _)| *it == trouble) {
            *old = text;
            return;
        }
        known.push((trouble.clone(), text.clone()));
        drop(known);
        hub.tell(Record::of(match trouble {
            Trouble::Alerts(channel) => AlertNews::NotSent { channel, text },
            Trouble::Heartbeat => AlertNews::HeartbeatNotSent(text),
        }));
    }

    fn end(&self, hub: &Hub, trouble: &Trouble) {
        if !self.forget(trouble) {
            return;
        }
        hub.tell(Record::of(match trouble {
            Trouble::Alerts(channel) => AlertNews::Sent {
                channel: channel.clone(),
            },
            Trouble::Heartbeat => AlertNews::HeartbeatSent,
        }));
    }

    /// Without a word: it is wanted no longer. Whether there was one.
    fn forget(&self, trouble: &Trouble) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.len();
        known.retain(|(it, _)| it != trouble);
        known.len() < before
    }

    fn all(&self) -> Vec<(DaemonProblem, Option<String>, String)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.iter().map(|(trouble, text)| match trouble {
            Trouble::Alerts(channel) => {
                let text = format!("alerts do not reach {channel}: {text}");
                (DaemonProblem::AlertNotSent, Some(channel.clone()), text)
            }
            Trouble::Heartbeat => {
                let text = format!("the heartbeat is not taken: {text}");
                (DaemonProblem::HeartbeatNotSent, None, text)
            }
        });
        known.collect()
    }
}
