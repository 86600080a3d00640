//! The table of keys: a row for each, table by table, in the order of config.example.toml. The reader,
//! its messages, that example and docs/configuration.md are made of it, or held against it by a test.
//! What a row says, and what follows from it, is in [`super::key`].
//!
//! `("NAME", WHERE, LIMIT, "EXAMPLE") "TEXT"`: where is the place of the value in a `Draft`; its type
//! is the key's type, and what it is in a new draft the default. `{KIND, DEFAULT}` instead stands for
//! a value that its table's reader takes, and `[HEADER]` for a table. The example is shown where there
//! is no default.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::alert_values;
use super::key::Limit::{Least, Text, Type, Whole};
use super::key::{Group, Holds, Key, Section};
use super::policy::Timer;
use super::schedule::Days;
use super::text;
use super::types::{MAX_SAMPLES, MIN_WINDOW};
use super::values::Parse as _;
use crate::measure::settings::Signal;
use crate::words::shift::TimeOfDay;

/// Shortest time limit that can work at all.
const MIN_DURATION: Duration = Duration::from_millis(1);
/// Shortest `poll_interval`: below it HAProxy would be busy with us.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Most servers that `min` and `max` may count.
const MAX_SERVERS: u32 = 10_000;
const MAX_BREACHES: u32 = 1_000;
pub const MAX_TIER: u32 = 100;
const MAX_STARTS: u32 = 3_600;
const MAX_REQUESTS: u32 = 1_000;
/// Shortest time between two requests of a probe or of the heartbeat.
const MIN_PROBE: Duration = Duration::from_secs(1);

macro_rules! keys {
    ($(($name:literal, $holds:tt, $limit:expr, $example:literal) $text:literal)*) => {
        &[$(Key {
            name: $name,
            text: $text,
            holds: holds!($holds),
            limit: $limit,
            example: $example,
        }),*]
    };
}

macro_rules! holds {
    (($($place:tt)+)) => { Holds::Value(|to| &mut to.$($place)+) };
    ({$kind:expr, $default:expr}) => { Holds::Other(|| String::from($kind), $default) };
    ([$header:literal]) => { Holds::Table($header) };
}

/// Keys of one table with nothing to say about all of them.
macro_rules! plain {
    ($($rows:tt)*) => { &[Group { text: "", keys: keys! { $($rows)* } }] };
}

pub mod machine;

pub use self::machine::MACHINE;

/// Outside every table.
pub static TOP: Section = Section {
    header: "",
    text: "",
    groups: plain! {
        ("mode", (config.mode), Type, "\"observe\"")
r#""act" carries out what was decided. "observe" only reports it: nothing is written to HAProxy, and
no spare is contacted. A good setting for the first week."#
        ("haproxy", ["[haproxy]"], Type, "") ""
        ("log", ["[log]"], Type, "") ""
        ("control", ["[control]"], Type, "") ""
        ("state", ["[state]"], Type, "") ""
        ("http", ["[http]"], Type, "") ""
        ("events", ["[events]"], Type, "") ""
        ("alert", ["[[alert]]"], Type, "") ""
        ("probe", ["[[probe]]"], Type, "") ""
        ("heartbeat", ["[heartbeat]"], Type, "") ""
        ("defaults", ["[defaults]"], Type, "") ""
        ("backend", ["[backend.NAME]"], Type, "") ""
    },
    is_off: false,
};

/// `[haproxy]`.
pub static HAPROXY: Section = Section {
    header: "[haproxy]",
    text: "How to reach HAProxy.",
    groups: plain! {
        ("socket", (config.haproxy.socket), Type, "")
r#"The admin socket: `stats socket /run/haproxy/admin.sock mode 660 level admin` in haproxy.cfg. A
TCP socket is written "tcp:127.0.0.1:9999"."#
        ("timeout", (config.haproxy.timeout), Least(MIN_DURATION), "")
    "Time limit of each step on the socket: connect, write, read."
        ("poll_interval", (config.haproxy.poll_interval), Least(MIN_POLL_INTERVAL), "")
    "How often server states and counters are read."
    },
    is_off: false,
};

