//! Drives a real HAProxy with users who do not wait for one another, servers of few workers, and the
//! daemon beside it; compares what the daemon says with what users got.
//!
//! `cargo run --release --example load_lab -- [--list] [--quick] [--jobs N] [CASE…]`. HAProxy is the
//! first one that the tests would take (`HAPROXY_AUTOSCALE_HAPROXY`), or each `--haproxy NAME=PATH`; the
//! daemon is `--daemon PATH`, `HAPROXY_AUTOSCALE_RELEASE`, or the release binary beside this program. A
//! case fails for each claim that differs from what was seen; the exit code is 1 then.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod builder;
mod case;
mod cases;
mod load;
mod report;
mod seen;
mod servers;
mod stage;
#[path = "../../tests/it/support/mod.rs"]
mod support;
mod verdict;
mod watch;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use case::Case;
use clap::Parser;
use report::Done;
use seen::Seen;
use servers::Servers;
use stage::Stage;
use support::Version;
use tokio::signal::unix::{SignalKind, signal};

/// Between the daemon's first picture of HAProxy and the first user, seconds.
const SETTLE: f64 = 1.0;
/// With a later 99th percentile the lab itself is what is slow, milliseconds.
const LATE_MS: f64 = 100.0;

#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools)] // switches of a command line
#[command(
    about = "A real HAProxy, servers of few workers and users who do not wait, beside the daemon"
)]
struct Arguments {
    /// An HAProxy, NAME=PATH; several: each case on each. Default: the first one that is found.
    #[arg(long, value_name = "NAME=PATH")]
    haproxy: Vec<String>,
    /// The daemon.
    #[arg(long, value_name = "PATH", env = "HAPROXY_AUTOSCALE_RELEASE")]
    daemon: Option<PathBuf>,
    /// Only the cases that take at most six minutes together.
    #[arg(long)]
    quick: bool,
    /// Names the cases and ends.
    #[arg(long)]
    list: bool,
    /// Cases at a time.
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// One JSON object for each case instead of the table.
    #[arg(long)]
    json: bool,
    /// Prints what was seen in each second.
    #[arg(long)]
    trace: bool,
    /// Keeps the configurations, logs and traces of each case there.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Cases by name; `max*` names all that begin so. Default: all.
    cases: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load_lab: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all cases passed.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let cases = chosen(arguments)?;
    if arguments.list {
        for case in &cases {
            let quick = if case.quick { "quick" } else { "" };
            println!(
                "{:<24} {:>3.0} s  {quick:<5}  {}",
                case.name,
                case.seconds(),
                case.about
            );
        }
        return Ok(true);
    }
    let versions = haproxys(arguments)?;
    let daemon = daemon(arguments)?;
    let runs = cases
        .iter()
        .flat_map(|case| versions.iter().map(move |version| (case, version)));
    let queue: Mutex<VecDeque<_>> = Mutex::new(
        runs.enumerate()
            .filter(|(_, (case, version))| is_for(case, version))
            .collect(),
    );
    let done: Mutex<Vec<(usize, Done)>> = Mutex::default();
    std::thread::spawn(wait_for_a_signal);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    if is_stopped() {
                        return;
                    }
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some((place, (case, version))) = next else {
                        return;
                    };
                    let one = judge_case(case, version, &daemon, arguments.keep.as_deref());
                    tell(arguments, &one);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((place, one));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    let done: Vec<Done> = done.into_iter().map(|(_, one)| one).collect();
    if is_stopped() {
        return Err("stopped by a signal".to_owned());
    }
    if !arguments.json {
        print!("\n{}", report::table(&done));
    }
    Ok(done.iter().all(|one| one.verdict.faults.is_empty()))
}

/// Ctrl-C and SIGTERM end the processes of all cases under way before this one ends.
static STOPPED: AtomicBool = AtomicBool::new(false);

fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

fn wait_for_a_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut term = signal(SignalKind::terminate()).expect("SIGTERM");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = term.recv() => {}
        }
    });
    STOPPED.store(true, Ordering::Relaxed);
}

fn tell(arguments: &Arguments, one: &Done) {
    if arguments.json {
        println!("{}", one.json());
    } else if arguments.trace {
        println!("== {} on {}\n{}", one.case, one.version, one.trace);
    }
    let outcome = if one.verdict.faults.is_empty() {
        "ok"
    } else {
        "FAILED"
    };
    eprintln!("{} on {}: {outcome}", one.case, one.version);
    for fault in &one.verdict.faults {
        eprintln!("    - {fault}");
    }
}

