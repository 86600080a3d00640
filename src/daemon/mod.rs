//! The daemon: one loop that carries events to the scaler and starts the actions that come back.
//! What a number means for a backend is decided in `scaler` alone.

mod hands;
mod journal;
mod memory;
mod problems;
mod reload;
mod report;
mod shadow;
mod supervisor;
mod trust;
mod twin;
mod unread;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;

use self::hands::{Diagnosis, Hands, Outcome};
use self::problems::Problems;
use self::unread::Unread;
use crate::clock::{Clock, Standstill};
use crate::config::{Config, LogSource, Mode};
use crate::control;
use crate::log::file::FileState;
use crate::log::file::checkpoint::CheckpointFile;
use crate::log::line::{Parser, Reject};
use crate::log::lines::Item;
use crate::log::source::Source;
use crate::scaler::Scaler;
use crate::scaler::decision::{Change, Decision, Reason};
use crate::scaler::event::{Action, Event, LogState};
use crate::state::Keeper;
use crate::words::picture::ReadFailure;
use crate::words::time::Timestamp;

pub use self::reload::Reload;
pub use self::supervisor::Supervisor;

/// With more unread than this the oldest is passed over: old lines make no good decisions.
const BEHIND_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Read this much later than written, the log says nothing about now.
const LAG_MAX: Duration = Duration::from_secs(2);
/// A file that was read may be away for so long: whoever rotates it makes it anew in a moment.
const ROTATION_MAX: Duration = Duration::from_secs(5);
/// So long after lines were lost the log is not taken for whole.
const LOSS_HOLD: Duration = Duration::from_secs(60);
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

/// Runs until `stop`. `observer` sees each decision right when it is made; it must not block.
///
/// # Errors
/// [`DaemonError::Twin`] at once. A missing log or HAProxy is waited for instead.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    observer: impl FnMut(&Decision),
) -> Result<(), DaemonError> {
    let (_sender, reloads) = mpsc::channel(1);
    run_with(config, stop, reloads, Supervisor::none(), observer).await
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
    mut observer: impl FnMut(&Decision),
) -> Result<(), DaemonError> {
    let mut parts = Parts {
        lock: take_lock(&config)?,
        control: control::Server::bind(&config.control_socket),
        source: open_source(&config),
    };
    let mut daemon = Daemon::new(config);
    daemon.hello();
    daemon.look_around();
    parts
        .source
        .resume(CheckpointFile::of(&daemon.config).as_ref());
    daemon.recall(&mut observer);
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
        daemon.notice_standstill(deadline, &mut observer);
        match turn {
            Turn::Outcome(outcome) => daemon.take_outcome(&outcome, &mut observer),
            Turn::Request(request) => daemon.answer(request, &parts.source, &mut observer),
            Turn::Reload(reload) => {
                supervisor.reloading();
                reload::take(&mut daemon, &mut parts, reload, &mut observer).await;
                supervisor.ready();
            }
            Turn::Log => daemon.read_log(&mut parts.source, &mut observer),
            Turn::Kept => daemon.watch_keeper(),
            Turn::Tick => daemon.event(daemon.clock.now(), Event::Tick, &mut observer),
        }
        daemon.tell(&mut supervisor, &parts.source);
    }
    supervisor.stopping();
    tracing::info!("stopping: every server stays as it is, but for a spare that is half-way");
    let last = daemon.scaler.handle(daemon.clock.now(), Event::Stop);
    daemon.remember();
    let written = daemon.written();
    let checkpoint = CheckpointFile::of(&daemon.config);
    let finish = async {
        let limit = FINISH_LIMIT;
        daemon.hands.finish(last, written.clone(), limit).await;
        daemon.keep_last(written).await;
    };
    // The spare does not wait for the disk.
    tokio::join!(finish, parts.source.leave(checkpoint.as_ref()));
    Ok(())
}

/// What a new configuration may exchange, beside the daemon itself.
struct Parts {
    lock: Option<twin::Lock>,
    control: control::Server,
    source: Source,
}

/// What ended one wait of the loop.
enum Turn {
    Outcome(Outcome),
    Request(control::Request),
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
    log_state: LogState,
    /// How the log can be read, as it was said.
    source_state: Option<FileState>,
    /// It was read, and is not there now.
    away_since: Option<Timestamp>,
    unread: Unread,
    skipped_bytes: u64,
    lost: u64,
    is_whole_from: Timestamp,
    /// Why HAProxy does not answer, as it was said.
    outage: Option<Reason>,
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
    /// What strangers could change, as it was said.
    distrust: Vec<String>,
    /// What keeps it from working, and since when.
    problems: Problems,
    /// When a line came last, and how many had come.
    last_line: (Timestamp, u64),
    /// The scaler was asked since the service manager was told, and what it wanted is started.
    has_decided: bool,
    /// HAProxy was asked once, whatever came of it.
    has_looked: bool,
}