/// `[log]`.
pub static LOG: Section = Section {
    header: "[log]",
    text: "Where response times come from.",
    groups: plain! {
        ("source", (config.log.source), Type, "")
r#"The file that HAProxy's log is written to, or "-" for standard input. Instead, HAProxy can log
straight to this daemon, without a syslog daemon or a disk; each way is shown with its lines for
haproxy.cfg.

Datagrams: no sender ever waits, and what does not fit into the socket's buffer is lost and
counted. Allow the kernel to grant a buffer of 4 MiB: `sysctl -w net.core.rmem_max=4194304`.

    log 127.0.0.1:5514 len 8192 format rfc5424 local0
    source = "udp:127.0.0.1:5514"

A connection: HAProxy keeps unsent lines in a ring, also while this daemon restarts. Up to 16
senders; lines end with a newline or begin with their length (`log-proto octet-count`).

    log ring@autoscale local0
    ring autoscale
        format rfc5424
        maxlen 8192
        size 1048576
        server autoscale 127.0.0.1:5514
    source = "tcp:127.0.0.1:5514"

A Unix datagram socket, which this daemon creates (mode 0660) and removes when it stops. HAProxy
must be able to reach it from inside its chroot and as its own user: on Debian use a directory of
group haproxy with the setgid bit, such as /var/lib/haproxy/dev, which HAProxy sees as /dev. The
kernel queues only net.unix.max_dgram_qlen datagrams (10 unless raised); HAProxy counts the rest
as DroppedLogs in its `show info`. At thousands of requests per second use UDP or TCP.

    log /dev/autoscale.sock len 8192 local0
    source = "unix:/var/lib/haproxy/dev/autoscale.sock"

systemd's journal, through `journalctl`; the daemon's user must be in group systemd-journal or
adm. journald drops lines of a busy HAProxy unless its unit has `LogRateLimitIntervalSec=0`.

    source = "journal:haproxy""#
        ("format", (config.log.format), Type, "")
r#"How HAProxy writes a line: "httplog", "httpslog" or "clf" for the option of that name, or the
`log-format` string exactly as it is in haproxy.cfg (inside '''three single quotes''' nothing
needs to be escaped), including HAProxy's own variables such as ${HAPROXY_HTTP_LOG_FMT}. It must
contain %b, %s, %ST and %Tr (or %Ta) and should contain %TR, %Tw, %Tc, %Ta and a date. Nothing
that a client chooses (%r, %HU, %hr, %CC ...) may precede them, except inside quotes that HAProxy
escapes; `check` reports it.

    format = '''log-format "as:7f3c9d [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B"'''"#
        ("tag", (config.log.tag), Text(text::tag), "")
"The program name in the syslog header, or the container name in docker compose's. Lines of other
programs are ignored."
        ("max_line_bytes", (config.log.max_line_bytes), Type, "")
    "Longer lines are counted and skipped. B, KiB or MiB."
        ("allow_remote", (config.log.allow_remote), Type, "")
"Allow udp: and tcp: sources to listen beyond loopback, for a HAProxy on another machine. Anyone
who can reach the port can then forge log lines: let a firewall admit only HAProxy."
    },
    is_off: false,
};

/// `[control]`.
pub static CONTROL: Section = Section {
    header: "[control]",
    text: "",
    groups: plain! {
        ("socket", (config.control_socket), Text(text::control_socket), "")
"The daemon's own socket, for `status` and for orders such as `pause`. Its mode is 0660: whoever
can write to it can give orders."
    },
    is_off: false,
};

/// `[state]`.
pub static STATE: Section = Section {
    header: "[state]",
    text: "",
    groups: plain! {
        ("dir", (config.state_dir), Text(text::directory), "")
r#"Where pauses, pins, holds, quarantines, the change in progress and what one server carries survive a
restart: one small file for each admin socket. The directory is created (mode 0700) if its parent exists. If it
cannot be written, the daemon reports it and keeps everything in memory. After an orderly stop it
also holds how far the log has been read: a daemon that starts within a minute resumes there if
the log is provably the same one, otherwise at the log's end. "" keeps nothing."#
    },
    is_off: false,
};

/// `[http]`.
pub static HTTP: Section = Section {
    header: "[http]",
    text: "Metrics and an API over HTTP. Nothing listens unless `listen` says so.",
    groups: plain! {
        ("listen", (config.http.listen), Type, "\"127.0.0.1:9478\"")
r#""" listens nowhere. "127.0.0.1:9478" serves /metrics, /api/v1/ and /healthz to this host,
"unix:/run/haproxy-autoscale/http.sock" to whoever may open that socket (mode 0660). An address that
others can reach needs `token_file`, and then every request needs a token."#
        ("token_file", (config.http.token_file), Text(text::token_file), "\"/etc/haproxy-autoscale/token\"")
r#"Who may give orders over HTTP, a line each: a token of at least 16 characters, alone or after a name
(at most 16 characters) and a space. Others than its owner and group must not read the file: mode 0640 or less. "": nobody
gives orders over HTTP. Create one with `(umask 027; openssl rand -hex 32 >FILE)`."#
    },
    is_off: false,
};

