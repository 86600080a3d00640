//! Fence agents of `ClusterLabs` (Debian: `fence-agents`): what they are told and what their exit codes mean,
//! by their FenceAgentAPI.md and by what their library (`fencing.py`, 4.12.1) does.
//!
//! Their default action is a reboot, so `action` is always told. Every failure is a 1, an outcome that nobody
//! knows too: only `status` is believed.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::program::{Ear, Program, how, look};
use super::settings::Options;
use crate::child::Ended;
use crate::words::machine::{MachineAnswer, MachineCall, MachineFailure, MachineVerb, PowerState};
use crate::words::one_line::escaped;

/// Where Debian and others put agents; a service's PATH may lack it.
const USUAL_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];
/// What it says on its output is for people.
const OUTPUT_BYTES_MAX: usize = 4096;
/// Names of the option that says which machine; the second is the older one.
pub const PLUGS: [&str; 2] = ["plug", "port"];
/// Options that are ours to tell.
pub const OURS: [&str; 2] = ["action", "power_timeout"];
/// Exit codes of `status`.
const ON: i32 = 0;
const OFF: i32 = 2;
/// What the agents' library writes before the answer to `status`.
const STATUS: &str = "status:";
/// The agents' library complains of options that an agent does not know, with their values.
const UNKNOWN_OPTION: &str = "unknown option '";

pub(super) async fn call(
    agent: &str,
    options: &Options,
    call: &MachineCall,
    ear: &mut Ear<'_>,
) -> Result<MachineAnswer, MachineFailure> {
    let limit = call.limit;
    let action = match call.verb {
        MachineVerb::Start => "on",
        MachineVerb::Stop => "off",
        MachineVerb::Status => "status",
    };
    let input = input(action, options, &call.server.server, limit);
    let Ran {
        ended,
        has_complained,
    } = run(agent, options, &input, limit, ear).await?;
    let is_off = match says(&ended) {
        Some(state) => state == PowerState::Off,
        None => !has_complained,
    };
    match (call.verb, ended.status.code()) {
        (MachineVerb::Start | MachineVerb::Stop, Some(0)) => Ok(MachineAnswer::Done),
        (MachineVerb::Status, Some(ON)) => Ok(MachineAnswer::Is(PowerState::On)),
        (MachineVerb::Status, Some(OFF)) if is_off => Ok(MachineAnswer::Is(PowerState::Off)),
        (MachineVerb::Status, Some(OFF)) => {
            // So do a shell and a Python that cannot run their program.
            let why =
                "it ended with 2 and did not say that the machine is off, so that it may be broken";
            Err(MachineFailure::Unknown(ear.with_last(why)))
        }
        (_, Some(_) | None) => {
            let text = ear.with_last(&how(ended.status));
            Err(MachineFailure::Unknown(text))
        }
    }
}

/// How an agent ended.
struct Ran {
    ended: Ended,
    /// It said more than warnings.
    has_complained: bool,
}

/// The state in the agent's own words, where it has some: `Status: OFF`.
fn says(ended: &Ended) -> Option<PowerState> {
    let text = String::from_utf8_lossy(&ended.output).to_ascii_lowercase();
    let words = text.lines().filter_map(|it| it.trim().strip_prefix(STATUS));
    match words.map(str::trim).next_back() {
        Some("on") => Some(PowerState::On),
        Some("off") => Some(PowerState::Off),
        Some(_) | None => None,
    }
}

/// By the level that the agents' library writes before each line (`WARNING:`), or by the name of a kind of warning
/// of Python's (`DeprecationWarning:`).
fn is_warning(line: &str) -> bool {
    line.to_ascii_lowercase().contains("warning:")
}

/// Lines of `key=value`.
fn input(action: &str, options: &Options, server: &str, limit: Duration) -> String {
    let mut input = format!("action={action}\n");
    // It polls after `on` and `off`, by itself for 20 s alone.
    let seconds = limit.as_secs().max(1);
    let _ = writeln!(input, "power_timeout={seconds}\nnodename={server}");
    if !has_plug(options) {
        let _ = writeln!(input, "plug={server}");
    }
    for (key, value) in &options.0 {
        let _ = writeln!(input, "{key}={value}");
    }
    input
}

fn has_plug(options: &Options) -> bool {
    PLUGS.iter().any(|plug| options.0.contains_key(*plug))
}

