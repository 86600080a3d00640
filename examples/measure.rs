//! Measures the release binary beside a real HAProxy: `benches/run`.
//!
//! `latency`: from the write of the log line that completes the last breach to the spare being
//! ready, as read on the admin socket. `state`: the same with nothing remembered, with `[state] dir` on
//! the disk of `TMPDIR`, and with it in memory, in turns. `audience`: the same and idle with 50 listeners
//! to events, a scrape of `/metrics` each second and a receiver of alerts that hangs, against none, in turns;
//! `pages`: with the page open in ten browsers and that receiver. `idle`: CPU and memory with nothing to do. `flood`: 20,000
//! lines a second, none of them too slow. Figures are printed and nothing is asserted; what must hold is in `tests/`.
//!
//! With `HAPROXY_AUTOSCALE_AGAINST`, the path of another build, `latency`, `idle` and `flood` measure
//! both by turns, so that what else the machine does falls on both.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::haproxy::command_to;
use support::load::fetch;
use support::table;
use support::{
    Audience, Backend, Behaviour, Daemon, DaemonConfig, HaproxyConfig, RealHaproxy, ReservedPort,
    TinyServer, holds_within, release_binary, versions, wait_for,
};

/// How often the way from line to ready is measured.
const TRIES: usize = 50;
/// Requests of one window, and breaches that are needed.
const WINDOW: usize = 5;
const BREACHES: usize = 3;
/// How long the idle daemon is watched, and how long it may settle before.
const IDLE: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(5);
/// The flood.
const LINES_PER_SECOND: usize = 20_000;
const FLOOD: Duration = Duration::from_secs(10);
/// A write every so often, as a syslog daemon under load does …
const WRITE_EVERY: Duration = Duration::from_millis(1);
/// So often each build idles and is flooded when two are compared.
const TURNS: usize = 5;
/// Who looks on in `audience`.
const LISTENERS: usize = 50;
const SCRAPES: &[(&str, Duration)] = &[("/metrics", Duration::from_secs(1))];
/// Browsers with the page open in `pages`, and what all of them together ask for.
const BROWSERS: usize = 10;
const PAGES: &[(&str, Duration)] = &[
    ("/api/v1/overview", Duration::from_millis(200)),
    ("/api/v1/curve?backend=web", Duration::from_secs(1)),
    ("/api/v1/report", Duration::from_secs(6)),
];
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

fn main() {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
    let version = versions().first().expect("a real HAProxy, see tests/run");
    println!(
        "{} beside HAProxy {}",
        release_binary().file_name().unwrap_or_default().display(),
        version.name
    );
    let builds = builds();
    for build in builds.iter().skip(1) {
        println!("against {}", build.display());
    }
    let world = World::start();
    if wanted("latency") {
        latency(&world, &builds);
    }
    if wanted("state") {
        state(&world);
    }
    if wanted("audience") {
        audience(&world, Watchers::Listeners);
    }
    if wanted("pages") {
        audience(&world, Watchers::Pages);
    }
    if wanted("idle") {
        by_turns(&builds, "% of a core", |build| idle(&world, build));
    }
    if wanted("flood") {
        for (how, lines) in [
            ("a write a millisecond", LINES_PER_SECOND / 1000),
            ("a write a line", 1),
        ] {
            let unit = "s of CPU per million lines";
            by_turns(&builds, unit, |build| flood(&world, build, how, lines));
        }
    }
}

/// This build and the one that it is measured against.
fn builds() -> Vec<PathBuf> {
    let against = std::env::var_os("HAPROXY_AUTOSCALE_AGAINST").map(PathBuf::from);
    std::iter::once(release_binary()).chain(against).collect()
}

/// A figure once, or of two builds by turns; then also the medians.
fn by_turns(builds: &[PathBuf], unit: &str, mut figure: impl FnMut(&Path) -> f64) {
    let turns = if builds.len() > 1 { TURNS } else { 1 };
    let mut figures = vec![Vec::new(); builds.len()];
    for _ in 0..turns {
        for (build, figures) in builds.iter().zip(&mut figures) {
            figures.push(figure(build));
        }
    }
    if turns > 1 {
        for (build, mut figures) in builds.iter().zip(figures) {
            figures.sort_unstable_by(f64::total_cmp);
            println!(
                "  {}: median {:.3} {unit}, of {figures:.3?}",
                build.display(),
                figures[figures.len() / 2]
            );
        }
    }
}

/// HAProxy with one always-up server and two spares, none of them checked.
struct World {
    haproxy: RealHaproxy,
    _servers: [TinyServer; 3],
}