/// `[events]`.
pub static EVENTS: Section = Section {
    header: "[events]",
    text: "",
    groups: plain! {
        ("file", (config.events.file), Text(text::events_file), "")
r#"Where `events`, `explain` and `report` find what happened: one JSON object a line, one file for one
daemon. "" is a file of that kind in [state] dir, or, without one, none: then only the last 1,000 events
are kept, in memory. Complete files are renamed to this name with a number, so that the folder must be
writable; all of them together take at most 64 MiB."#
        ("keep", (config.events.keep), Type, "")
    "Older events are removed."
    },
    is_off: false,
};

/// `[[alert]]`.
pub static ALERT: Section = Section {
    header: "[[alert]]",
    text: "Who is told, as many channels as you like; docs/alerts.md has an example for each kind and receiver.
`haproxy-autoscale alerts test` sends a test message through each.",
    groups: plain! {
        ("kind", (alert.kind), Type, "\"webhook\"")
"A POST to a URL, a mail, or a command of yours that gets the event as JSON on its standard input and
has 10 s."
        ("name", (alert.name), Text(alert_values::name), "\"ops\"")
    "What messages call it. Default: its kind and its place among the tables."
        ("on", (alert.on), Type, "[\"problem\", \"no_spare\"]")
r#"What is told. "problem": whatever keeps the daemon or a backend from working, once when it begins and
once when it is over. "change": servers that come and go, and orders. Or single codes of
docs/messages.md."#
        ("every", (alert.every), Least(Duration::ZERO), "\"1h\"")
"The same incident is told at most once in this time. Its end is always told, if its beginning was."
        ("url", (alert.url), Type, "\"https://chat.example.com/hooks/T012345\"")
"Of a webhook. It may hold a secret: only its host is ever shown, so keep this file from others."
        ("preset", (alert.preset), Type, "\"slack\"")
"Of a webhook: whose format is sent. json: the event as `events --json` prints it."
        ("smtp", (alert.smtp), Type, "\"smtp.example.com:587\"")
    "Of a mail: HOST:PORT of the server that takes it."
        ("tls", (alert.tls), Type, "\"tls\"")
"Of a mail: \"starttls\" (port 587) begins in the clear and sends nothing before it is encrypted,
\"tls\" (port 465) is encrypted from the start, \"none\" is for a server on this host."
        ("from", (alert.from), Text(alert_values::address), "\"haproxy@example.com\"")
    "Of a mail: its sender."
        ("to", (alert.to), Type, "[\"ops@example.com\"]")
    "Of a mail: who gets it."
        ("username", (alert.username), Type, "\"haproxy\"")
    "Of a mail: whom the server knows, if it asks."
        ("password_file", (alert.password_file), Text(text::secret_file), "\"/etc/haproxy-autoscale/smtp-password\"")
"Of a mail: the file with the password of `username`. Others than its owner and group must not read it:
mode 0640 or less."
        ("command", (alert.command), Type, "[\"/usr/local/bin/page-me\", \"--urgent\"]")
    "Of a command: the program with its whole path, and its arguments."
        ("ca_file", (alert.ca_file), Text(text::ca_file), "\"/etc/ssl/private-ca.pem\"")
    "Certificates (PEM) that are believed beside the system's, for https and mail."
    },
    is_off: true,
};

/// `[[probe]]`.
pub static PROBE: Section = Section {
    header: "[[probe]]",
    text: "A URL to look at, as your users would; as many as you like. An alert tells once when it is down and once
when it is up again. No decision is made by it.",
    groups: plain! {
        ("url", (probe.url), Type, "\"https://shop.example/\"")
    "What to ask for with GET. Only its host is ever shown."
        ("every", (probe.every), Least(MIN_PROBE), "")
    "How often."
        ("timeout", (probe.timeout), Least(MIN_DURATION), "")
    "Time limit of one request."
        ("expect_status", (probe.expect_status), Type, "\"200,301\"")
    "Status codes that count as up, as for a warm-up. Redirects are not followed."
        ("failures", (probe.failures), Whole(1, MAX_REQUESTS), "")
    "Consecutive failures after which it is down."
        ("successes", (probe.successes), Whole(1, MAX_REQUESTS), "")
    "Consecutive good answers after which it is up again."
        ("ca_file", (probe.ca_file), Text(text::ca_file), "\"/etc/ssl/private-ca.pem\"")
    "Certificates (PEM) that are believed beside the system's."
    },
    is_off: true,
};