impl Daemon {
    fn new(config: Config) -> Self {
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
            log_state: LogState::Flowing,
            source_state: None,
            away_since: None,
            unread: Unread::default(),
            skipped_bytes: 0,
            lost: 0,
            is_whole_from: Timestamp::from_ms(0),
            outage: None,
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
            last_line: (Timestamp::from_ms(0), 0),
            has_decided: false,
            has_looked: false,
            config,
        }
    }

    fn hello(&self) {
        let mode = match self.config.mode {
            Mode::Act => "acting",
            Mode::Observe => "observing: nothing is written to HAProxy, no spare is called",
        };
        let backends: Vec<&str> = self.config.backends.keys().map(String::as_str).collect();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            socket = %self.config.haproxy.socket,
            backends = backends.join(","),
            "{mode}"
        );
    }

    /// Says what strangers could change, when it is something new.
    fn look_around(&mut self) {
        let problems = trust::problems(&self.config);
        for text in problems.iter().filter(|text| !self.distrust.contains(text)) {
            tracing::warn!("{text}");
        }
        self.distrust = problems;
    }

    /// Hands one event to the scaler and starts what it asks for.
    fn event(&mut self, now: Timestamp, event: Event<'_>, observer: &mut dyn FnMut(&Decision)) {
        let actions = self.scaler.handle(now, event);
        self.start(actions, observer);
    }

    fn start(&mut self, actions: Vec<Action>, observer: &mut dyn FnMut(&Decision)) {
        let is_read = |action: &Action| matches!(action, Action::Read { .. });
        if !actions.iter().all(is_read) {
            self.remember(); // Before the first command of a change.
        }
        let written = self.written();
        for action in actions {
            if let Action::Report(decision) = &action {
                if self.is_news(decision) {
                    journal::write(decision, self.config.mode);
                }
                observer(decision);
                if matches!(decision.change, Change::Reload | Change::Reachable) {
                    self.want_diagnosis();
                }
            } else {
                self.hands.start(action, written.clone());
            }
        }
        self.has_decided = true;
    }

    /// Tells the service manager, if this turn of the loop finished a decision.
    fn tell(&mut self, supervisor: &mut Supervisor, source: &Source) {
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

    /// An outage is one piece of news, however many backends it cuts off.
    fn is_news(&mut self, decision: &Decision) -> bool {
        match decision.change {
            Change::Unreachable => {
                let reason = &decision.reason;
                self.outage.replace(reason.clone()).as_ref() != Some(reason)
            }
            Change::Reachable => self.outage.take().is_some(),
            Change::Note if journal::is_unknown(decision) => {
                self.say_unknown(&decision.backend);
                false
            }
            Change::Breach
            | Change::WarmUp
            | Change::Enable
            | Change::EnableFailed
            | Change::Drain
            | Change::Disable
            | Change::NoSpare
            | Change::Hold
            | Change::Reload
            | Change::Freeze
            | Change::Thaw
            | Change::NotHelping
            | Change::Stay
            | Change::Note
            | Change::Operator
            | Change::BreachOver
            | Change::Paused
            | Change::NotServing
            | Change::ProbationFailed
            | Change::Warning => true,
        }
    }

    /// Said once, with the backends that HAProxy has: it is asked for them anew.
    fn say_unknown(&mut self, name: &str) {
        self.unknown.push(name.to_owned());
        match self.asking {
            Asking::Wanted | Asking::UnderWay => {}
            Asking::Done => self.asking = Asking::Wanted,
        }
    }

    fn say_all_unknown(&mut self) {
        for name in std::mem::take(&mut self.unknown) {
            let known = self.diagnosis.backends.iter().filter(|it| **it != name);
            let known: Vec<String> = known.cloned().collect();
            journal::write_unknown(&name, &known);
        }
    }

    fn take_outcome(&mut self, outcome: &Outcome, observer: &mut dyn FnMut(&Decision)) {
        match outcome {
            Outcome::Diagnosed(diagnosis) => {
                journal::write_diagnosis(diagnosis, &self.config);
                self.diagnosis = diagnosis.clone();
                if self.asking == Asking::UnderWay {
                    self.asking = Asking::Done;
                }
                self.say_all_unknown();
                self.look_around();
            }
            Outcome::Read(_, _, Ok(_) | Err(ReadFailure::UnknownBackend))
                if self.asking == Asking::Wanted =>
            {
                self.asking = Asking::UnderWay;
                self.hands.diagnose();
            }
            Outcome::Read(..)
            | Outcome::WarmedUp(..)
            | Outcome::StateSet(..)
            | Outcome::MaxconnSet(..) => {}
        }
        if let Some(event) = outcome.event() {
            self.event(self.clock.now(), event, observer);
        }
        if matches!(outcome, Outcome::Read(..)) {
            self.has_looked = true;
            self.remember(); // A state that was seen is worth keeping, too.
        }
    }

    /// One bounded turn of the source: every line into the scaler, but for those that were written
    /// while no daemon ran: they arrive all at once, and no window may take that for a rush. They
    /// are counted; what comes after them fills the first window.
    fn read_log(&mut self, source: &mut Source, observer: &mut dyn FnMut(&Decision)) {
        let now = self.clock.now();
        let is_late = source.is_catching_up(now);
        let mut actions = Vec::new();
        source.turn(now, &mut |item| {
            let (line, parsed) = match item {
                Item::Line(line) => (line, self.parser.parse(line)),
                Item::TooLong => (&[][..], Err(Reject::TooLong)),
            };
            let reason = parsed.as_ref().err().copied();
            self.unread.take(&self.parser, line, reason);
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
        self.start(actions, observer);
        if let Some(text) = self.unread.news(&self.parser) {
            tracing::warn!("{text}");
        }
        self.watch_source(now, source, observer);
    }

    /// Tells the scaler, and the operator, when the log cannot be read as it should.
    fn watch_source(
        &mut self,
        now: Timestamp,
        source: &Source,
        observer: &mut dyn FnMut(&Decision),
    ) {
        let file_state = source.state();
        let skipped_bytes = source.counters().skipped_bytes;
        if skipped_bytes > self.skipped_bytes {
            journal::write_skipped(skipped_bytes - self.skipped_bytes, &source.describe());
            self.skipped_bytes = skipped_bytes;
        }
        if self.last_line.1 != self.unread.lines() {
            self.last_line = (now, self.unread.lines());
        }
        let lost = source.counters().lost;
        if lost > self.lost {
            if now >= self.is_whole_from {
                journal::write_lost(lost - self.lost, source);
            }
            self.lost = lost;
            self.is_whole_from = now.after(LOSS_HOLD);
        }
        self.watch_file(now, file_state, &source.describe());
        let state = match file_state {
            FileState::Reading if source.is_catching_up(now) || source.lag(now) > LAG_MAX => {
                LogState::Lagging
            }
            FileState::Reading if now < self.is_whole_from => LogState::Incomplete,
            FileState::Reading => LogState::Flowing,
            FileState::Waiting(_) | FileState::Refused(_) | FileState::Ended => LogState::Absent,
        };
        if state != self.log_state {
            self.log_state = state;
            self.event(now, Event::Log(state), observer);
        }
    }

    /// Says how the log can be read when that is another thing than before. A file that is away for a
    /// moment is being rotated.
    fn watch_file(&mut self, now: Timestamp, state: &FileState, source: &str) {
        if self.source_state.as_ref() == Some(state) {
            if self.away_since.take().is_some() {
                journal::write_rotated(source);
            }
            return;
        }
        let is_file = matches!(self.config.log.source, LogSource::File(_));
        let was_read = self.source_state == Some(FileState::Reading);
        if is_file && was_read && matches!(state, FileState::Waiting(_)) {
            let since = *self.away_since.get_or_insert(now);
            if now.since(since) < ROTATION_MAX {
                return;
            }
        }
        self.away_since = None;
        journal::write_source(state, source);
        self.source_state = Some(state.clone());
    }

    /// Another HAProxy, perhaps: what it lets us do is not known until it was asked.
    fn want_diagnosis(&mut self) {
        self.asking = Asking::Wanted;
        self.diagnosis.level = None;
    }

    /// Why HAProxy would take no command from us.
    fn level_problem(&self) -> Option<String> {
        match self.config.mode {
            Mode::Act => journal::level_problem(&self.diagnosis),
            Mode::Observe => None,
        }
    }
}

/// Another number in each process: daemons whose HAProxy went away together come back one by one.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id())
}

fn take_lock(config: &Config) -> Result<Option<twin::Lock>, DaemonError> {
    if config.mode == Mode::Observe {
        return Ok(None); // It changes nothing and may stand beside an acting one.
    }
    match twin::lock(&config.haproxy.socket) {
        Ok(Ok(lock)) => Ok(Some(lock)),
        Ok(Err(taken)) => Err(DaemonError::Twin {
            address: config.haproxy.socket.to_string(),
            pid: taken.pid,
        }),
        Err(error) => {
            tracing::warn!(%error, "cannot tell whether another daemon runs");
            Ok(None)
        }
    }
}
