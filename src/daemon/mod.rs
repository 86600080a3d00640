//! The daemon: one loop that carries events to the scaler and starts the actions that come back.
//! What a number means for a backend is decided in `scaler` alone.

mod alerts;
mod calendar;
mod control;
mod diagnosis;
mod difference;
mod events;
mod hands;
mod keeper;
mod lines;
mod lock;
mod log_health;
mod machines;
pub mod problems;
mod published;
mod reasons;
mod reload;
mod report;
mod shadow;
mod standstill;
mod supervisor;
mod trust;
mod unread;
mod usage;

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use self::diagnosis::Acquaintance;
use self::hands::{Hands, Outcome};
use self::lines::Rejects;
use self::log_health::LogHealth;
use self::problems::Problems;
use self::reasons::Reasons;
use self::standstill::Suspension;
use crate::alerts::Front as AlertsFront;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::{Request, Server};
use crate::curve::Curves;
use crate::http::{Front, Wish};
use crate::log::line::Parser;
use crate::log::source::Source;
use crate::machines::census::Census;
use crate::metrics::Counters;
use crate::publish::events::Events;
use crate::publish::hub::Hub;
use crate::publish::record::{LooksAfter, News, Record, Untrusted, What};
use crate::scaler::Scaler;
use crate::scaler::decision::{Change, Decision};
use crate::scaler::event::{Action, Event};
use crate::state::Keeper;
use crate::words::machine::MachineKey;
use crate::words::picture::Picture;
use crate::words::time::{Timestamp, ms_since_1970};

pub use self::reload::Reload;
pub use self::supervisor::Supervisor;

/// What is between two stages goes back to maint within this time when the daemon ends.
const FINISH_LIMIT: Duration = Duration::from_secs(1);

/// Why the daemon did not start. Nothing else ends it but its stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another daemon acts on that admin socket.
    #[error(
        "another haproxy-autoscale{} acts on {address}; end it first, or run this one with --observe",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        address: String,
        /// The other one's process, when the kernel tells.
        pid: Option<i32>,
    },
}

/// Runs until `stop`. `hub` is told everything that an operator may have to hear.
///
/// # Errors
/// [`DaemonError::Locked`] at once. A missing log or HAProxy is waited for instead.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    hub: Hub,
) -> Result<(), DaemonError> {
    let (_sender, reloads) = mpsc::channel(1);
    run_with(config, stop, reloads, Supervisor::none(), hub).await
}

/// The same, with a new configuration now and then, and a service manager that is told.
///
/// # Errors
/// As [`run`]; never because of a new configuration.
pub async fn run_with(
    config: Config,
    stop: impl Future<Output = ()>,
    mut reloads: mpsc::Receiver<Reload>,
    mut supervisor: Supervisor,
    hub: Hub,
) -> Result<(), DaemonError> {
    let (lock, news) = lock::take(&config)?;
    // Not before the lock: the file may be another daemon's, which ends just now.
    let (events, ending) = Events::start(&hub, events::place(&config));
    let mut parts = Parts {
        lock,
        control: control::bind(&config, &hub).unwrap_or_else(Server::unbound),
        source: lines::open_source(&config),
    };
    let mut daemon = Daemon::new(config, hub, events);
    daemon.hello(news);
    daemon.look_around();
    parts
        .source
        .resume(keeper::checkpoint_file(&daemon.config).as_ref());
    daemon.pass_on(&mut supervisor, &parts.source);
    daemon.recall();
    daemon.tell_hours();
    daemon.http.serve(&daemon.config);
    daemon.alerts.serve(&daemon.config);
    let mut stop = pin!(stop);
    loop {
        let deadline = daemon.scaler.deadline();
        let chores_due = daemon.chores_due();
        let glance_due = daemon.glance_due();
        let turn = tokio::select! {
            biased;
            () = &mut stop => break,
            outcome = daemon.hands.next_outcome() => Turn::Outcome(outcome),
            request = parts.control.next() => Turn::Request(request),
            wish = daemon.http.next() => Turn::Wish(wish),
            reload = next_reload(&mut reloads) => Turn::Reload(reload),
            () = parts.source.wait() => Turn::Log,
            () = kept(&mut daemon.keeper) => Turn::Kept,
            () = daemon.clock.sleep_until(deadline) => Turn::Tick,
            () = daemon.clock.sleep_until(chores_due), if chores_due.is_some() => Turn::Chores,
            () = daemon.clock.sleep_until(glance_due), if glance_due.is_some() => Turn::Glance,
            () = supervisor.due() => Turn::Tick,
        };
        let (woke, now) = (Instant::now(), daemon.clock.now());
        daemon.notice_standstill(deadline);
        match turn {
            Turn::Outcome(outcome) => daemon.take_outcome(outcome),
            Turn::Request(request) => daemon.answer(request, &parts.source),
            Turn::Wish(wish) => daemon.grant(wish, &parts.source),
            Turn::Reload(reload) => {
                supervisor.reloading();
                reload::take(&mut daemon, &mut parts, reload).await;
                supervisor.ready();
            }
            Turn::Log => daemon.read_log(&mut parts.source),
            Turn::Kept => daemon.watch_keeper(),
            Turn::Chores => daemon.do_chores(),
            Turn::Glance => {}
            Turn::Tick => daemon.event(daemon.clock.now(), Event::Tick),
        }
        daemon.tell_supervisor(&mut supervisor, &parts.source);
        daemon.look_for_alerts(&parts.source);
        daemon.pass_on(&mut supervisor, &parts.source);
        daemon.watch_events();
        daemon.turned(woke, now, deadline);
    }
    daemon.tell_usage();
    supervisor.stopping();
    end(&mut daemon, &parts, &mut supervisor).await;
    let alerts = daemon.alerts.ending();
    drop(daemon); // The last hub but that of the alerts goes with it.
    alerts.wait().await;
    ending.wait().await;
    Ok(())
}