impl World {
    fn start() -> Self {
        let servers =
            ["web1", "web2", "web3"].map(|name| TinyServer::start(name, Behaviour::default()));
        let mut backend = Backend::new("web");
        for server in &servers {
            let disabled = if server.name() == "web1" {
                ""
            } else {
                "disabled"
            };
            backend = backend.server(server.name(), server.address(), disabled);
        }
        let version = versions().first().expect("a real HAProxy");
        Self {
            haproxy: RealHaproxy::start(version, HaproxyConfig::new(backend)),
            _servers: servers,
        }
    }

    fn config(&self, build: &Path, log: &Path) -> DaemonConfig {
        DaemonConfig::at(&self.haproxy.admin_socket(), log).binary(build.to_owned())
    }

    /// A line of a request that HAProxy itself has written; it also says that servers come and go.
    fn line(&self) -> String {
        let last = || {
            let text = self.haproxy.log_text();
            let mut requests = text.lines().filter(|line| line.contains("] "));
            let last = requests.next_back().map(str::to_owned);
            (last, requests.count())
        };
        let (_, before) = last();
        assert!(fetch(self.haproxy.frontend(), "/").is_ok());
        let is_news = || matches!(last(), (Some(_), count) if count > before || before == 0);
        wait_for("HAProxy's line", LIMIT, is_news);
        last().0.expect("a line") + "\n"
    }
}

fn latency(world: &World, builds: &[PathBuf]) {
    let log = world.haproxy.folder().join("latency.log");
    let mut file = File::create(&log).expect("a log file");
    let mut rows: Vec<_> = builds.iter().map(|build| (build, Vec::new())).collect();
    for _ in 0..TRIES {
        for (build, took) in &mut rows {
            took.push(latency_with(
                world,
                build,
                &log,
                &mut file,
                Path::new(""),
                Watchers::Nobody,
            ));
        }
    }
    for (build, took) in rows {
        println!(
            "latency: line written -> spare ready, {TRIES} tries: {} (goal: p50 < 3, p99 < 15) [{}]",
            percentiles(took),
            build.display()
        );
    }
}

/// What it costs that the intent is on disk before the first command.
fn state(world: &World) {
    let log = world.haproxy.folder().join("state.log");
    let mut file = File::create(&log).expect("a log file");
    let disk = tempfile::tempdir().expect("a folder");
    let memory = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let mut rows = [
        ("nothing remembered", Path::new(""), Vec::new()),
        ("remembered in memory", memory.path(), Vec::new()),
        ("remembered on disk", disk.path(), Vec::new()),
    ];
    for _ in 0..TRIES {
        for (_, dir, took) in &mut rows {
            let build = release_binary();
            took.push(latency_with(
                world,
                &build,
                &log,
                &mut file,
                dir,
                Watchers::Nobody,
            ));
        }
    }
    for (name, dir, took) in rows {
        println!(
            "state, {name}: line written -> spare ready, {TRIES} tries: {} [{}]",
            percentiles(took),
            dir.display()
        );
    }
}

/// Whether those who look on cost those who wait for a spare anything.
fn audience(world: &World, watchers: Watchers) {
    let log = world.haproxy.folder().join("audience.log");
    let mut file = File::create(&log).expect("a log file");
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        for (who, took) in [(Watchers::Nobody, &mut alone), (watchers, &mut watched)] {
            let build = release_binary();
            let nowhere = Path::new("");
            took.push(latency_with(world, &build, &log, &mut file, nowhere, who));
        }
    }
    let median = |took: &[Duration]| {
        let mut took = took.to_vec();
        took.sort_unstable();
        took[took.len() / 2].as_secs_f64()
    };
    println!(
        "audience: line written -> spare ready with {}, {TRIES} tries: {}; with none: {}; ratio of the \
         medians {:.2} (goal: about 1)",
        watchers.in_words(),
        percentiles(watched.clone()),
        percentiles(alone.clone()),
        median(&watched) / median(&alone)
    );
    idle_with(world, &release_binary(), watchers);
}

/// The same configuration, serving there.
fn serving(config: DaemonConfig, port: &ReservedPort) -> DaemonConfig {
    let (listen, hook) = (port.address(), hanging());
    config.more(&format!(
        "[http]\nlisten = \"{listen}\"\n[[alert]]\nkind = \"webhook\"\nurl = \"http://{hook}/\"\n\
         on = [\"problem\", \"change\", \"breach\", \"warm_up\"]\n"
    ))
}

/// A receiver of alerts that takes connections and never answers; until this process ends.
fn hanging() -> SocketAddr {
    static PLACE: OnceLock<SocketAddr> = OnceLock::new();
    *PLACE.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        std::thread::spawn(move || {
            let taken: Vec<_> = listener.incoming().collect();
            drop(taken);
        });
        address
    })
}

/// Who looks on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watchers {
    Nobody,
    Listeners,
    Pages,
}

