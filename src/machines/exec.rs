//! A program of the operator's that starts and stops a machine: what it is told, and what its exit code and
//! its JSON mean. `docs/machines.md` is the contract, in words.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::json;

use super::identity::id;
use super::program::{Ear, Program, how};
use crate::child::Ended;
use crate::words::machine::{MachineAnswer, MachineCall, MachineFailure, MachineVerb, PowerState};
use crate::words::one_line::one_line;
use crate::words::time::ms_since_1970;

/// The verb that asks for all machines.
pub const LIST: &str = "list";
/// Most that an answer may be.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most rows of a list.
const ROWS_MAX: usize = 1000;
/// Longest that an answer may put off the next question.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5 * 60);
/// Longest `message`, and longest word that is quoted of an answer.
const MESSAGE_CHARS_MAX: usize = 300;

/// Exit codes with a meaning: `EX_TEMPFAIL`, `EX_NOPERM` and `EX_CONFIG` of sysexits(3).
const DONE: i32 = 0;
const FAILED: i32 = 1;
/// Of `status` alone.
const OFF: i32 = 2;
const NOT_YET: i32 = 75;
const NOT_ALLOWED: i32 = 77;
const BAD_CONFIGURATION: i32 = 78;

/// A machine of ours, as `list` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the provider calls it.
    pub machine: String,
    /// What people call it.
    pub name: Option<String>,
    pub state: Option<PowerState>,
    pub address: Option<IpAddr>,
    /// When it was created, as the provider writes it.
    pub created: Option<String>,
    pub tags: Vec<String>,
}

/// The JSON that a program may answer with. Whatever else it says is ignored.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    state: Option<String>,
    retry_after: Option<f64>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    machine: String,
    name: Option<String>,
    state: Option<String>,
    address: Option<String>,
    created: Option<serde_json::Value>,
    #[serde(default)]
    tags: Vec<String>,
}

pub(super) async fn call(
    command: &[String],
    call: &MachineCall,
    ear: &mut Ear<'_>,
) -> Result<MachineAnswer, MachineFailure> {
    let ended = run(command, &Told::of(call), call.limit, ear).await?;
    let has_complained = ear.has_heard();
    let answer = answer_of(&ended);
    if let Ok(answer) = &answer
        && let Some(message) = &answer.message
    {
        ear.hear(&one_line(message, MESSAGE_CHARS_MAX));
    }
    let says_off = matches!(&answer, Ok(answer) if answer.state.is_some());
    if call.verb == MachineVerb::Status
        && ended.status.code() == Some(OFF)
        && has_complained
        && !says_off
    {
        // So do a shell and a Python that cannot run their program.
        let why = "it ended with 2 and complained, so that it may be broken; where the machine is off, it has to \
                   print {\"state\":\"off\"} as well";
        return Err(MachineFailure::Unknown(ear.with_last(why)));
    }
    meaning(call.verb, ended.status, answer, ear)
}

/// Every machine of ours that the program knows.
pub(super) async fn list(
    command: &[String],
    limit: Duration,
    ear: &mut Ear<'_>,
) -> Result<Vec<Listed>, MachineFailure> {
    let ended = run(command, &Told::list(limit), limit, ear).await?;
    if !ended.status.success() {
        let text = ear.with_last(&how(ended.status));
        return Err(MachineFailure::Failed(text));
    }
    let unreadable = |why: &str| MachineFailure::Unknown(format!("its list {why}"));
    if ended.has_more {
        return Err(unreadable("is larger than 64 KiB"));
    }
    let text = String::from_utf8(ended.output).map_err(|_| unreadable("is no UTF-8"))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    if lines.clone().nth(ROWS_MAX).is_some() {
        ear.hear(&format!(
            "it lists more than {ROWS_MAX} machines; only the first {ROWS_MAX} are looked at"
        ));
    }
    let rows = lines.take(ROWS_MAX).map(|line| {
        let row: Row = serde_json::from_str(line)
            .map_err(|_| unreadable("has a line that is no JSON object with `machine`"))?;
        let state = row.state.as_deref().map(state_of);
        Ok(Listed {
            machine: row.machine,
            name: row.name,
            state: state.transpose().map_err(|why| unreadable(&why))?,
            address: row.address.and_then(|it| it.parse().ok()),
            created: row.created.map(|it| {
                let text = it.as_str().map(str::to_owned);
                text.unwrap_or_else(|| it.to_string())
            }),
            tags: row.tags,
        })
    });
    rows.collect()
}

/// What a program is told, twice: as variables and as JSON.
struct Told {
    verb: &'static str,
    backend: Option<String>,
    server: Option<String>,
    address: Option<IpAddr>,
    port: Option<u16>,
    attempt: Option<u32>,
    id: Option<String>,
    /// Unix seconds.
    deadline: u64,
}

impl Told {
    fn of(call: &MachineCall) -> Self {
        Self {
            verb: call.verb.as_str(),
            backend: Some(call.server.backend.clone()),
            server: Some(call.server.server.clone()),
            address: call.address.map(|it| it.ip()),
            port: call.address.map(|it| it.port()),
            attempt: Some(call.attempt),
            id: Some(id(call)),
            deadline: deadline(call.limit),
        }
    }

    fn list(limit: Duration) -> Self {
        Self {
            verb: LIST,
            backend: None,
            server: None,
            address: None,
            port: None,
            attempt: None,
            id: None,
            deadline: deadline(limit),
        }
    }