/// Leaves nothing half-way.
async fn end(daemon: &mut Daemon, parts: &Parts, supervisor: &mut Supervisor) {
    daemon.tell(News::Stopping);
    let last = daemon.scaler.handle(daemon.clock.now(), Event::Stop);
    daemon.remember();
    let written = daemon.written();
    let checkpoint = keeper::checkpoint_file(&daemon.config);
    let finish = async {
        let limit = FINISH_LIMIT;
        daemon.hands.finish(last, written.clone(), limit).await;
        daemon.keep_last(written).await;
    };
    // The spare does not wait for the disk.
    tokio::join!(finish, parts.source.leave(checkpoint.as_ref()));
    daemon.pass_on(supervisor, &parts.source);
}

/// What a new configuration may exchange, beside the daemon itself.
struct Parts {
    lock: Option<lock::Lock>,
    control: Server,
    source: Source,
}

/// What ended one wait of the loop.
enum Turn {
    Outcome(Outcome),
    Request(Request),
    Wish(Wish),
    Reload(Reload),
    Log,
    Kept,
    /// What is done now and then, whatever happens.
    Chores,
    /// The alerts want a look.
    Glance,
    Tick,
}

async fn next_reload(reloads: &mut mpsc::Receiver<Reload>) -> Reload {
    match reloads.recv().await {
        Some(reload) => reload,
        None => std::future::pending().await,
    }
}

async fn kept(keeper: &mut Option<Keeper>) {
    match keeper {
        Some(keeper) => keeper.changed().await,
        None => std::future::pending().await,
    }
}

/// Everything that the loop's arms work on.
struct Daemon {
    config: Config,
    clock: Clock,
    scaler: Scaler,
    hands: Hands,
    parser: Parser,
    log: LogHealth,
    hub: Hub,
    haproxy: Acquaintance,
    suspension: Suspension,
    /// Keeps on disk what should outlive this daemon; `None` when nothing is to be kept.
    keeper: Option<Keeper>,
    /// Why nothing can be kept, as it was said.
    keeper_problem: Option<String>,
    events: Events,
    /// Why they cannot be kept, as it was said.
    events_problem: Option<String>,
    /// What SIGHUP found last cannot be used, or waits.
    config_problem: Option<String>,
    /// A change of most servers, which waits for a second SIGHUP.
    waiting_config: Option<Config>,
    /// What strangers could change, as it was told.
    distrust: Vec<Untrusted>,
    /// What keeps it from working, and since when.
    problems: Problems,
    reasons: Reasons,
    /// The scaler was asked since the service manager was told, and what it wanted is started.
    has_decided: bool,
    /// HAProxy was asked once, whatever came of it.
    has_looked: bool,
    /// For the debug log.
    rejects: Rejects,
    last_picture: Option<Picture>,
    /// When the hours of schedules are told next.
    calendar_due: Timestamp,
    /// When it is told what became of requests.
    usage_due: Timestamp,
    counters: Box<Counters>,
    curves: Curves,
    /// When HAProxy was asked that has not answered yet.
    asked_at: Option<Instant>,
    http: Front,
    alerts: AlertsFront,
    census: Census,
    census_due: Timestamp,
}

impl Daemon {
    fn new(config: Config, hub: Hub, events: Events) -> Self {
        let clock = Clock::start();
        let settings = config
            .backends
            .values()
            .map(|backend| backend.scaler.clone());
        let curves = Curves::default();
        Self {
            scaler: Scaler::new(clock.now(), settings)
                .with_seed(seed())
                .with_machine_keys_from(first_machine_key()),
            hands: Hands::new(&config, machines::ear(&hub)),
            parser: Parser::new(&config.log.format, &config.log.tag),
            clock,
            log: LogHealth::default(),
            haproxy: Acquaintance::default(),
            suspension: Suspension::watch(),
            keeper: None,
            keeper_problem: None,
            events_problem: None,
            config_problem: None,
            waiting_config: None,
            distrust: Vec::new(),
            problems: Problems::default(),
            reasons: Reasons::default(),
            has_decided: false,
            has_looked: false,
            rejects: Rejects::default(),
            last_picture: None,
            calendar_due: Timestamp::default(),
            usage_due: Timestamp::default(),
            counters: Box::new(Counters::new(
                published::counted(&config),
                SystemTime::now(),
            )),
            asked_at: None,
            http: Front::new(&hub, &events).with_curves(&curves),
            curves,
            alerts: AlertsFront::new(&hub, &events),
            census: Census::default(),
            census_due: Timestamp::default(),
            events,
            hub,
            config,
        }
    }