impl Watchers {
    fn in_words(self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Listeners => {
                format!("{LISTENERS} listeners, a scrape a second and a webhook that hangs")
            }
            Self::Pages => format!("the page open in {BROWSERS} browsers and a webhook that hangs"),
        }
    }

    fn look_on(self, port: &ReservedPort) -> Option<Audience> {
        let (listeners, asks) = match self {
            Self::Nobody => return None,
            Self::Listeners => (LISTENERS, SCRAPES),
            Self::Pages => (BROWSERS, PAGES),
        };
        let address = port.address();
        wait_for("HTTP", LIMIT, || fetch(address, "/").status.is_some());
        Some(Audience::start(address, listeners, asks))
    }
}

fn percentiles(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let ms = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!(
        "p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        ms(50),
        ms(90),
        ms(99),
        ms(100)
    )
}

/// One try with a daemon of its own: one would remember that the spare was missed, and keep it longer
/// and longer.
fn latency_with(
    world: &World,
    build: &Path,
    log: &Path,
    file: &mut File,
    state_dir: &Path,
    watchers: Watchers,
) -> Duration {
    let port = ReservedPort::new();
    let config = world
        .config(build, log)
        .default_of("poll_interval")
        .haproxy("poll_interval", "\"250ms\"")
        .backend("window", &WINDOW.to_string())
        .backend("breaches", &BREACHES.to_string())
        .backend("min_span", "\"0s\"")
        .warm_up("requests", "0")
        .state_dir(state_dir);
    let config = if watchers == Watchers::Nobody {
        config
    } else {
        serving(config, &port)
    };
    let daemon = config.start();
    let watching = watchers.look_on(&port);
    wait_for("a picture", LIMIT, || daemon.stage("web2") == "maint");
    if !state_dir.as_os_str().is_empty() {
        wait_for("what was found on disk", LIMIT, || is_settled(state_dir));
    }
    let took = one_try(world, &daemon, file);
    drop((watching, daemon));
    world.haproxy.set_state("web/web2", "maint");
    // Nothing of one try is remembered in the next.
    for entry in state_dir.read_dir().into_iter().flatten().flatten() {
        std::fs::remove_file(entry.path()).expect("a state file");
    }
    took
}

/// The daemon has written down what it found and writes no more.
fn is_settled(state_dir: &Path) -> bool {
    let entries = state_dir.read_dir().into_iter().flatten().flatten();
    let paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    let [path] = paths.as_slice() else {
        return false; // None, or one being written.
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.matches("\"expected\":\"maint\"").count() == 2
}

/// Writes all lines but the last, then the last, and waits for the spare.
fn one_try(world: &World, daemon: &Daemon, file: &mut File) -> Duration {
    let fast = world.line();
    let slow = with_response_ms(&fast, 900);
    let lines = WINDOW * BREACHES;
    // The same number of real requests, so that HAProxy's counters agree with the log.
    (1..lines).for_each(|_| assert!(fetch(world.haproxy.frontend(), "/").is_ok()));
    file.write_all(slow.repeat(lines - 1).as_bytes())
        .expect("lines");
    sleep(Duration::from_millis(20 + u64::from(rand_byte())));
    let socket = world.haproxy.admin_socket();
    let (ready, seen) = mpsc::channel();
    let watch = std::thread::spawn(move || {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            let answer = command_to(&socket, "show servers state web").unwrap_or_default();
            if is_ready(&answer, "web2") {
                let _ = ready.send(Instant::now());
                return;
            }
        }
    });
    sleep(Duration::from_millis(5));
    let written = Instant::now();
    file.write_all(slow.as_bytes()).expect("the last line");
    let ready_at = seen.recv_timeout(LIMIT).unwrap_or_else(|_| {
        panic!("the spare is not ready after {slow}{}", daemon.status());
    });
    watch.join().expect("the watch");
    ready_at - written
}

/// Something between 0 and 255, so that the tries do not keep step with the daemon's polling.
fn rand_byte() -> u8 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.subsec_micros().to_le_bytes()[0])
}

/// The same line with other timers: `TR/Tw/Tc/Tr/Ta` is the field after `backend/server`.
fn with_response_ms(line: &str, ms: u32) -> String {
    let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let at = fields.iter().position(|field| field.starts_with("web/"));
    let timers = at.expect("a server") + 1;
    fields[timers] = format!("0/0/0/{ms}/{ms}");
    fields.join(" ")
}

fn is_ready(answer: &str, server: &str) -> bool {
    let rows = table::rows(answer, ' ').into_iter();
    rows.filter(|row| row.get("srv_name") == Some(&server))
        .any(|row| table::admin_state(&row) == "ready")
}

/// Percent of a core.
fn idle(world: &World, build: &Path) -> f64 {
    idle_with(world, build, Watchers::Nobody)
}

