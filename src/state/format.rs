//! What the file says: one line with version, CRC-32 and length, then one JSON object. Ends are
//! wall-clock milliseconds with the length that was configured: however a clock has stepped, no more
//! than that is ever left.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::measure::served::Goal;
use crate::measure::settings::Signal;
use crate::scaler::hand::{Evacuated, Kept, Mark, Marks, Since, Until};
use crate::scaler::memory::{BackendMemory, CapacityMemory, MachineMemory, Memory, ServerMemory};
use crate::words::by::{By, Inline};
use crate::words::machine::MachineKey;
use crate::words::picture::{AdminState, Generation};
use crate::words::time::Timestamp;

/// The first words of the file.
const TITLE: &str = "haproxy-autoscale state";
/// Files of any other version are not understood.
const VERSION: u32 = 1;
/// Starts that are remembered of a backend.
const STARTS_MAX: usize = 1000;
/// No machine boots for longer.
const BOOT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Nothing lasts longer: a damaged length must not either.
const LASTS_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    everything: Option<Stands>,
    backends: BTreeMap<String, Backend>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backend {
    /// (`Pid`, `Start_time_sec`).
    generation: Option<(u32, u64)>,
    paused: Option<Stands>,
    servers: BTreeMap<String, Server>,
    /// Left out where there is none, so that a version without it can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capacity: Option<Capacity>,
    /// When machines were started within the last hour, milliseconds of the wall clock; likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    machine_starts_ms: Vec<u64>,
}

/// What one server carries; numbers that cannot be are dropped, and with an unknown timer all of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Capacity {
    /// The one that the goal is about, as in the configuration.
    timer: String,
    above_ms: f64,
    proved_per_s: Option<f64>,
    held: Option<f64>,
    broken_per_s: Option<f64>,
    service_ms: Option<f64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    paused: Option<Stands>,
    pinned: Option<Stands>,
    kept_in: Option<Stands>,
    kept_out: Option<Stands>,
    /// Left out where there is none, so that older versions can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evacuated: Option<Stands>,
    #[serde(default, skip_serializing_if = "is_false")]
    leaves_a_gap: bool,
    expected: Option<String>,
    stands_in: bool,
    hold: Option<Ends>,
    quarantine: Option<Ends>,
    failures: u32,
    told: Vec<String>,
    /// Since 0.2; left out where there is none, so that 0.1 can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lent_maxconn: Option<u32>,
    /// Left out where there is none, so that older versions can read the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lent_weights: Vec<u32>,
    /// Left out where there is none, so that older versions can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine: Option<Machine>,
}

/// The machine that a server runs on.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own, as it stands on disk
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    identity: u64,
    key: u64,
    attempt: u32,
    is_ours: bool,
    may_start_late: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    is_over: bool,
    /// Left out where it is not, so that older versions can read the file.
    #[serde(default, skip_serializing_if = "is_false")]
    is_stopping: bool,
    boot_ms: Option<u64>,
    starts: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stands {
    /// Since when; files of the first version do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    by: Option<u32>,
    /// What else is known of who that is, and why; since 0.2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(default, skip_serializing_if = "is_false")]
    is_sudo: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    ends: Option<Ends>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so.
const fn is_false(value: &bool) -> bool {
    !*value
}

/// An end by the wall clock, and the whole length.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    at_ms: u64,
    length_ms: u64,
}

/// The file's text. `now` and `wall_ms` are the same moment by the scaler's and by the wall clock.
pub fn encode(memory: &Memory, now: Timestamp, wall_ms: u64) -> String {
    let out = Clocks { now, wall_ms };
    let body = Body {
        everything: memory.everything.map(|mark| out.mark(mark)),
        backends: memory
            .backends
            .iter()
            .map(|(name, backend)| (name.clone(), out.backend(backend)))
            .collect(),
    };
    // These types have nothing that JSON cannot say.
    let json = serde_json::to_string(&body).unwrap_or_default();
    let mut text = String::new();
    let crc = crc32(json.as_bytes());
    let length = json.len();
    let _ = write!(text, "{TITLE} {VERSION} {crc:08x} {length}\n{json}\n");
    text
}