async fn run(
    agent: &str,
    options: &Options,
    input: &str,
    limit: Duration,
    ear: &mut Ear<'_>,
) -> Result<Ran, MachineFailure> {
    let begun = Instant::now();
    let name = agent.to_owned();
    let Some(program) = look(limit, move || find(&name)).await? else {
        let text =
            format!("there is no agent {agent}; Debian has agents in its package fence-agents");
        return Err(MachineFailure::Refused(text));
    };
    let program = Program {
        path: &program,
        arguments: &[],
        variables: Vec::new(),
        input: input.as_bytes(),
        output_bytes_max: OUTPUT_BYTES_MAX,
        limit: limit.saturating_sub(begun.elapsed()),
    };
    let complaints = AtomicBool::new(false);
    let hear = |line: &str| {
        // Not every agent knows machines by a plug, and ours is a guess.
        let is_guess = line.contains("unknown option 'plug=") && !has_plug(options);
        complaints.fetch_or(!is_warning(line), Ordering::Relaxed);
        (!is_guess).then(|| without_secrets(line, options))
    };
    let ended = program.run(ear, hear).await?;
    Ok(Ran {
        ended,
        // Who has said too much was not heard to the end.
        has_complained: complaints.load(Ordering::Relaxed) || ear.is_full(),
    })
}

/// The line without the values of options that are nobody's business.
fn without_secrets(line: &str, options: &Options) -> String {
    const SECRET_BYTES_MIN: usize = 4;
    /// A line so long is likely one that was cut, blanks at its ends left out.
    const CUT_BYTES: usize = 1000;
    let mut shown = match line.split_once(UNKNOWN_OPTION) {
        Some((before, option)) => {
            let key = option.split(['=', '\'']).next().unwrap_or_default();
            format!("{before}{UNKNOWN_OPTION}{key}'")
        }
        None => line.to_owned(),
    };
    let is_cut = line.len() >= CUT_BYTES;
    for (key, value) in &options.0 {
        if !is_secret(key) {
            continue;
        }
        // As it stands in the line.
        let value = &escaped(value);
        if value.len() >= SECRET_BYTES_MIN {
            shown = shown.replace(value.as_str(), "***");
        }
        let bytes_min = if is_cut { 1 } else { SECRET_BYTES_MIN };
        without_beginning(&mut shown, value, bytes_min);
    }
    shown
}

/// The text without the beginning of a secret at its end, where a long line is cut.
fn without_beginning(text: &mut String, secret: &str, bytes_min: usize) {
    // What is left of a letter that was cut.
    let whole = text.trim_end_matches('\u{fffd}').len();
    let Some(line) = text.get(..whole) else {
        return;
    };
    let ends = secret.char_indices().map(|(at, _)| at).rev();
    let ends = ends.filter(|at| *at >= bytes_min);
    let cut = ends
        .filter_map(|at| line.strip_suffix(secret.get(..at)?))
        .map(str::len)
        .next();
    if let Some(at) = cut {
        text.truncate(at);
        text.push_str("***");
    }
}

/// Whether an option of that name may hold a secret.
pub fn is_secret(key: &str) -> bool {
    let names_a_file = ["_file", "_script"].iter().any(|end| key.ends_with(end));
    let words = ["pass", "secret", "token", "key", "community"];
    !names_a_file && words.iter().any(|word| key.contains(word))
}

/// Asks an agent whether it can reach what it commands. Changes nothing.
///
/// # Errors
/// It cannot, or does not tell.
pub(super) async fn monitor(
    agent: &str,
    options: &Options,
    server: &str,
    limit: Duration,
    ear: &mut Ear<'_>,
) -> Result<(), MachineFailure> {
    let input = input("monitor", options, server, limit);
    let ended = run(agent, options, &input, limit, ear).await?.ended;
    if ended.status.success() {
        return Ok(());
    }
    let text = ear.with_last(&how(ended.status));
    Err(MachineFailure::Unknown(text))
}

/// The agent's whole path.
pub fn find(agent: &str) -> Option<PathBuf> {
    if agent.starts_with('/') {
        return Some(PathBuf::from(agent));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| folder.is_absolute());
    let usual = USUAL_FOLDERS.iter().map(Path::new).map(Path::to_owned);
    let mut all = folders.chain(usual).map(|folder| folder.join(agent));
    all.find(|program| program.is_file())
}