fn idle_with(world: &World, build: &Path, watchers: Watchers) -> f64 {
    let port = ReservedPort::new();
    let config = world
        .config(build, &world.haproxy.log())
        .default_of("poll_interval")
        .default_of("idle_timeout")
        .default_of("window")
        .default_of("min_span");
    let config = if watchers == Watchers::Nobody {
        config
    } else {
        serving(config, &port)
    };
    let daemon = config.start();
    let watching = watchers.look_on(&port);
    sleep(SETTLE);
    let (cpu, started) = (cpu_of(&daemon), Instant::now());
    sleep(IDLE);
    let used = cpu_of(&daemon).checked_sub(cpu).unwrap_or_default();
    let percent = 100.0 * used.as_secs_f64() / started.elapsed().as_secs_f64();
    println!(
        "idle{}: {percent:.4} % of a core over {:.0} s (goal: < 0.15), {:.1} MiB resident (goal: < 12)",
        watching.map_or_else(String::new, |it| format!(
            ", {}, {} answers",
            watchers.in_words(),
            it.answers()
        )),
        started.elapsed().as_secs_f64(),
        resident_mib(&daemon, "VmRSS")
    );
    percent
}

/// Seconds of CPU per million lines.
fn flood(world: &World, build: &Path, how: &str, lines_per_write: usize) -> f64 {
    let log = world.haproxy.folder().join("flood.log");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .expect("a log file");
    let daemon = world
        .config(build, &log)
        .default_of("poll_interval")
        .default_of("window")
        .default_of("min_span")
        // No spare comes in: what it costs to look after one is no cost of a line.
        .backend("response_time", "\"60s\"")
        .start();
    let recorded = recorded_lines();
    let lines: Vec<&str> = recorded.lines().collect();
    let total = LINES_PER_SECOND * usize::try_from(FLOOD.as_secs()).unwrap_or(0);
    let (cpu, started) = (cpu_of(&daemon), Instant::now());
    let mut written = 0;
    let mut behind = Duration::ZERO;
    while written < total {
        let due = written * 1000 / LINES_PER_SECOND;
        let due = WRITE_EVERY * u32::try_from(due).unwrap_or(u32::MAX);
        let elapsed = started.elapsed();
        sleep(due.saturating_sub(elapsed));
        behind = behind.max(elapsed.saturating_sub(due));
        let mut text = String::new();
        for index in written..written + lines_per_write {
            text.push_str(lines[index % lines.len()]);
            text.push('\n');
        }
        file.write_all(text.as_bytes()).expect("lines");
        written += lines_per_write;
    }
    let wrote_in = started.elapsed();
    let counted = || {
        let lines = daemon.status()["log"]["lines"].as_u64();
        usize::try_from(lines.unwrap_or(0)).unwrap_or(0)
    };
    holds_within(LIMIT, || counted() >= written);
    let caught_up = started.elapsed().checked_sub(wrote_in).unwrap_or_default();
    let used = cpu_of(&daemon).checked_sub(cpu).unwrap_or_default();
    let per_million = used.as_secs_f64() / (written as f64 / 1e6);
    let status = daemon.status();
    println!(
        "flood, {how}: {written} lines in {:.1} s ({:.0} a second, writer at most {:.0} ms late), \
         {} counted, {} rejected; all counted {:.0} ms after the last write; {per_million:.2} s of CPU per \
         million lines (goal: <= 1), at most {:.1} MiB resident (goal: < 24)",
        wrote_in.as_secs_f64(),
        written as f64 / wrote_in.as_secs_f64(),
        behind.as_secs_f64() * 1000.0,
        status["log"]["lines"],
        status["log"]["rejected"],
        caught_up.as_secs_f64() * 1000.0,
        resident_mib(&daemon, "VmHWM")
    );
    per_million
}

/// Every line of the recorded logs: all kinds of requests, under each head.
fn recorded_lines() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut paths: Vec<_> = [root.clone(), root.join("heads")]
        .iter()
        .flat_map(|folder| folder.read_dir().expect("fixtures").flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a fixture"));
    texts.fold(String::new(), |all, text| all + text.trim_end() + "\n")
}

/// CPU time of all its threads, to the nanosecond, without what children of it used.
fn cpu_of(daemon: &Daemon) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("its threads");
    let mut total_ns = 0;
    for task in tasks.flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let first = text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
        total_ns += first.unwrap_or(0);
    }
    Duration::from_nanos(total_ns)
}

/// `VmRSS` or `VmHWM`.
fn resident_mib(daemon: &Daemon, field: &str) -> f64 {
    let path = format!("/proc/{}/status", daemon.pid());
    let text = std::fs::read_to_string(path).expect("its status");
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