/// `[heartbeat]`.
pub static HEARTBEAT: Section = Section {
    header: "[heartbeat]",
    text: "A sign of life for a service that calls you when it stays away: a GET as long as /healthz would answer
200, which needs no `[http]`.",
    groups: plain! {
        ("url", (config.heartbeat.url), Type, "\"https://hc.example.com/ping/0a1b2c3d\"")
    "\"\": none is sent. It may hold a secret: only its host is ever shown."
        ("every", (config.heartbeat.every), Least(MIN_PROBE), "")
    "How often."
        ("ca_file", (config.heartbeat.ca_file), Text(text::ca_file), "\"/etc/ssl/private-ca.pem\"")
    "Certificates (PEM) that are believed beside the system's."
    },
    is_off: false,
};

/// `[defaults]`.
pub static DEFAULTS: Section = Section {
    header: "[defaults]",
    text: "Every key of [backend.NAME] except `always_up` and `spares` may also appear here, and so may
[defaults.warm_up], [[defaults.policy]] and [[defaults.schedule]]. What a backend sets itself takes
precedence, key by key; a backend with its own [[policy]] takes none from here, and likewise [[schedule]].

    idle_timeout = \"10m\"",
    groups: &[SIZE, SPEED, JUDGING, QUIET, MACHINES, BELOW],
    is_off: false,
};

/// `[backend.NAME]`.
pub static BACKEND: Section = Section {
    header: "[backend.NAME]",
    text: "One table for each backend to scale, named as in haproxy.cfg. If its servers have a `maxconn`, use
`balance leastconn` in haproxy.cfg: with roundrobin HAProxy on its own sends nothing to a spare
that joins while requests wait in the backend's queue.",
    groups: &[SERVERS, SIZE, SPEED, JUDGING, QUIET, MACHINES, BELOW],
    is_off: false,
};

const SERVERS: Group = Group {
    text: "",
    keys: keys! {
        ("always_up", {"a list of server names", None}, Type, "[\"web1\"]")
    "Servers that are never disabled; at least one."
        ("spares", {"`\"auto\"`, or a list of server names", Some("\"auto\"")}, Type, "[\"web3\", \"web4\"]")
r#"Servers that may be enabled and disabled. "auto" means every server marked `disabled` in
haproxy.cfg; a list such as ["web3", "web4"] names them in the order in which they are tried. No
other server is ever changed."#
    },
};

const SIZE: Group = Group {
    text: "",
    keys: keys! {
        ("min", (min), Whole(1, MAX_SERVERS), "1")
    "Number of serving servers to keep, whichever they are. Default: as many as `always_up` names."
        ("max", (scaler.max), Whole(1, MAX_SERVERS), "4")
"Number of serving servers never to exceed. If it is not above both `always_up` and `min`, there is
no room for a spare when load grows. Default: no limit."
    },
};

const SPEED: Group = Group {
    text: "",
    keys: keys! {
        ("response_time", (response_time), Least(MIN_DURATION), "\"500ms\"")
"The backend is too slow when its clients wait longer than this for it (queue, connection and
server together). Shorthand for one [[policy]] with `signal = \"response_time\"` and `above`."
    },
};

const JUDGING: Group = Group {
    text: "How slowness is judged. These keys apply to `response_time` above and to every [[policy]] that
does not set them itself.",
    keys: keys! {
        ("statistic", (policy.statistic), Type, "\"p95\"")
"The figure that stands for all requests of a window: mean, median, p90, p95, p99 or max."
        ("window", (policy.window), Type, "\"10s\"")
"How much is judged at once: a number of requests (15) or a time (\"30s\")."
        ("every", (policy.every), Least(MIN_WINDOW), "\"10s\"")
"How often. Default: whenever the window has been renewed completely."
        ("min_span", (policy.min_span), Least(Duration::ZERO), "")
"A window in requests lasts at least this long, so that a busy backend is not judged on an instant."
        ("min_samples", (policy.min_samples), Whole(1, MAX_SAMPLES), "")
"A window in time is extended until it holds at least this many requests."
        ("breaches", (policy.breaches), Whole(1, MAX_BREACHES), "2")
"Consecutive windows that must be too slow."
        ("add", (policy.add), Type, "2")
"Spares to enable at a time: a number, or a share of the serving servers (\"50%\")."
    },
};

