//! The pretend HAProxy at work: its admin socket on the file system, its health checks, the load
//! of `sim::queues` in real time and the log file. What it answers is `sim::haproxy`'s.

use std::io;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::httplog::HttpLog;
use super::scenario::{ALWAYS_UP, Place, SERVERS, SPARE, Scenario};
use super::servers::SmallServer;
use super::world::Sample;
use crate::sim::haproxy::{self, Haproxy};
use crate::sim::queues::{Answer, Model};
use crate::sim::{micros, socket};
use crate::words::time::ms_since_1970;

/// The load moves on this often; a log line is written at most so late.
const STEP: Duration = Duration::from_millis(4);
/// A health check that has no connection by then has failed.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// A world without HAProxy; ends when dropped.
#[derive(Debug)]
pub struct PretendWorld {
    shared: Arc<Shared>,
    servers: [SmallServer; 2],
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
    haproxy: Haproxy,
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
        let servers = SmallServer::pair(scenario.seed).await?;
        let described =
            [ALWAYS_UP, SPARE].map(|it| (SERVERS[it], servers[it].address, it == SPARE));
        let warmths = servers.each_ref().map(|server| server.warmth.clone());
        let clock = SystemTime::now();
        let start_s = ms_since_1970(clock) / 1000;
        let pid = process::id();
        let state = State {
            model: scenario.model(warmths.to_vec()),
            haproxy: Haproxy::new(pid, start_s, &described),
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
        let answering = Arc::clone(&shared);
        tasks.spawn(socket::serve(listener, move |line| {
            Some(answering.answer(line))
        }));
        tasks.spawn(pass_time(Arc::clone(&shared)));
        Ok(Self {
            shared,
            servers,
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
        let servers = &state.haproxy.servers;
        let status = |server: usize| servers.get(server).map(|it| haproxy::status(&it.read));
        Ok(Sample {
            at_us: self.shared.now_us(),
            status: [ALWAYS_UP, SPARE].map(|server| status(server).unwrap_or_default()),
            answers: std::mem::take(&mut state.answers),
            spare_answers: self.servers[SPARE].warmth.answered(),
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
        let state = self.shared.locked();
        let server = state.haproxy.servers.get(ALWAYS_UP);
        server.map_or(0, |server| server.writes)
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
        for (index, server) in self.haproxy.servers.iter_mut().enumerate() {
            server.traffic = self.model.queues.traffic(index);
        }
        self.haproxy.refused = self.model.queues.refused;
    }

    /// After HAProxy's states may have changed: traffic goes where they say.
    fn follow(&mut self, now_us: u64) {
        let queues = &mut self.model.queues;
        for (index, server) in self.haproxy.servers.iter().enumerate() {
            queues.set_takes_traffic(index, server.read.is_up());
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
