//! The model beside a real HAProxy: the same arrivals, the same service time for each request, the same
//! servers. What users got must be about the same.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use haproxy_autoscale::measure::settings::{PolicySettings, Signal};
use haproxy_autoscale::scaler::settings::BackendSettings;
use haproxy_autoscale::simulate::engine::{Arrival, Balance, Cold, SECOND_NS};
use haproxy_autoscale::simulate::load::service::{Sampler, Service};
use haproxy_autoscale::simulate::load::{Arrivals, Load};
use haproxy_autoscale::simulate::measure::Move;
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::scenario::{Run, Scenario};
use haproxy_autoscale::simulate::supply::Supply;

use crate::support::load::{exchange, get};
use crate::support::{
    Answer, Backend, Daemon, DaemonConfig, HaproxyConfig, RealHaproxy, Version, for_each_version,
    for_each_version_at_once,
};

const WORKERS: u32 = 4;
const MEAN: Duration = Duration::from_millis(60);
/// p50 and p95 of the model lie this near to what users got.
const TOLERANCE: f64 = 0.15;
/// How often a case is tried.
const TRIES: usize = 3;
/// HAProxy's checks cost a server nothing; no more does our warm-up.
const FREE: &str = "/health";

/// A server of a few workers: each takes the next connection, reads how long it is to work, and answers.
pub(super) struct Workers {
    address: SocketAddr,
}

impl Workers {
    pub(super) fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (sender, waiting) = mpsc::channel::<(TcpStream, Duration)>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WORKERS {
            let (waiting, name) = (Arc::clone(&waiting), name.to_owned());
            thread::spawn(move || {
                while let Ok((stream, work)) = {
                    let waiting = waiting.lock().expect("no worker panics");
                    waiting.recv()
                } {
                    thread::sleep(work);
                    answer(&stream, &name);
                }
            });
        }
        let name = name.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, name) = (sender.clone(), name.clone());
                // In the order of arrival: HAProxy has sent the head when it connects.
                let Some(path) = path(&stream) else { continue };
                match path.trim_start_matches('/').parse() {
                    Ok(us) => {
                        let _ = sender.send((stream, Duration::from_micros(us)));
                    }
                    Err(_) => answer(&stream, &name),
                }
            }
        });
        Self { address }
    }
}

fn path(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut reader = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first).ok()?;
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    first.split(' ').nth(1).map(str::to_owned)
}

fn answer(mut stream: &TcpStream, name: &str) {
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Server: {name}\r\nConnection: close\r\n\r\nok\n"
    );
    let _ = stream.write_all(text.as_bytes());
}

/// Rates in which nothing but the load changes.
pub(super) fn scenario(servers: usize, rates_per_s: Vec<f64>) -> Scenario {
    let names: Vec<String> = (1..=servers).map(|it| format!("web{it}")).collect();
    Scenario {
        settings: BackendSettings::for_backend("web", names.clone()),
        min: servers,
        names,
        workers: WORKERS,
        made_up: 0,
        maxconn: None,
        cold: Cold::NONE,
        balance: Balance::RoundRobin,
        boot: Duration::ZERO,
        supply: Supply::default(),
        warm_up_requests: 3,
        goal: Duration::from_millis(500),
        load: Load {
            rates_per_s: rates_per_s.into(),
            arrivals: Arrivals::Poisson,
            service: Sampler::of(&Service::Exponential(MEAN), &Arc::from([])),
            heaviness: Arc::from([]),
            seed: 11,
        },
        database: None,
    }
}

/// Sends every request of the load at its time; gives the response times of those that had an answer, in
/// ascending order, and how many had none.
pub(super) fn users(load: &Load, target: SocketAddr) -> (Vec<Duration>, usize) {
    let began = Instant::now();
    // Threads that nobody joins leave nothing behind when they end: there are tens of thousands.
    let (sender, answers) = mpsc::channel();
    let mut sent = 0;
    for Arrival { at_ns, service_ns } in load.stream() {
        let due = Duration::from_nanos(at_ns);
        thread::sleep(due.saturating_sub(began.elapsed()));
        let sender = sender.clone();
        sent += 1;
        thread::spawn(move || {
            let answer = exchange(target, &get(&format!("/{}", service_ns / 1000), &[]));
            let _ = sender.send(answer);
        });
    }
    drop(sender);
    let answers: Vec<Answer> = answers.iter().collect();
    assert_eq!(answers.len(), sent, "a user has no answer");
    let answers = answers.into_iter();
    let (good, bad): (Vec<_>, Vec<_>) = answers.partition(Answer::is_ok);
    let mut took: Vec<Duration> = good.iter().map(|it| it.took).collect();
    took.sort_unstable();
    (took, bad.len())
}

fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or(0.0, |it| it.as_secs_f64() * 1000.0)
}

/// What is wrong with the model's p50 and p95.
fn off(what: &str, run: &Run, took: &[Duration]) -> Vec<String> {
    let [p50, _, p95, _] = run.tally.percentiles_ms();
    let mut faults = Vec::new();
    for (percent, model_ms) in [(50, p50), (95, p95)] {
        let real_ms = percentile_ms(took, percent);
        let line = format!("{what} p{percent}: model {model_ms:.1} ms, real {real_ms:.1} ms");
        #[allow(clippy::print_stdout)] // The figures of a run.
        {
            println!("{line}");
        }
        if (model_ms / real_ms - 1.0).abs() > TOLERANCE {
            faults.push(line);
        }
    }
    faults
}

