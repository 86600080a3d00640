//! The daemon: one loop that carries events to the scaler and starts the actions that come back.
//! What a number means for a backend is decided in `scaler` alone.

mod control;
mod hands;
mod keeper;
mod lock;
mod log_health;
mod problems;
mod reload;
mod report;
mod shadow;
mod standstill;
mod supervisor;
mod trust;
mod unread;

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use self::hands::{Diagnosis, Hands, Outcome};
use self::log_health::LogHealth;
use self::problems::Problems;
use crate::clock::{Clock, Standstill};
use crate::config::{Config, Mode};
use crate::control::{Request, Server};
use crate::log::line::{Parser, Reject};
use crate::log::lines::Item;
use crate::log::source::Source;
use crate::publish::hub::Hub;
use crate::publish::record::{News, Record, Untrusted, What};
use crate::scaler::Scaler;
use crate::scaler::decision::{Change, Decision, Note, Reason};
use crate::scaler::event::{Action, Event};
use crate::state::Keeper;
use crate::words::picture::ReadFailure;
use crate::words::time::Timestamp;

pub use self::reload::Reload;
pub use self::supervisor::Supervisor;

/// With more unread than this the oldest is passed over: old lines make no good decisions.
const BEHIND_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// What is between two stages goes back to maint within this time when the daemon ends.
const FINISH_LIMIT: Duration = Duration::from_secs(1);
/// Standing still for so many poll intervals …
const STANDSTILL_POLLS: u32 = 3;
/// … and at least for this long makes what was measured worthless. A busy machine is late, too.
const STANDSTILL_MIN: Duration = Duration::from_secs(5);

/// Why the daemon did not start. Nothing else ends it but its stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another daemon acts on that admin socket.
    #[error(
        "another haproxy-autoscale{} acts on {address}; end it first, or run this one with --observe",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Twin {
        /// The admin socket.
        address: String,
        /// The other one's process, when the kernel tells.
        pid: Option<i32>,
    },
}

/// Runs until `stop`. `hub` is told everything that an operator may have to hear.
///
/// # Errors
/// [`DaemonError::Twin`] at once. A missing log or HAProxy is waited for instead.
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
    let mut parts = Parts {
        lock: take_lock(&config, &hub)?,
        control: bind_control(&config, &hub).unwrap_or_else(Server::unbound),
        source: open_source(&config),
    };
    let mut daemon = Daemon::new(config, hub);
    daemon.hello();
    daemon.look_around();
    parts
        .source
        .resume(keeper::checkpoint_file(&daemon.config).as_ref());
    daemon.pass_on(&mut supervisor, &parts.source);
    daemon.recall();
    let mut stop = pin!(stop);
    loop {
        let deadline = daemon.scaler.deadline();
        let turn = tokio::select! {
            biased;
            () = &mut stop => break,
            outcome = daemon.hands.next_outcome() => Turn::Outcome(outcome),
            request = parts.control.next() => Turn::Request(request),
            reload = next_reload(&mut reloads) => Turn::Reload(reload),
            () = parts.source.wait() => Turn::Log,
            () = kept(&mut daemon.keeper) => Turn::Kept,
            () = daemon.clock.sleep_until(deadline) => Turn::Tick,
            () = supervisor.due() => Turn::Tick,
        };
        daemon.notice_standstill(deadline);
        match turn {
            Turn::Outcome(outcome) => daemon.take_outcome(&outcome),
            Turn::Request(request) => daemon.answer(request, &parts.source),
            Turn::Reload(reload) => {
                supervisor.reloading();
                reload::take(&mut daemon, &mut parts, reload).await;
                supervisor.ready();
            }
            Turn::Log => daemon.read_log(&mut parts.source),
            Turn::Kept => daemon.watch_keeper(),
            Turn::Tick => daemon.event(daemon.clock.now(), Event::Tick),
        }
        daemon.tell_supervisor(&mut supervisor, &parts.source);
        daemon.pass_on(&mut supervisor, &parts.source);
    }
    supervisor.stopping();
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
    daemon.pass_on(&mut supervisor, &parts.source);
    Ok(())
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
    Reload(Reload),
    Log,
    Kept,
    Tick,
}