const QUIET: Group = Group {
    text: "When spares are enabled again, and when they are disabled.",
    keys: keys! {
        ("capacity", (scaler.capacity), Type, "\"60/s\"")
r#"How many requests a second one server carries within `response_time`. "learn": found out from the
load, and all that the demand needs come before anything is slow. A rate ("60/s"): you know it. A
table, as `tune` reads it out of old logs: learned from there on. "off": breaches alone bring spares
in.

    capacity = { proved = "36/s", broken = "40/s", in_flight = 8 }"#
        ("headroom", (scaler.headroom), Type, "\"high\"")
    "How much more than the demand is kept ready: low, normal or high."
        ("weight_ramp", (scaler.weight_ramp), Least(Duration::ZERO), "\"1m\"")
r#"How long the share of a newcomer grows: it begins with a tenth of its weight and has all of it after
this time, as long as it answers as well as the others; "0s" is off. It needs a `balance` that looks at
weights and room below the weight (`weight 100` for every server of this backend), and does nothing
where HAProxy's own `slowstart` does the same. For the first minute of it no other spare comes just for
being slow. What replaces a dead server has its whole weight at once."#
        ("scale_up_cooldown", (scaler.scale_up_cooldown), Least(Duration::ZERO), "")
"After a spare has been enabled because it was slow, no other is for this long. What the demand needs
(`capacity`) and what replaces a dead server does not wait."
        ("idle_timeout", (scaler.idle_timeout), Least(MIN_DURATION), "")
    "After this much uninterrupted quiet, one spare is disabled."
        ("scale_down_ratio", (scaler.scale_down_ratio), Type, "")
    "Quiet means below this share of every threshold (0.6 of 500 ms is 300 ms), with an empty queue."
        ("scale_down_cooldown", (scaler.scale_down_cooldown), Least(Duration::ZERO), "")
    "Minimum time between two spares being disabled."
        ("drain_timeout", (scaler.drain_timeout), Least(Duration::ZERO), "")
    "A spare that is being disabled gets no new requests and has this long to finish the ones it has."
        ("on_open_sessions", (scaler.on_open_sessions), Type, "\"maint\"")
r#"What happens to sessions that are still open then. "wait" leaves the spare in drain until they end.
"maint" puts it into maintenance, which cuts them only where haproxy.cfg has `on-marked-down
shutdown-sessions`. A spare that still gets new requests (cookies) is put into maintenance in any
case, which sends those clients elsewhere."#
        ("grace", (scaler.grace), Least(Duration::ZERO), "")
    "A server is not judged until it has been enabled for this long."
        ("hold", (scaler.hold), Least(Duration::ZERO), "")
"A server whose state is changed outside this daemon is left alone for this long. `enable` and
`disable` without --for last equally long."
    },
};

const MACHINES: Group = Group {
    text: "For spares that are off until they are needed, see [backend.NAME.server.SERVER.machine].",
    keys: keys! {
        ("starts_per_hour", (scaler.starts_per_hour), Whole(1, MAX_STARTS), "")
    "Starts of machines within an hour, at most."
        ("machines_at_once", (scaler.machines_at_once), Whole(1, MAX_SERVERS), "")
    "Machines that run at the same time because this daemon started them, at most."
    },
};

const BELOW: Group = Group {
    text: "",
    keys: keys! {
        ("policy", ["[[backend.NAME.policy]]"], Type, "") ""
        ("schedule", ["[[backend.NAME.schedule]]"], Type, "") ""
        ("warm_up", ["[backend.NAME.warm_up]"], Type, "") ""
        ("server", ["[backend.NAME.server.SERVER]"], Type, "") ""
    },
};