pub(super) fn haproxy(
    version: &Version,
    scenario: &Scenario,
    servers: &[Workers],
    flags: &str,
) -> RealHaproxy {
    let mut backend = Backend::new("web");
    backend.lines = vec![
        format!("balance {}", scenario.balance.as_str()),
        format!("option httpchk GET {FREE}"),
    ];
    for (index, (server, name)) in servers.iter().zip(&scenario.names).enumerate() {
        let maxconn = scenario.maxconn.map(|it| format!(" maxconn {it}"));
        let disabled = if index < scenario.min {
            ""
        } else {
            " disabled"
        };
        let flags = format!("{flags}{}{disabled}", maxconn.unwrap_or_default());
        backend = backend.server(name, server.address, &flags);
    }
    let config = HaproxyConfig::new(backend);
    let config = config
        .defaults("timeout queue 30s")
        .defaults("timeout server 30s");
    RealHaproxy::start(version, config)
}

/// A busy machine sends and answers late; a model that is wrong is wrong each time.
fn tried(run: impl Fn() -> Vec<String>) -> Vec<String> {
    for _ in 1..TRIES {
        if run().is_empty() {
            return Vec::new();
        }
    }
    run()
}

/// Runs all cases at once; gives what is wrong with any of them.
fn at_once<C: Send>(cases: Vec<C>, run: impl Fn(C) -> Vec<String> + Sync) -> Vec<String> {
    let run = &run;
    thread::scope(|scope| {
        let threads = cases.into_iter().map(|it| scope.spawn(move || run(it)));
        let threads: Vec<_> = threads.collect();
        let faults = threads.into_iter();
        faults.flat_map(|it| it.join().expect("a case")).collect()
    })
}

#[test]
fn users_of_a_real_haproxy_wait_as_long_as_the_model_says() {
    for_each_version(|version| {
        let cases = Balance::ALL
            .into_iter()
            .flat_map(|balance| [(balance, None), (balance, Some(WORKERS))])
            .filter(|case| *case != (Balance::First, None)); // It would give all to one.
        let faults = at_once(cases.collect(), |(balance, maxconn)| {
            let scenario = Scenario {
                balance,
                maxconn,
                ..scenario(2, vec![105.0; 8])
            };
            let run = scenario.run(Policy::StaticMax, None).expect("Little's law");
            tried(|| {
                let servers = [Workers::start("web1"), Workers::start("web2")];
                let haproxy = haproxy(version, &scenario, &servers, "");
                let (took, failed) = users(&scenario.load, haproxy.frontend());
                assert_eq!(failed, 0, "{balance:?}");
                off(&format!("{balance:?} {maxconn:?}"), &run, &took)
            })
        });
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}

/// One server always up and three spares, calm at first, then more than two servers carry.
fn with_spares(maxconn: Option<u32>) -> Scenario {
    let rates = [vec![30.0; 6], vec![110.0; 30]].concat();
    let policy = PolicySettings::new(Signal::ResponseTime, 300.0);
    Scenario {
        settings: BackendSettings {
            policies: vec![policy],
            scale_up_cooldown: Duration::from_secs(8),
            grace: Duration::from_secs(2),
            ..BackendSettings::for_backend("web", vec!["web1".to_owned()])
        },
        min: 1,
        maxconn,
        goal: Duration::from_millis(300),
        ..scenario(4, rates)
    }
}

/// The same settings for the daemon.
fn daemon(haproxy: &RealHaproxy) -> Daemon {
    let daemon = DaemonConfig::new(haproxy)
        .haproxy("poll_interval", "\"2s\"")
        .backend("response_time", "\"300ms\"")
        .backend("window", "15")
        .backend("min_span", "\"1s\"")
        .backend("grace", "\"2s\"")
        .backend("idle_timeout", "\"5m\"")
        .backend("scale_up_cooldown", "\"8s\"")
        .backend("capacity", "\"learn\"");
    daemon.start()
}

#[test]
fn the_daemon_beside_a_real_haproxy_brings_spares_in_when_the_model_says_so() {
    for_each_version_at_once(|version| {
        let faults = at_once(vec![None, Some(WORKERS)], |maxconn| {
            let scenario = with_spares(maxconn);
            let run = scenario.run(Policy::Ours, None).expect("Little's law");
            let model = run.tally.moves.iter().filter(|it| it.what == Move::Serves);
            let model: Vec<f64> = model.map(|it| it.at_ns as f64 / SECOND_NS as f64).collect();
            tried(|| {
                let names = scenario.names.iter();
                let servers: Vec<Workers> = names.map(|name| Workers::start(name)).collect();
                let haproxy = haproxy(version, &scenario, &servers, "check inter 2s");
                let daemon = daemon(&haproxy);
                let began = Instant::now();
                let (took, failed) = users(&scenario.load, haproxy.frontend());
                let told = daemon.told();
                let enables = told.iter().filter(|it| it.text.contains(" enable "));
                let real: Vec<f64> = enables
                    .map(|it| it.at.duration_since(began).as_secs_f64())
                    .collect();
                let mut faults = off(&format!("with spares, {maxconn:?}"), &run, &took);
                let is_near = |(real, model): (&f64, &f64)| (real - model).abs() < 5.0;
                if real.len() != model.len() || !real.iter().zip(&model).all(is_near) {
                    faults.push(format!("{maxconn:?}: real {real:?}, model {model:?}"));
                }
                if failed > 0 {
                    faults.push(format!("{maxconn:?}: {failed} failed"));
                }
                faults
            })
        });
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}
