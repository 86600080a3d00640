//! Looks at HAProxy ten times a second and at the daemon each second, and does what the case wants to
//! happen meanwhile.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use haproxy_autoscale::control;
use rustix::process::{Pid, Signal, kill_process};

use crate::case::{Act, When};
use crate::load::Long;
use crate::seen::{Claim, Line, Row, SERVERS, Sample, Seen, Shown};
use crate::servers::Servers;
use crate::support::haproxy::command_to;
use crate::support::table::{self, rows};

/// Between two looks at HAProxy.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks at the daemon.
const ASK: Duration = Duration::from_millis(500);
/// `srv_admin_state`: any of these is maint …
const MAINT: u32 = 0x23;
/// … and any of these drain.
const DRAIN: u32 = 0x18;

/// What the watch needs of a stage.
pub struct Watched {
    /// HAProxy's admin socket.
    pub admin: PathBuf,
    /// The daemon and its configuration.
    pub operator: (PathBuf, PathBuf),
    /// HAProxy's process.
    pub master: u32,
    /// Second at which the load begins.
    pub begin: f64,
    /// Where long requests are asked for.
    pub long: Sender<Long>,
}

/// Runs until `over`.
pub fn run(
    watched: &Watched,
    mut acts: Vec<(When, Act)>,
    servers: &Servers,
    seen: &Arc<Seen>,
    over: &AtomicBool,
) {
    let mut ready: [Option<f64>; 3] = [None; 3];
    let mut gone: [Option<f64>; 3] = [None; 3];
    while !over.load(Ordering::Relaxed) {
        let sample = look(&watched.admin, seen);
        let now = seen.now();
        if let Some(sample) = sample {
            for (index, row) in sample.rows.iter().enumerate() {
                if row.shown == Shown::Ready {
                    ready[index].get_or_insert(now);
                } else if row.shown == Shown::Maint && ready[index].is_some() {
                    gone[index].get_or_insert(now);
                }
            }
            seen.record().samples.push(sample);
        }
        let due: Vec<_> = acts
            .extract_if(.., |(when, _)| {
                let at = match *when {
                    When::At(at) => Some(watched.begin + at),
                    When::Ready(server, later) => ready[server].map(|at| at + later),
                    When::Gone(server, later) => gone[server].map(|at| at + later),
                };
                at.is_some_and(|at| at <= now)
            })
            .collect();
        for (_, act) in due {
            let text = do_it(&act, watched, servers);
            seen.record().acts.push(Line {
                at: seen.now(),
                text,
            });
        }
        std::thread::sleep(LOOK);
    }
}

/// Asks the daemon until `over`.
pub fn ask(control_socket: &std::path::Path, seen: &Seen, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let at = seen.now();
        let answer = control::ask_status(control_socket);
        let status = answer
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        if let Some(status) = status {
            seen.record().claims.push(Claim { at, status });
        }
        std::thread::sleep(ASK);
    }
}

fn do_it(act: &Act, watched: &Watched, servers: &Servers) -> String {
    match act {
        Act::Mood(server, mood) => {
            servers.set(*server, *mood);
            format!("{} changes", SERVERS[*server])
        }
        Act::All(mood) => {
            (0..SERVERS.len()).for_each(|server| servers.set(server, *mood));
            "all servers change".to_owned()
        }
        Act::Command(command) => {
            let command = command.replace("{web2}", &servers.page(1).to_string());
            let answer = command_to(&watched.admin, &command);
            let answer =
                answer.map_or_else(|error| error.to_string(), |text| text.trim().to_owned());
            format!("{command} -> \"{answer}\"")
        }
        Act::Order(words, wanted) => {
            let (program, config) = &watched.operator;
            let output = Command::new(program)
                .args(*words)
                .arg("-c")
                .arg(config)
                .output();
            let (code, said) = output.map_or_else(
                |error| (None, error.to_string()),
                |output| {
                    let text = [output.stdout, output.stderr].concat();
                    (
                        output.status.code(),
                        String::from_utf8_lossy(&text).trim().to_owned(),
                    )
                },
            );
            let verdict = if code == Some(*wanted) {
                "as wanted"
            } else {
                "NOT AS WANTED"
            };
            format!("{} -> exit {code:?}, {verdict}: {said}", words.join(" "))
        }
        Act::Reload => {
            let pid = i32::try_from(watched.master).ok().and_then(Pid::from_raw);
            let sent = pid.map(|pid| kill_process(pid, Signal::USR2));
            format!("reload {sent:?}")
        }
        Act::SaveState => {
            let file = watched.admin.with_file_name("states");
            let states = command_to(&watched.admin, "show servers state").unwrap_or_default();
            let written = std::fs::write(file, states);
            format!("states saved {written:?}")
        }
        Act::Long(count, path, ms) => {
            let sent = watched.long.send((*count, path, *ms));
            format!(
                "{count} requests of {ms} ms to {path} {}",
                if sent.is_ok() { "" } else { "(too late)" }
            )
        }
    }
}

/// One look; `None` while HAProxy does not answer.
fn look(admin: &std::path::Path, seen: &Seen) -> Option<Sample> {
    let answer = command_to(admin, "show stat web 6 -1;show servers state web").ok()?;
    let at = seen.now();
    let (stat, state) = answer.split_once("\n\n")?;
    let (stat, state) = (rows(stat, ','), rows(state, ' '));
    let backend = stat
        .iter()
        .find(|row| row.get("svname") == Some(&"BACKEND"))?;
    let mut sample = Sample {
        at,
        queued: number(backend, "qcur"),
        ..Sample::default()
    };
    for (index, name) in SERVERS.iter().enumerate() {
        let stat = stat.iter().find(|row| row.get("svname") == Some(name));
        let state = state.iter().find(|row| row.get("srv_name") == Some(name));
        if let (Some(stat), Some(state)) = (stat, state) {
            sample.rows[index] = row_of(stat, state);
        }
    }
    Some(sample)
}

fn number(row: &table::Row<'_>, column: &str) -> u32 {
    row.get(column)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn row_of(stat: &table::Row<'_>, state: &table::Row<'_>) -> Row {
    let admin = number(state, "srv_admin_state");
    let shown = if admin & MAINT != 0 {
        Shown::Maint
    } else if admin & DRAIN != 0 {
        Shown::Drain
    } else if number(state, "srv_op_state") == 0 {
        Shown::Down
    } else {
        Shown::Ready
    };
    let throttle = stat.get("throttle").and_then(|text| text.parse().ok());
    Row {
        shown,
        status: stat.get("status").copied().unwrap_or_default().to_owned(),
        weight: number(stat, "weight"),
        throttle: throttle.unwrap_or(100),
        open: number(stat, "scur"),
        queued: number(stat, "qcur"),
        is_backup: number(stat, "bck") == 1,
    }
}
