//! The same story with a real HAProxy: its configuration and process, and users who really come in
//! through its frontend. All of it on loopback and in the demo's own folder.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use super::DemoError;
use super::scenario::{
    ALWAYS_UP, BACKEND, CHECK_INTERVAL, FRONTEND, Place, SERVERS, SPARE, Scenario,
};
use super::servers::{HEALTH_PATH, SmallServer};
use super::world::Sample;
use crate::runtime_api::{Address, Reader};
use crate::sim::arrivals::{Arrival, Arrivals};
use crate::sim::queues::Answer;
use crate::sim::{haproxy, micros};
use crate::words::picture::ReadFailure;

/// Users waiting at a time; more are not sent, so that a stuck HAProxy is not buried.
const MAX_USERS: usize = 256;
/// A user who has waited so long leaves.
const USER_TIMEOUT: Duration = Duration::from_secs(10);
/// HAProxy answers on its admin socket within this long after its start, or it has failed.
const START_TIMEOUT: Duration = Duration::from_secs(5);
const START_PAUSE: Duration = Duration::from_millis(20);
/// One question on the admin socket.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(2);
/// A reply or a page is read up to this length.
const MAX_REPLY_BYTES: u64 = 64 * 1024;
/// So much of what HAProxy says on stderr stands in our error.
const MAX_QUOTE_CHARS: usize = 400;

/// A world around a real HAProxy; ends, and with it HAProxy, when dropped.
#[derive(Debug)]
pub struct RealWorld {
    haproxy: HaproxyProcess,
    admin: Reader,
    users: Arc<Users>,
    servers: [SmallServer; 2],
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Users {
    started: Instant,
    frontend: SocketAddr,
    crowd: Mutex<Crowd>,
}

#[derive(Debug)]
struct Crowd {
    arrivals: Arrivals,
    answers: Vec<Answer>,
}

/// Our child. Never outlives us.
#[derive(Debug)]
struct HaproxyProcess {
    child: Child,
    /// Where its stderr goes.
    errors: PathBuf,
}

impl Drop for HaproxyProcess {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about it then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl HaproxyProcess {
    fn check_alive(&mut self) -> Result<(), DemoError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let said = fs::read_to_string(&self.errors).unwrap_or_default();
                let said: String = said.trim().chars().take(MAX_QUOTE_CHARS).collect();
                let said = if said.is_empty() { "nothing" } else { &said };
                Err(DemoError::World(format!(
                    "HAProxy ended ({status}) and said: {said}"
                )))
            }
            Err(error) => Err(failed("look after HAProxy", &error)),
        }
    }
}

async fn wait_until_it_answers(
    haproxy: &mut HaproxyProcess,
    admin: &Reader,
) -> Result<(), DemoError> {
    let started = Instant::now();
    loop {
        haproxy.check_alive()?;
        match admin.read(&[BACKEND.to_owned()]).await {
            Ok(_) => return Ok(()),
            Err(_) if started.elapsed() < START_TIMEOUT => sleep(START_PAUSE).await,
            Err(error) => return Err(unread(&error)),
        }
    }
}