    /// Every variable is there, empty where there is nothing to say, so that `set -u` does no harm.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let text = |value: &Option<String>| OsString::from(value.clone().unwrap_or_default());
        let number = |value: Option<String>| OsString::from(value.unwrap_or_default());
        vec![
            ("HAS_VERB", self.verb.into()),
            ("HAS_BACKEND", text(&self.backend)),
            ("HAS_SERVER", text(&self.server)),
            ("HAS_ADDRESS", number(self.address.map(|it| it.to_string()))),
            ("HAS_PORT", number(self.port.map(|it| it.to_string()))),
            // A machine that exists is known by its server; one that is created will have its own name.
            ("HAS_MACHINE", text(&self.server)),
            ("HAS_ATTEMPT", number(self.attempt.map(|it| it.to_string()))),
            ("HAS_ID", text(&self.id)),
            ("HAS_DEADLINE", self.deadline.to_string().into()),
        ]
    }

    fn json(&self) -> String {
        let json = json!({
            "verb": self.verb,
            "backend": self.backend,
            "server": self.server,
            "address": self.address,
            "port": self.port,
            "machine": self.server,
            "attempt": self.attempt,
            "id": self.id,
            "deadline": self.deadline,
        });
        format!("{json}\n")
    }
}

fn deadline(limit: Duration) -> u64 {
    let at = SystemTime::now().checked_add(limit);
    at.map_or(u64::MAX, |at| ms_since_1970(at) / 1000)
}

async fn run(
    command: &[String],
    told: &Told,
    limit: Duration,
    ear: &mut Ear<'_>,
) -> Result<Ended, MachineFailure> {
    let Some((program, own)) = command.split_first() else {
        let text = "its `command` is empty".to_owned();
        return Err(MachineFailure::Refused(text));
    };
    let verb = std::iter::once(told.verb.to_owned());
    let arguments: Vec<String> = verb.chain(own.iter().cloned()).collect();
    let input = told.json();
    let program = Program {
        path: Path::new(program),
        arguments: &arguments,
        variables: told.variables(),
        input: input.as_bytes(),
        output_bytes_max: ANSWER_BYTES_MAX,
        limit,
    };
    program.run(ear, |line| Some(line.to_owned())).await
}

/// What it said; nothing is an answer, too.
///
/// # Errors
/// What is wrong with it.
fn answer_of(ended: &Ended) -> Result<Answer, String> {
    if ended.has_more {
        return Err("its answer is larger than 64 KiB".to_owned());
    }
    if ended.output.iter().all(u8::is_ascii_whitespace) {
        return Ok(Answer::default());
    }
    serde_json::from_slice(&ended.output)
        .map_err(|_| "its answer is not one JSON object of the kind that is expected".to_owned())
}

fn state_of(word: &str) -> Result<PowerState, String> {
    let known = PowerState::ALL.into_iter().find(|it| it.as_str() == word);
    known.ok_or_else(|| {
        let words = PowerState::ALL.map(PowerState::as_str).join(", ");
        format!(
            "has the state `{}`, which is none of {words}",
            one_line(word, MESSAGE_CHARS_MAX)
        )
    })
}

/// The exit code and the answer together. Where they contradict each other, nobody knows.
fn meaning(
    verb: MachineVerb,
    status: ExitStatus,
    answer: Result<Answer, String>,
    ear: &Ear<'_>,
) -> Result<MachineAnswer, MachineFailure> {
    use MachineVerb::{Start, Status, Stop};
    use PowerState::{Gone, Off, On, Starting, Stopping};
    let why = ear.with_last(&how(status));
    match (status.code(), verb) {
        (Some(NOT_ALLOWED | BAD_CONFIGURATION), _) => return Err(MachineFailure::Refused(why)),
        (Some(FAILED), Start | Stop) => {
            return Err(MachineFailure::Failed(why));
        }
        (Some(DONE | NOT_YET), _) | (Some(OFF), Status) => {}
        (Some(_) | None, _) => return Err(MachineFailure::Unknown(why)),
    }
    let answer = answer.map_err(MachineFailure::Unknown)?;
    let state = answer.state.as_deref().map(state_of);
    let state = state.transpose();
    let state = state.map_err(|why| MachineFailure::Unknown(format!("its answer {why}")))?;
    let not_yet = MachineAnswer::NotYet {
        retry_after: answer.retry_after.and_then(pause),
    };
    let contradicts = |state: PowerState| {
        let text = format!("{}, but says that it is {}", how(status), state.as_str());
        Err(MachineFailure::Unknown(ear.with_last(&text)))
    };
    match (verb, status.code(), state) {
        (Start, _, Some(state @ (Off | Stopping | Gone)))
        | (Stop, _, Some(state @ (On | Starting)))
        | (Status, Some(OFF), Some(state @ (On | Starting | Stopping))) => contradicts(state),
        (Status, Some(OFF), None) => Ok(MachineAnswer::Is(Off)),
        (Status, Some(NOT_YET), None) => Err(MachineFailure::Unknown(why)),
        (Status, _, Some(state)) => Ok(MachineAnswer::Is(state)),
        (Status, _, None) => Ok(MachineAnswer::Is(On)),
        (Start, _, Some(Starting))
        | (Stop, _, Some(Stopping))
        | (Start | Stop, Some(NOT_YET), _) => Ok(not_yet),
        (Start, _, Some(On) | None) | (Stop, _, Some(Off | Gone) | None) => Ok(MachineAnswer::Done),
    }
}

/// Not too long; no time that has passed.
fn pause(seconds: f64) -> Option<Duration> {
    let asked = (seconds >= 0.0).then_some(seconds)?;
    // More than a clock can hold is too long as well.
    let asked = Duration::try_from_secs_f64(asked).unwrap_or(RETRY_AFTER_MAX);
    Some(asked.min(RETRY_AFTER_MAX))
}
