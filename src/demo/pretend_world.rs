//! The pretend HAProxy at work: its admin socket on the file system, its health checks, the load
//! of `model` in real time and the log file. What it answers is `pretend_haproxy`'s.

use std::io;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::httplog::HttpLog;
use super::model::{Answer, Model};
use super::pretend_haproxy::{PretendHaproxy, Traffic};
use super::scenario::{ALWAYS_UP, Place, SERVERS, SPARE, Scenario, micros};
use super::servers::SmallServer;
use super::warmth::Warmth;
use super::world::Sample;

/// The load moves on this often; a log line is written at most so late.
const STEP: Duration = Duration::from_millis(4);
/// A health check that has no connection by then has failed.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// A command is at most this long, as `tune.bufsize` has it.
const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// A client that has not sent its line by then is dropped (`stats timeout`).
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients of the admin socket at a time (`stats maxconn`); the next one waits unanswered.
const MAX_CLIENTS: usize = 10;
/// After an accept that failed, before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A world without HAProxy; ends when dropped.
#[derive(Debug)]
pub struct PretendWorld {
    shared: Arc<Shared>,
    spare_warmth: Warmth,
    _servers: Vec<SmallServer>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    model: Model,
    haproxy: PretendHaproxy,
    log: HttpLog,
    /// Answered since the last sample; the story takes them many times a second.
    answers: Vec<Answer>,
    failure: Option<io::Error>,
}

impl PretendWorld {
    /// Starts everything: the servers, the admin socket, the log, the load.
    ///
    /// # Errors
    ///
    /// What the system said when a socket or the log cannot be created.
    pub async fn start(scenario: &Scenario, place: &Place) -> io::Result<Self> {
        let warmths = [Warmth::warm(), Warmth::cold()];
        let mut servers = Vec::new();
        for (warmth, seed) in warmths.iter().zip(scenario.seed..) {
            servers.push(SmallServer::start(warmth.clone(), seed).await?);
        }
        let described: Vec<_> = (0..)
            .zip(SERVERS.iter().zip(&servers))
            .map(|(index, (&name, server))| (name, server.address(), index == SPARE))
            .collect();
        let clock = SystemTime::now();
        let start_s = clock
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let pid = process::id();
        let state = State {
            model: Model::new(scenario.arrivals(), warmths.to_vec()),
            haproxy: PretendHaproxy::new(pid, start_s, &described),
            log: HttpLog::create(&place.log, pid, clock)?,
            answers: Vec::new(),
            failure: None,
        };
        let shared = Arc::new(Shared {
            started: Instant::now(),
            state: Mutex::new(state),
        });
        let listener = UnixListener::bind(&place.admin_socket)?;
        shared.locked().follow(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, Arc::clone(&shared)));
        tasks.spawn(pass_time(Arc::clone(&shared)));
        let [_, spare_warmth] = warmths;
        Ok(Self {
            shared,
            spare_warmth,
            _servers: servers,
            _tasks: tasks,
        })
    }

    /// What happened since the last sample.
    ///
    /// # Errors
    ///
    /// When the log could not be written.
    pub fn sample(&self) -> io::Result<Sample> {
        let mut state = self.shared.locked();
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        Ok(Sample {
            at_us: self.shared.now_us(),
            answers: std::mem::take(&mut state.answers),
            status: [state.haproxy.status(ALWAYS_UP), state.haproxy.status(SPARE)],
            spare_answers: self.spare_warmth.answered(),
        })
    }

    /// A copy of this world's load as it is now, to see what would have happened if.
    pub fn fork_load(&self) -> Model {
        let mut state = self.shared.locked();
        state.advance(self.shared.now_us());
        state.model.fork()
    }

    /// The evening begins, and the log is rotated.
    pub fn end_rush(&self) {
        let mut state = self.shared.locked();
        state.advance(self.shared.now_us());
        state.model.end_rush();
        let rotated = state.log.rotate();
        state.note(rotated);
    }

    /// Accepted commands that named the always-up server.
    pub fn always_up_writes(&self) -> u32 {
        self.shared.locked().haproxy.writes(ALWAYS_UP)
    }
}

impl Shared {
    fn now_us(&self) -> u64 {
        micros(self.started.elapsed())
    }

    /// Never held across an await; a panic elsewhere leaves numbers that are still good.
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, line: &str) -> String {
        let now_us = self.now_us();
        let mut state = self.locked();
        state.advance(now_us);
        let reply = state.haproxy.answer(line, now_us);
        state.follow(now_us);
        reply
    }
}

impl State {
    fn advance(&mut self, now_us: u64) {
        let answers = self.model.advance(now_us);
        let written = self.log.append(&answers);
        self.note(written);
        self.answers.extend(answers);
        for index in 0..SERVERS.len() {
            let (given, answered) = self.model.totals_of(index);
            let traffic = Traffic {
                open: self.model.open_on(index),
                given,
                answered,
            };
            self.haproxy.set_traffic(index, traffic);
        }
        self.haproxy.set_refused(self.model.refused());
    }

    /// After HAProxy's states may have changed: traffic goes where they say.
    fn follow(&mut self, now_us: u64) {
        for index in 0..SERVERS.len() {
            let takes_traffic = self.haproxy.takes_traffic(index);
            self.model.set_takes_traffic(index, takes_traffic);
        }
        for notice in self.haproxy.take_notices() {
            let written = self.log.append_notice(&notice, now_us);
            self.note(written);
        }
    }

    fn note(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.failure.get_or_insert(error);
        }
    }
}

async fn pass_time(shared: Arc<Shared>) {
    let mut checks = JoinSet::new();
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let now_us = shared.now_us();
        let due = {
            let mut state = shared.locked();
            state.advance(now_us);
            state.haproxy.checks_due(now_us)
        };
        for (index, address) in due {
            let shared = Arc::clone(&shared);
            checks.spawn(async move {
                let connected = timeout(CHECK_TIMEOUT, TcpStream::connect(address)).await;
                let is_passed = matches!(connected, Ok(Ok(_)));
                let now_us = shared.now_us();
                let mut state = shared.locked();
                state.haproxy.check_ended(index, is_passed, now_us);
                state.follow(now_us);
            });
        }
        while checks.try_join_next().is_some() {}
    }
}

async fn listen(listener: UnixListener, shared: Arc<Shared>) {
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        if clients.len() >= MAX_CLIENTS {
            clients.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                // A client that goes away in between is its own affair.
                clients.spawn(async move {
                    let _ = timeout(COMMAND_TIMEOUT, one_shot(stream, &shared)).await;
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One line, one reply, and the connection is closed. A line without its newline gets no answer.
async fn one_shot(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let mut command = Vec::new();
    let mut piece = [0; 1024];
    let line = loop {
        if let Some(end) = command.iter().position(|&byte| byte == b'\n') {
            break String::from_utf8_lossy(command.get(..end).unwrap_or_default()).into_owned();
        }
        let count = stream.read(&mut piece).await?;
        if count == 0 || command.len() > MAX_COMMAND_BYTES {
            return Ok(());
        }
        command.extend_from_slice(piece.get(..count).unwrap_or_default());
    };
    stream.write_all(shared.answer(&line).as_bytes()).await?;
    stream.shutdown().await
}