impl RealWorld {
    /// Writes the configuration, starts HAProxy in the foreground and sends the first users.
    ///
    /// # Errors
    ///
    /// What could not be started, with HAProxy's own words where it refused.
    pub async fn start(
        program: &Path,
        scenario: &Scenario,
        place: &Place,
    ) -> Result<Self, DemoError> {
        let servers = SmallServer::pair(scenario.seed).await;
        let servers = servers.map_err(|error| failed("start a small HTTP server", &error))?;
        let frontend = free_port()
            .await
            .map_err(|error| failed("find a free port on 127.0.0.1", &error))?;
        let addresses = servers.each_ref().map(|server| server.address);
        let configuration = place.folder.join("haproxy.cfg");
        fs::write(&configuration, haproxy_cfg(place, frontend, &addresses))
            .map_err(|error| failed("write haproxy.cfg", &error))?;
        let errors = place.folder.join("haproxy.err");
        let mut haproxy = HaproxyProcess {
            child: spawn(program, &configuration, &place.log, &errors)?,
            errors,
        };
        let admin = Reader::new(Address::Unix(place.admin_socket.clone()), ADMIN_TIMEOUT);
        wait_until_it_answers(&mut haproxy, &admin).await?;
        // Time begins now, not while HAProxy was starting.
        let users = Arc::new(Users {
            started: Instant::now(),
            frontend,
            crowd: Mutex::new(Crowd {
                arrivals: scenario.arrivals(),
                answers: Vec::new(),
            }),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(send_users(Arc::clone(&users)));
        Ok(Self {
            haproxy,
            admin,
            users,
            servers,
            _tasks: tasks,
        })
    }

    /// What happened since the last sample.
    ///
    /// # Errors
    ///
    /// When HAProxy ended or does not answer.
    pub async fn sample(&mut self) -> Result<Sample, DemoError> {
        self.haproxy.check_alive()?;
        let picture = self.admin.read(&[BACKEND.to_owned()]).await;
        let picture = picture.map_err(|error| unread(&error))?;
        let status = |server: usize| {
            let servers = picture.backends.values().flat_map(|read| &read.servers);
            let mut named = servers.filter(|it| SERVERS[server] == it.name);
            named.next().map_or_else(String::new, haproxy::status)
        };
        Ok(Sample {
            at_us: self.users.now_us(),
            status: [status(ALWAYS_UP), status(SPARE)],
            answers: std::mem::take(&mut self.users.locked().answers),
            spare_answers: self.servers[SPARE].warmth.answered(),
        })
    }

    pub fn end_rush(&self) {
        let now_us = self.users.now_us();
        let mut crowd = self.users.locked();
        crowd.arrivals.curve.falls_at_us.get_or_insert(now_us);
    }
}

impl Users {
    fn now_us(&self) -> u64 {
        micros(self.started.elapsed())
    }

    /// Never held across an await; a panic elsewhere leaves numbers that are still good.
    fn locked(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(what: &str, error: &io::Error) -> DemoError {
    DemoError::World(format!("cannot {what}: {error}"))
}

fn unread(error: &ReadFailure) -> DemoError {
    DemoError::World(format!("cannot ask HAProxy for its servers: {error}"))
}

/// A port that was free a moment ago; HAProxy says so if somebody was faster.
async fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()
}

fn haproxy_cfg(place: &Place, frontend: SocketAddr, servers: &[SocketAddr]) -> String {
    use std::fmt::Write as _;

    let mut text = format!(
        "global\n    \
         log stdout len 8192 format raw local0 info\n    \
         stats socket \"{}\" mode 600 level admin\n    \
         maxconn 1000\n\n\
         defaults\n    mode http\n    log global\n    option httplog\n    option dontlognull\n    \
         timeout connect 1s\n    timeout client 30s\n    timeout server 10s\n\n\
         frontend {FRONTEND}\n    bind {frontend}\n    default_backend {BACKEND}\n\n\
         backend {BACKEND}\n    balance roundrobin\n    option httpchk GET {HEALTH_PATH}\n    \
         default-server check inter {}ms rise 2 fall 3\n",
        place.admin_socket.display(),
        CHECK_INTERVAL.as_millis(),
    );
    for (index, (name, address)) in SERVERS.iter().zip(servers).enumerate() {
        let mark = if index == SPARE { " disabled" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    server {name} {address}{mark}");
    }
    text
}

fn spawn(
    program: &Path,
    configuration: &Path,
    log: &Path,
    errors: &Path,
) -> Result<Child, DemoError> {
    // Appended to: HAProxy writes each line with one write, and nothing of it is ever overwritten.
    let append = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
    let log = append(log).map_err(|error| failed("create the log", &error))?;
    let errors = append(errors).map_err(|error| failed("create HAProxy's error file", &error))?;
    Command::new(program)
        .arg("-db")
        .arg("-f")
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| {
            DemoError::World(format!(
                "cannot start {}: {error}; give the path of an haproxy program, or leave --haproxy \
                 out to use the pretend one",
                program.display()
            ))
        })
}

async fn send_users(users: Arc<Users>) {
    let mut waiting = JoinSet::new();
    loop {
        let arrival = users.locked().arrivals.draw();
        sleep_until((users.started + Duration::from_micros(arrival.at_us)).into()).await;
        while waiting.try_join_next().is_some() {}
        if waiting.len() < MAX_USERS {
            let users = Arc::clone(&users);
            waiting.spawn(async move { one_user(&users, arrival).await });
        }
    }
}

async fn one_user(users: &Users, arrival: Arrival) {
    // The clock starts when the user really came, not when the plan had it.
    let arrived_us = users.now_us().max(arrival.at_us);
    let status = match timeout(USER_TIMEOUT, get(users.frontend)).await {
        Ok(Ok(status)) => status,
        Ok(Err(_)) | Err(_) => 0,
    };
    let answer = Answer {
        arrived_us,
        ended_us: users.now_us(),
        server: None,
        status,
        open: (0, 0),
    };
    users.locked().answers.push(answer);
}

async fn get(frontend: SocketAddr) -> io::Result<u16> {
    let mut stream = TcpStream::connect(frontend).await?;
    let request = "GET /basket HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut page = Vec::new();
    stream.take(MAX_REPLY_BYTES).read_to_end(&mut page).await?;
    let page = String::from_utf8_lossy(&page);
    let status = page.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok(status.unwrap_or(0))
}