fn open_source(config: &Config) -> Source {
    Source::open(
        &config.log.source,
        config.log.max_line_bytes,
        Some(BEHIND_BYTES_MAX),
    )
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

/// How far it is with asking HAProxy who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Wanted,
    UnderWay,
    Done,
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
    diagnosis: Diagnosis,
    asking: Asking,
    /// Backends that HAProxy does not have, to be said with those that it has.
    unknown: Vec<String>,
    standstill: Standstill,
    /// Keeps on disk what should outlive this daemon; `None` when nothing is to be kept.
    keeper: Option<Keeper>,
    /// Why nothing can be kept, as it was said.
    keeper_problem: Option<String>,
    /// What SIGHUP found last cannot be used, or waits.
    config_problem: Option<String>,
    /// A change of most servers, which waits for a second SIGHUP.
    waiting_config: Option<Config>,
    /// What strangers could change, as it was told.
    distrust: Vec<Untrusted>,
    /// What keeps it from working, and since when.
    problems: Problems,
    /// The scaler was asked since the service manager was told, and what it wanted is started.
    has_decided: bool,
    /// HAProxy was asked once, whatever came of it.
    has_looked: bool,
}

impl Daemon {
    fn new(config: Config, hub: Hub) -> Self {
        let clock = Clock::start();
        let settings = config
            .backends
            .values()
            .map(|backend| backend.scaler.clone());
        Self {
            scaler: Scaler::new(clock.now(), settings).with_seed(seed()),
            hands: Hands::new(&config),
            parser: Parser::new(&config.log.format, &config.log.tag),
            clock,
            log: LogHealth::default(),
            hub,
            diagnosis: Diagnosis::default(),
            asking: Asking::Wanted,
            unknown: Vec::new(),
            standstill: Standstill::start(),
            keeper: None,
            keeper_problem: None,
            config_problem: None,
            waiting_config: None,
            distrust: Vec::new(),
            problems: Problems::default(),
            has_decided: false,
            has_looked: false,
            config,
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

    fn pass_on_source(&self, source: &Source) {
        for news in source.take_news() {
            self.tell(News::of_source(source.describe(), news));
        }
    }

    fn hello(&self) {
        self.tell(News::Started {
            version: env!("CARGO_PKG_VERSION"),
            socket: self.config.haproxy.socket.to_string(),
            backends: self.config.backends.keys().cloned().collect(),
            is_observing: self.config.mode == Mode::Observe,
        });
    }

    /// Tells what strangers could change, when it is something new.
    fn look_around(&mut self) {
        let found = trust::look(&self.config);
        for untrusted in found.iter().filter(|it| !self.distrust.contains(it)) {
            self.tell(News::Untrusted(untrusted.clone()));
        }
        self.distrust = found;
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
                self.hands.start(action, written.clone());
            }
        }
        self.has_decided = true;
    }

    fn report_decision(&mut self, decision: Decision) {
        if matches!(decision.change, Change::Reload | Change::Reachable) {
            self.want_diagnosis();
        }
        if is_unknown(&decision) {
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

    /// Tells the service manager, if this turn of the loop finished a decision.
    fn tell_supervisor(&mut self, supervisor: &mut Supervisor, source: &Source) {
        if !std::mem::take(&mut self.has_decided) {
            return;
        }
        supervisor.decided(self.has_looked);
        let wants_status = supervisor.wants_status();
        if !wants_status && !self.problems.is_due(self.clock.now()) {
            return;
        }
        let report = self.report(source);
        if wants_status {
            supervisor.status(supervisor::status_line(
                report.mode,
                &report.backends,
                report.problems.len(),
            ));
        }
    }

    /// Told once, with the backends that HAProxy has: it is asked for them anew.
    fn note_unknown(&mut self, name: &str) {
        self.unknown.push(name.to_owned());
        match self.asking {
            Asking::Wanted | Asking::UnderWay => {}
            Asking::Done => self.asking = Asking::Wanted,
        }
    }

    fn tell_all_unknown(&mut self) {
        for backend in std::mem::take(&mut self.unknown) {
            let known = self.diagnosis.backends.iter();
            let known = known.filter(|it| **it != backend).cloned().collect();
            self.tell(News::UnknownBackend { backend, known });
        }
    }

    fn take_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Diagnosed(diagnosis) => {
                self.diagnosis = diagnosis.clone();
                self.tell_diagnosis();
                if self.asking == Asking::UnderWay {
                    self.asking = Asking::Done;
                }
                self.tell_all_unknown();
                self.look_around();
            }
            Outcome::Read(_, Ok(_)) if self.asking == Asking::Wanted => {
                self.asking = Asking::UnderWay;
                self.hands.diagnose();
            }
            Outcome::Read(..)
            | Outcome::WarmedUp(..)
            | Outcome::StateSet(..)
            | Outcome::MaxconnSet(..) => {}
        }
        if let Some(event) = outcome.event() {
            self.event(self.clock.now(), event);
        }
        if matches!(outcome, Outcome::Read(..)) {
            self.has_looked = true;
            self.remember(); // A state that was seen is worth keeping, too.
        }
    }