    /// When something is done that is done now and then.
    fn chores_due(&self) -> Option<Timestamp> {
        let all = [self.calendar_due(), self.census_due()];
        all.into_iter().flatten().min()
    }

    fn do_chores(&mut self) {
        let now = self.clock.now();
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if is_due(self.calendar_due()) {
            self.tell_hours();
        }
        if is_due(self.census_due()) {
            self.take_census();
        }
    }

    /// Tells people. Never waits.
    fn tell(&self, news: News) {
        self.hub.tell(Record::now(news));
    }

    /// Tells what others noticed.
    fn pass_on(&self, supervisor: &mut Supervisor, source: &Source) {
        for news in supervisor.take_news() {
            self.tell(news);
        }
        self.pass_on_source(source);
    }

    /// Says what it is, before that what was noticed already.
    fn hello(&self, noticed: Option<News>) {
        if let Some(news) = noticed {
            self.tell(news);
        }
        self.tell(News::Started {
            version: env!("CARGO_PKG_VERSION"),
            looks_after: self.looks_after(),
        });
    }

    /// What it does by its configuration.
    fn looks_after(&self) -> LooksAfter {
        LooksAfter {
            socket: self.config.haproxy.socket.to_string(),
            backends: self.config.backends.keys().cloned().collect(),
            is_observing: self.config.mode == Mode::Observe,
        }
    }

    /// Hands one event to the scaler and starts what it asks for.
    fn event(&mut self, now: Timestamp, event: Event<'_>) {
        let actions = self.scaler.handle(now, event);
        self.start(actions);
    }

    fn start(&mut self, actions: Vec<Action>) {
        let is_read = |action: &Action| matches!(action, Action::Read { .. });
        if !actions.iter().all(is_read) {
            self.remember(); // Before the first command of a change.
        }
        let written = self.written();
        for action in actions {
            if let Action::Report(decision) = action {
                self.report_decision(decision);
            } else {
                if is_read(&action) {
                    self.asked_at = Some(Instant::now());
                }
                self.hands.start(action, written.clone());
            }
        }
        self.has_decided = true;
    }

    fn report_decision(&mut self, decision: Decision) {
        if matches!(decision.change, Change::Reload | Change::Reachable) {
            self.want_diagnosis();
        }
        let is_result = matches!(
            decision.change,
            Change::Effect | Change::MachineStarted | Change::MachineStopped
        );
        if is_result && self.config.mode == Mode::Observe {
            return; // What was pretended did nothing.
        }
        let is_observing = self.config.mode == Mode::Observe;
        self.counters.decision(&decision, is_observing);
        if diagnosis::is_unknown(&decision) {
            return self.note_unknown(decision.backend());
        }
        self.hub.tell(Record {
            at: SystemTime::now(),
            what: What::Decision {
                decision,
                is_pretended: self.config.mode == Mode::Observe,
            },
        });
    }

    fn take_outcome(&mut self, outcome: Outcome) {
        let is_read = matches!(outcome, Outcome::Read(..));
        let event = match outcome {
            Outcome::Diagnosed(diagnosis) => {
                self.take_diagnosis(diagnosis);
                return self.look_around();
            }
            Outcome::Listed(listings) => return self.machines_listed(listings),
            Outcome::Read(id, outcome) => {
                let took = self.asked_at.take().map(|at| at.elapsed());
                self.counters.read(took, outcome.is_ok());
                if let Ok(picture) = &outcome {
                    self.tell_difference(picture);
                    self.ask_if_wanted();
                }
                Event::HaproxyRead { id, outcome }
            }
            Outcome::WarmedUp(id, server, outcome) => Event::WarmUpEnded {
                id,
                server,
                outcome,
            },
            Outcome::Troubled(id, server, trouble) => Event::WarmUpTroubled {
                id,
                server,
                trouble,
            },
            Outcome::StateSet(id, server, outcome) => Event::StateSet {
                id,
                server,
                outcome,
            },
            Outcome::MaxconnSet(id, server, outcome) => Event::MaxconnSet {
                id,
                server,
                outcome,
            },
            Outcome::Machine(id, server, outcome) => Event::MachineAnswered {
                id,
                server,
                outcome,
            },
            Outcome::WeightSet(id, server, outcome) => Event::WeightSet {
                id,
                server,
                outcome,
            },
        };
        self.event(self.clock.now(), event);
        if is_read {
            self.has_looked = true;
            self.remember(); // A state that was seen is worth keeping, too.
        }
    }
}

/// Keys of starts count up from the present second: none is used twice, though what was remembered is lost.
fn first_machine_key() -> MachineKey {
    MachineKey(ms_since_1970(SystemTime::now()) / 1000)
}

/// Another number in each process: daemons whose HAProxy went away together come back one by one.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id())
}