/// What a file said. The text of the error goes behind the file's name.
pub fn decode(bytes: &[u8], now: Timestamp, wall_ms: u64) -> Result<Memory, String> {
    let damaged = || "is damaged or was cut off".to_owned();
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (head, rest) = bytes.split_at(end.ok_or_else(damaged)?);
    let head = std::str::from_utf8(head).map_err(|_| damaged())?;
    let head = head.strip_prefix(TITLE).ok_or_else(damaged)?;
    let words: Vec<&str> = head.split_ascii_whitespace().collect();
    let [version, crc, length] = words.as_slice() else {
        return Err(damaged());
    };
    if version.parse() != Ok(VERSION) {
        return Err(format!(
            "is of version {version}, this program writes {VERSION}"
        ));
    }
    let body = rest
        .strip_prefix(b"\n")
        .and_then(|it| it.strip_suffix(b"\n"));
    let body = body.ok_or_else(damaged)?;
    let is_whole =
        length.parse() == Ok(body.len()) && u32::from_str_radix(crc, 16) == Ok(crc32(body));
    if !is_whole {
        return Err(damaged());
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| format!("says what it should not: {error}"))?;
    let clocks = Clocks { now, wall_ms };
    Ok(Memory {
        everything: body.everything.map(|stands| clocks.read_mark(&stands)),
        backends: body
            .backends
            .into_iter()
            .map(|(name, backend)| (name, clocks.read_backend(backend)))
            .collect(),
        is_lost: false,
    })
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// One moment by two clocks.
#[derive(Clone, Copy)]
struct Clocks {
    now: Timestamp,
    wall_ms: u64,
}

impl Clocks {
    fn ends(self, until: Until) -> Ends {
        Ends {
            at_ms: self.wall_ms.saturating_add(ms(until.at.since(self.now))),
            length_ms: ms(until.length),
        }
    }

    fn read_ends(self, ends: &Ends) -> Until {
        let length = Duration::from_millis(ends.length_ms).min(LASTS_MAX);
        let left = Duration::from_millis(ends.at_ms.saturating_sub(self.wall_ms)).min(length);
        Until {
            at: self.now.after(left),
            length,
        }
    }

    fn mark(self, mark: Mark) -> Stands {
        Stands {
            since_ms: mark
                .since
                .map(|since| self.wall_ms.saturating_sub(ms(since.lasted(self.now)))),
            by: mark.by.map(|by| by.uid),
            user: mark
                .by
                .map_or_else(String::new, |by| by.user.as_str().to_owned()),
            is_sudo: mark.by.is_some_and(|by| by.is_sudo),
            reason: mark
                .by
                .map_or_else(String::new, |by| by.reason.as_str().to_owned()),
            ends: mark.until.map(|until| self.ends(until)),
        }
    }

    fn read_mark(self, stands: &Stands) -> Mark {
        Mark {
            since: stands.since_ms.map(|since_ms| {
                let lasted = Duration::from_millis(self.wall_ms.saturating_sub(since_ms));
                Since::ago(self.now, lasted)
            }),
            by: stands.by.map(|uid| By {
                uid,
                user: Inline::of(&stands.user),
                is_sudo: stands.is_sudo,
                reason: Inline::of(&stands.reason),
            }),
            until: stands.ends.as_ref().map(|ends| self.read_ends(ends)),
        }
    }

    fn backend(self, backend: &BackendMemory) -> Backend {
        let servers = backend.servers.iter();
        let starts = backend.machine_starts.iter().take(STARTS_MAX);
        Backend {
            generation: backend.generation.map(|it| (it.pid, it.start_time_s)),
            paused: backend.paused.map(|mark| self.mark(mark)),
            servers: servers
                .map(|(name, server)| (name.clone(), self.server(server)))
                .collect(),
            capacity: backend.capacity.as_ref().map(capacity),
            machine_starts_ms: starts
                .map(|ago| self.wall_ms.saturating_sub(ms(*ago)))
                .collect(),
        }
    }

    fn read_backend(self, backend: Backend) -> BackendMemory {
        let servers = backend.servers.into_iter();
        let starts = backend.machine_starts_ms.iter().take(STARTS_MAX);
        let starts = starts.map(|at| Duration::from_millis(self.wall_ms.saturating_sub(*at)));
        BackendMemory {
            generation: backend
                .generation
                .map(|(pid, start_time_s)| Generation { pid, start_time_s }),
            paused: backend.paused.map(|stands| self.read_mark(&stands)),
            servers: servers
                .map(|(name, server)| (name, self.read_server(&server)))
                .collect(),
            capacity: backend.capacity.as_ref().and_then(read_capacity),
            machine_starts: starts.collect(),
        }
    }

    fn server(self, server: &ServerMemory) -> Server {
        let Marks {
            paused,
            pinned,
            kept,
            evacuated,
        } = server.marks;
        let kept_as = |wanted: Kept| {
            kept.filter(|(kept, _)| *kept == wanted)
                .map(|(_, mark)| self.mark(mark))
        };
        Server {
            paused: paused.map(|mark| self.mark(mark)),
            pinned: pinned.map(|mark| self.mark(mark)),
            kept_in: kept_as(Kept::In),
            kept_out: kept_as(Kept::Out),
            evacuated: evacuated.map(|it| self.mark(it.mark)),
            leaves_a_gap: evacuated.is_some_and(|it| it.leaves_a_gap),
            expected: server.expected.map(|state| state.as_str().to_owned()),
            stands_in: server.stands_in,
            hold: server.hold.map(|until| self.ends(until)),
            quarantine: server.quarantine.map(|until| self.ends(until)),
            failures: server.failures,
            lent_maxconn: server.lent_maxconn,
            lent_weights: server.lent_weights.clone(),
            machine: server.machine.as_ref().map(machine),
            told: server
                .told
                .iter()
                .map(|state| state.as_str().to_owned())
                .collect(),
        }
    }

    fn read_server(self, server: &Server) -> ServerMemory {
        let mark = |stands: &Option<Stands>| stands.as_ref().map(|it| self.read_mark(it));
        let until = |ends: &Option<Ends>| ends.as_ref().map(|it| self.read_ends(it));
        let kept_in = mark(&server.kept_in).map(|mark| (Kept::In, mark));
        let kept_out = mark(&server.kept_out).map(|mark| (Kept::Out, mark));
        ServerMemory {
            marks: Marks {
                paused: mark(&server.paused),
                pinned: mark(&server.pinned),
                kept: kept_in.or(kept_out),
                evacuated: mark(&server.evacuated).map(|mark| Evacuated {
                    mark,
                    leaves_a_gap: server.leaves_a_gap,
                }),
            },
            expected: server.expected.as_deref().and_then(state),
            stands_in: server.stands_in,
            hold: until(&server.hold),
            quarantine: until(&server.quarantine),
            failures: server.failures,
            lent_maxconn: server.lent_maxconn,
            lent_weights: server.lent_weights.clone(),
            machine: server.machine.as_ref().map(read_machine),
            told: server.told.iter().filter_map(|it| state(it)).collect(),
        }
    }
}

fn machine(memory: &MachineMemory) -> Machine {
    Machine {
        identity: memory.identity,
        key: memory.key.0,
        attempt: memory.attempt,
        is_ours: memory.is_ours,
        may_start_late: memory.may_start_late,
        is_over: memory.is_over,
        is_stopping: memory.is_stopping,
        boot_ms: memory.boot.map(ms),
        starts: memory.starts,
    }
}

fn read_machine(read: &Machine) -> MachineMemory {
    MachineMemory {
        identity: read.identity,
        key: MachineKey(read.key),
        attempt: read.attempt,
        is_ours: read.is_ours,
        may_start_late: read.may_start_late,
        is_over: read.is_over,
        is_stopping: read.is_stopping,
        boot: read
            .boot_ms
            .map(|boot_ms| Duration::from_millis(boot_ms).min(BOOT_MAX)),
        starts: read.starts,
    }
}

fn capacity(memory: &CapacityMemory) -> Capacity {
    Capacity {
        timer: timer(memory.goal.signal).to_owned(),
        above_ms: memory.goal.ms,
        proved_per_s: memory.proved_per_s,
        held: memory.held,
        broken_per_s: memory.broken_per_s,
        service_ms: memory.service_ms,
    }
}

/// What a goal is about is a time that servers answer in: one of two.
const fn timer(signal: Signal) -> &'static str {
    match signal {
        Signal::ServerTime => "Tr",
        Signal::ResponseTime
        | Signal::QueueTime
        | Signal::ConnectTime
        | Signal::QueueLength
        | Signal::Concurrency
        | Signal::RequestRate => "Tw+Tc+Tr",
    }
}

fn read_capacity(read: &Capacity) -> Option<CapacityMemory> {
    let mut signals = [Signal::ResponseTime, Signal::ServerTime].into_iter();
    let memory = CapacityMemory {
        goal: Goal {
            signal: signals.find(|signal| timer(*signal) == read.timer)?,
            ms: read.above_ms,
        },
        proved_per_s: read.proved_per_s,
        held: read.held,
        broken_per_s: read.broken_per_s,
        service_ms: read.service_ms,
    };
    memory.plausible()
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn state(word: &str) -> Option<AdminState> {
    let mut all = AdminState::ALL.into_iter();
    all.find(|state| state.as_str() == word)
}