/// `[[backend.NAME.policy]]`.
pub static POLICY: Section = Section {
    header: "[[backend.NAME.policy]]",
    text: "More reasons to enable a spare, as many as you like. The policy that asks for the most servers
wins. A policy may also set the keys that judge slowness in [backend.NAME].",
    groups: &[
        Group {
            text: "",
            keys: keys! {
        ("signal", {Signal::kind(), None}, Type, "\"queue_time\"")
"What is measured. response_time, queue_time and connect_time are times of requests, read from the
log. queue_length (requests that wait), concurrency (open sessions) and request_rate (requests a
second) are of the whole backend, read from HAProxy every poll_interval: their `window` is a
duration, 10s unless given, and `min_samples` is 2."
        ("timer", {Timer::kind(), Some("\"Tw+Tc+Tr\"")}, Type, "\"Tr\"")
"Only with response_time: \"Tr\" measures the server alone, \"Tw+Tc+Tr\" what a client waits for."
        ("above", {"a duration of at least `\"1ms\"`, or a number above 0", None}, Least(MIN_DURATION), "\"100ms\"")
"The threshold: a duration for times, a number for the other signals."
        ("per_server", {"a number above 0", None}, Type, "20")
"Instead of a threshold, of queue_length, concurrency and request_rate: how much of it one server is to
take. So many servers are wanted as take all of it (57 sessions at 20 for each: 3 servers). All that are
missing are brought in once `breaches` windows in a row want them, and a server goes only when no
window of the last `idle_timeout` wanted it. `add` means nothing here."
            },
        },
        JUDGING,
    ],
    is_off: true,
};

/// `[[backend.NAME.schedule]]`.
pub static SCHEDULE: Section = Section {
    header: "[[backend.NAME.schedule]]",
    text: "Hours in which at least so many servers serve, whatever the load; as many as you like, the highest
`min` wins. Spares come in when the hours begin, and go as usual after they have ended. So begin
before the users do, by the time that a spare needs.",
    groups: plain! {
        ("days", {Days::kind(), Some("\"mon-sun\"")}, Type, "\"mon-fri\"")
"The days on which the hours begin: mon, tue, wed, thu, fri, sat, sun."
        ("from", {TimeOfDay::kind(), None}, Type, "\"07:30\"")
    "When they begin."
        ("to", {TimeOfDay::kind(), None}, Type, "\"18:00\"")
    "When they end; if that is before `from`, on the next day."
        ("zone", {TimeZone::kind(), None}, Type, "\"Europe/Berlin\"")
"Whose time that is, by its name in the tz database (package tzdata); daylight saving is right. \"UTC\" is
a zone, too. `replay` and `simulate` take the clock of the log for it."
        ("min", {u32::kind(), None}, Whole(1, MAX_SERVERS), "3")
    "Number of serving servers to keep in these hours."
    },
    is_off: true,
};

/// `[backend.NAME.warm_up]`.
pub static WARM_UP: Section = Section {
    header: "[backend.NAME.warm_up]",
    text: "What a spare must prove before any user reaches it: it has to answer GET requests, which are sent
straight to the address that HAProxy has for it.",
    groups: plain! {
        ("path", (warm_up.path), Text(text::request_path), "")
"The path to request."
        ("host", (warm_up.host), Text(text::host), "\"www.example.com\"")
"The Host header; \"\" sends ADDRESS:PORT."
        ("tls_verify", (warm_up.tls_verify), Type, "")
"Verify the certificate of a server that HAProxy reaches over TLS."
        ("requests", (warm_up.requests), Whole(0, MAX_REQUESTS), "")
"Consecutive good answers required. 0 requires only a TCP connection."
        ("expect_status", (warm_up.expect_status), Type, "")
"Status codes that count as good: ranges and single codes, \"200,204,301-302\". Redirects are not
followed."
        ("timeout", (warm_up.timeout), Least(MIN_DURATION), "")
"Time limit of one request."
        ("deadline", (scaler.warm_up_deadline), Least(MIN_DURATION), "")
"Time limit of the whole warm-up, including HAProxy's own checks."
    },
    is_off: false,
};

/// `[backend.NAME.server.SERVER]`.
pub static SERVER: Section = Section {
    header: "[backend.NAME.server.SERVER]",
    text: "",
    groups: plain! {
        ("warm_up_url", {"an http or https URL", None}, Text(text::url), "\"http://10.0.0.13:8080/\"")
    "For one server: request this URL instead of its own address and `path`."
        ("tier", {u32::kind(), Some("1")}, Whole(1, MAX_TIER), "2")
"For a spare that costs more than others: the higher its tier, the later it is taken and the earlier it
goes. Within a tier, spares are taken in their order, as `spares` has it."
        ("machine", ["[backend.NAME.server.SERVER.machine]"], Type, "") ""
    },
    is_off: true,
};

pub static TABLES: &[&Section] = &[
    &TOP, &HAPROXY, &LOG, &CONTROL, &STATE, &HTTP, &EVENTS, &ALERT, &PROBE, &HEARTBEAT, &DEFAULTS,
    &BACKEND, &POLICY, &SCHEDULE, &WARM_UP, &SERVER, &MACHINE,
];