fn chosen(arguments: &Arguments) -> Result<Vec<Case>, String> {
    let mut all = cases::all();
    if arguments.quick {
        all.retain(|case| case.quick);
    }
    let is_named = |name: &str, wanted: &String| {
        wanted
            .strip_suffix('*')
            .map_or(name == wanted, |start| name.starts_with(start))
    };
    for wanted in &arguments.cases {
        if !all.iter().any(|case| is_named(case.name, wanted)) {
            return Err(format!("no case {wanted}; --list names them"));
        }
    }
    if !arguments.cases.is_empty() {
        all.retain(|case| {
            arguments
                .cases
                .iter()
                .any(|wanted| is_named(case.name, wanted))
        });
    }
    Ok(all)
}

fn haproxys(arguments: &Arguments) -> Result<Vec<Version>, String> {
    if arguments.haproxy.is_empty() {
        let first = support::versions().first().cloned();
        return first
            .map(|first| vec![first])
            .ok_or_else(|| "no HAProxy found".to_owned());
    }
    let read = |text: &String| {
        let (name, path) = text
            .split_once('=')
            .ok_or_else(|| format!("{text} is not NAME=PATH"))?;
        let (name, path) = (name.to_owned(), PathBuf::from(path));
        if path.is_file() {
            Ok(Version { name, path })
        } else {
            Err(format!("no file {}", path.display()))
        }
    };
    arguments.haproxy.iter().map(read).collect()
}

fn daemon(arguments: &Arguments) -> Result<PathBuf, String> {
    let beside = || {
        let own = std::env::current_exe().ok()?;
        Some(own.parent()?.parent()?.join("haproxy-autoscale"))
    };
    let path = arguments.daemon.clone().or_else(beside).unwrap_or_default();
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "no daemon at {}: build it with `cargo build --release`, or name it with --daemon",
        path.display()
    ))
}

fn is_for(case: &Case, version: &Version) -> bool {
    let mut numbers = version
        .name
        .split('.')
        .map(|part| part.parse().unwrap_or(u32::MAX));
    let (major, minor) = (numbers.next(), numbers.next());
    (major.unwrap_or(u32::MAX), minor.unwrap_or(u32::MAX)) >= case.since
}

/// A machine that is too busy to send users in time proves nothing: such a failure is tried once more.
fn judge_case(case: &Case, version: &Version, daemon: &Path, keep: Option<&Path>) -> Done {
    let done = run_case(case, version, daemon, keep);
    if done.verdict.faults.is_empty() || done.verdict.late_ms <= LATE_MS {
        return done;
    }
    let late = done.verdict.late_ms;
    eprintln!(
        "{}: users came up to {late:.0} ms late, tried once more",
        case.name
    );
    run_case(case, version, daemon, keep)
}

/// Never fails: what goes wrong is a fault of the run.
fn run_case(case: &Case, version: &Version, daemon: &Path, keep: Option<&Path>) -> Done {
    let seen = Arc::new(Seen::new());
    let servers = Arc::new(Servers::start(case.servers, &seen));
    let (mut begin, mut end) = (0.0, 0.0);
    match Stage::start(case, &version.path, daemon, &servers, &seen) {
        Err(error) => seen.record().faults.push(error),
        Ok(mut stage) => {
            begin = seen.now() + SETTLE;
            end = begin + case.seconds();
            play(case, &stage, begin, &servers, &seen);
            let ended = stage.daemon_ended();
            seen.record().faults.extend(ended);
            if let Some(folder) = keep {
                stage.keep(&folder.join(format!("{}-{}", case.name, version.name)));
            }
        }
    }
    let record = seen.record().clone();
    let done = Done {
        case: case.name,
        version: version.name.clone(),
        verdict: verdict::judge(case, &record, begin, end),
        said: report::said(&record),
        trace: report::trace(&record, begin),
    };
    if let Some(folder) = keep {
        let folder = folder.join(format!("{}-{}", case.name, version.name));
        let _ = std::fs::create_dir_all(&folder);
        let _ = std::fs::write(folder.join("trace.txt"), &done.trace);
    }
    done
}

/// The load, and everything that happens and is watched meanwhile.
fn play(case: &Case, stage: &Stage, begin: f64, servers: &Arc<Servers>, seen: &Arc<Seen>) {
    let over = AtomicBool::new(false);
    let (send_long, long) = mpsc::channel();
    let watched = watch::Watched {
        admin: stage.admin(),
        operator: stage.operator(),
        master: stage.master(),
        begin,
        long: send_long,
    };
    let (acts, control, frontend) = (case.acts.clone(), stage.control(), stage.frontend.address());
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch::run(&watched, acts, servers, seen, &over));
        let asking = scope.spawn(|| watch::ask(&control, seen, &over));
        let load = case.load.clone();
        let users = scope.spawn(move || load::run(load, begin, frontend, seen, &long, is_stopped));
        let users = users.join();
        over.store(true, Ordering::Relaxed);
        for (who, outcome) in [
            ("load", users),
            ("watch", watching.join()),
            ("status", asking.join()),
        ] {
            if outcome.is_err() {
                seen.record()
                    .faults
                    .push(format!("the thread for the {who} panicked"));
            }
        }
    });
}