    /// One bounded turn of the source: every line into the scaler, but for those that were written
    /// while no daemon ran: they arrive all at once, and no window may take that for a rush. They
    /// are counted; what comes after them fills the first window.
    fn read_log(&mut self, source: &mut Source) {
        let now = self.clock.now();
        let is_late = source.is_catching_up(now);
        let mut actions = Vec::new();
        source.turn(now, &mut |item| {
            let (line, parsed) = match item {
                Item::Line(line) => (line, self.parser.parse(line)),
                Item::TooLong => (&[][..], Err(Reject::TooLong)),
            };
            let reason = parsed.as_ref().err().copied();
            self.log.line(&self.parser, line, reason);
            match parsed {
                Ok(_) if is_late => {}
                Ok(record) => {
                    actions.extend(self.scaler.handle(now, Event::Request(record.request)));
                }
                Err(reason) => {
                    if reason == Reject::HaproxyMessage
                        && let Some(backend) = self.parser.server_change(line)
                    {
                        actions.extend(self.scaler.handle(now, Event::Hint { backend }));
                    }
                }
            }
        });
        self.start(actions);
        let is_file = self.config.log.source.file().is_some();
        let (news, state) = self.log.watch(now, source, is_file, &self.parser);
        for news in news {
            let source = source.describe();
            self.tell(News::Log { source, news });
        }
        if let Some(state) = state {
            self.event(now, Event::Log(state));
        }
    }

    /// What HAProxy this is, and what stands in the way.
    fn tell_diagnosis(&self) {
        if let Some(version) = self.diagnosis.version.clone() {
            let socket = self.config.haproxy.socket.to_string();
            self.tell(News::Connected { version, socket });
        }
        if let Some(level) = self.level_problem() {
            self.tell(level);
        }
    }

    /// Another HAProxy, perhaps: what it lets us do is not known until it was asked.
    fn want_diagnosis(&mut self) {
        self.asking = Asking::Wanted;
        self.diagnosis.level = None;
    }

    /// Why HAProxy would take no command from us.
    fn level_problem(&self) -> Option<News> {
        let level = self.diagnosis.level.clone()?;
        let is_in_the_way = self.config.mode == Mode::Act && level != "admin";
        is_in_the_way.then_some(News::SocketLevel { level })
    }
}

/// HAProxy has no such backend.
fn is_unknown(decision: &Decision) -> bool {
    let unknown = Note::Unread(ReadFailure::UnknownBackend);
    matches!(&decision.reason, Reason::Note(note) if *note == unknown)
}

/// Another number in each process: daemons whose HAProxy went away together come back one by one.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id())
}

/// Listens for `status` and orders; without a socket the daemon goes on.
fn bind_control(config: &Config, hub: &Hub) -> Option<Server> {
    let path = &config.control_socket;
    let tell = |error: &std::io::Error| {
        hub.tell(Record::now(News::ControlSocket {
            path: path.clone(),
            error: error.to_string(),
        }));
    };
    Server::bind(path).inspect_err(tell).ok()
}

fn take_lock(config: &Config, hub: &Hub) -> Result<Option<lock::Lock>, DaemonError> {
    if config.mode == Mode::Observe {
        return Ok(None); // It changes nothing and may stand beside an acting one.
    }
    match lock::lock(&config.haproxy.socket) {
        Ok(Ok(lock)) => Ok(Some(lock)),
        Ok(Err(taken)) => Err(DaemonError::Twin {
            address: config.haproxy.socket.to_string(),
            pid: taken.pid,
        }),
        Err(error) => {
            let error = error.to_string();
            hub.tell(Record::now(News::LockUnknown { error }));
            Ok(None)
        }
    }
}
