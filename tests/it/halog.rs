//! `stats --json` of a made-up log with everything odd in it: against what its lines were made to
//! say, and against HAProxy's own `halog -srv`.

#![allow(clippy::print_stderr)] // that there is no halog is told

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::generated_log::{Generator, Halog, Head, Kind, Line, Options, Request};
use super::support::program::run;
use super::support::versions::REQUIRED;

const LINES: u64 = 300_000;
/// Far more than any real log has, so that each kind is there some thousand times.
const ODD: f64 = 0.3;
const COLUMNS: &str = "#srv_name 1xx 2xx 3xx 4xx 5xx other tot_req req_ok pct_ok avg_ct avg_rt";

/// A row of `halog -srv` before it divides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    /// 1xx to 5xx, other.
    classes: [u64; 6],
    /// Lines without a -1 among their timers.
    ok: u64,
    connect: Sum,
    response: Sum,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    ms: u64,
    count: u64,
}

impl Sum {
    fn add(&mut self, ms: i32) {
        if let Ok(ms) = u64::try_from(ms) {
            self.ms += ms;
            self.count += 1;
        }
    }
}

impl Row {
    fn add_timers(&mut self, request: &Request) {
        self.ok += u64::from(timers(request).iter().all(|&ms| ms >= 0));
        self.connect.add(request.connect_ms);
        self.response.add(request.response_ms);
    }

    fn add(&mut self, request: &Request) {
        self.add_timers(request);
        self.classes[class_of(request)] += 1;
    }

    /// As halog prints it, all but the percentage.
    fn printed(&self) -> [u64; 10] {
        let [c1, c2, c3, c4, c5, other] = self.classes;
        let average = |sum: Sum| sum.ms / sum.count.max(1);
        let total = self.classes.iter().sum();
        let (connect, response) = (average(self.connect), average(self.response));
        [c1, c2, c3, c4, c5, other, total, self.ok, connect, response]
    }
}

fn timers(request: &Request) -> [i32; 5] {
    [
        request.request_ms,
        request.queue_ms,
        request.connect_ms,
        request.response_ms,
        request.total_ms,
    ]
}

fn class_of(request: &Request) -> usize {
    match request.status {
        status @ 100..=599 => usize::try_from(status / 100 - 1).unwrap(),
        _ => 5,
    }
}

fn name_of(request: &Request) -> String {
    format!("{}/{}", request.backend, request.server)
}

/// Writes the lines that `is_wanted` into a file; `see` gets each of them.
fn write_log(
    folder: &Path,
    options: Options,
    is_wanted: impl Fn(&Line<'_>) -> bool,
    mut see: impl FnMut(&Line<'_>),
) -> String {
    let path = folder.join("haproxy.log");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let mut generator = Generator::new(options);
    while let Some(line) = generator.next_line() {
        if is_wanted(&line) {
            file.write_all(line.text).unwrap();
            file.write_all(b"\n").unwrap();
            see(&line);
        }
    }
    file.flush().unwrap();
    path.to_str().unwrap().to_owned()
}

fn stats_json(log: &str) -> Value {
    let printed = run(&["stats", "--json", log]).succeeded();
    serde_json::from_str(&printed).unwrap()
}

/// Every server of `stats --json` by `backend/server`.
fn servers(stats: &Value) -> BTreeMap<String, &Value> {
    let servers = stats["servers"].as_array().unwrap().iter();
    servers
        .map(|it| {
            let name = |field: &str| it[field].as_str().unwrap();
            (format!("{}/{}", name("backend"), name("server")), it)
        })
        .collect()
}

fn classes_of(server: &Value) -> [u64; 6] {
    ["1xx", "2xx", "3xx", "4xx", "5xx", "other"].map(|it| server["status"][it].as_u64().unwrap())
}

/// Debian's haproxy package brings it, the one that `tests/run` unpacks too. Says so loudly when there is none; panics when
/// `HAPROXY_REQUIRED=1`.
fn halog() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(".haproxy");
    let unpacked = unpacked.read_dir().into_iter().flatten().flatten();
    let mut candidates = std::env::split_paths(&path)
        .chain(["/usr/bin", "/usr/sbin"].map(PathBuf::from))
        .chain(unpacked.map(|suite| suite.path().join("root/usr/bin")))
        .map(|folder| folder.join("halog"));
    let found = candidates.find(|it| it.is_file() && rows_of(it, "/dev/null").is_ok());
    if found.is_none() {
        let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
        assert!(
            !required,
            "no halog found and {REQUIRED}=1: install the haproxy package, which has it"
        );
        // Not eprintln!: the test harness would keep it to itself when all passes.
        let _ = writeln!(
            std::io::stderr(),
            "\n*** NOT TESTED: no halog found, so `stats` is not compared with it. Debian's haproxy \
             package has it.\n"
        );
    }
    found
}

/// Every row of `halog -srv` by its name.
fn rows_of(halog: &Path, log: &str) -> Result<BTreeMap<String, [u64; 10]>, String> {
    let file = std::fs::File::open(log).map_err(|error| format!("{log}: {error}"))?;
    let output = Command::new(halog)
        .args(["-q", "-srv"])
        .stdin(file)
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", halog.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS) {
        return Err(format!("other columns than \"{COLUMNS}\": {text:.200}"));
    }
    Ok(lines
        .map(|line| {
            let cells: Vec<_> = line.split(' ').collect();
            assert_eq!(cells.len(), 12, "{line}");
            // All but the name and the percentage.
            let numbers = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11].map(|at| cells[at].parse().unwrap());
            (cells[0].to_owned(), numbers)
        })
        .collect())
}

/// Whether a mean that was rounded to three digits can be that of numbers whose average halog cuts
/// off behind the point.
fn is_average(mean: &Value, cut: u64) -> bool {
    let Some(mean) = mean.as_f64() else {
        return mean.is_null() && cut == 0;
    };
    let half = 0.000_501;
    mean + half >= cut as f64 && mean - half < (cut + 1) as f64
}

#[test]
fn requests_classes_and_averages_of_each_server_equal_halogs() {
    let Some(halog) = halog() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut lines = 0;
    // Left out are the lines that halog misreads, see the next test.
    let is_read_right = |line: &Line<'_>| match line.halog {
        Halog::Right | Halog::Name(_) => true,
        Halog::Missed | Halog::Request(_) | Halog::Timers(_) => false,
    };
    let options = Options::new(LINES + LINES / 20, ODD);
    let log = write_log(folder.path(), options, is_read_right, |_| lines += 1);
    assert!(lines >= LINES, "{lines} lines");
    let mut theirs = rows_of(&halog, &log).unwrap();
    // What stands where a server would, in tcplog lines, in errors of a handshake and in lines that
    // break off, is a row of zeros.
    theirs.retain(|_, row| *row != [0; 10]);
    let stats = stats_json(&log);
    let ours = servers(&stats);
    assert!(theirs.len() > 20, "{theirs:?}");
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>()
    );
    for (name, server) in ours {
        let row = theirs[&name];
        let [c1, c2, c3, c4, c5, other, total, _, connect, response] = row;
        assert_eq!(server["requests"], total, "{name}");
        assert_eq!(classes_of(server), [c1, c2, c3, c4, c5, other], "{name}");
        let (connect_time, server_time) = (&server["connect_time"], &server["server_time"]);
        assert!(
            is_average(&connect_time["mean"], connect),
            "{name}: {connect_time}, {row:?}"
        );
        assert!(
            is_average(&server_time["mean"], response),
            "{name}: {server_time}, {row:?}"
        );
    }
}

/// halog goes by the order of words. It counts another program's line, one with a day that does not
/// exist, and one that ends before the bytes field; it misses a message that rsyslog calls repeated; it
/// counts timers without their request, and
/// makes rows of what is no server. Each of these, and nothing else, is where it differs from us:
/// what it prints is computed here to the last digit, and what we print in the test after this.
#[test]
fn where_halog_counts_otherwise_each_line_that_it_misreads_explains_it() {
    let Some(halog) = halog() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut misread: BTreeMap<Kind, u64> = BTreeMap::new();
    let log = write_log(
        folder.path(),
        Options::new(LINES, ODD),
        |_| true,
        |line| {
            if line.halog != Halog::Right {
                *misread.entry(line.kind).or_default() += 1;
            }
            match (line.halog, &line.request) {
                (Halog::Right, Some(request)) => {
                    rows.entry(name_of(request)).or_default().add(request);
                }
                (Halog::Right, None) | (Halog::Missed, _) => {}
                (Halog::Request(request), _) => {
                    rows.entry(name_of(&request)).or_default().add(&request);
                }
                (Halog::Timers(request), _) => {
                    let row = rows.entry(name_of(&request)).or_default();
                    row.add_timers(&request);
                }
                (Halog::Name(name), _) => {
                    rows.entry(name.to_owned()).or_default();
                }
            }
        },
    );
    let expected: BTreeMap<_, _> = rows
        .iter()
        .map(|(name, row)| (name.clone(), row.printed()))
        .collect();
    assert_eq!(rows_of(&halog, &log).unwrap(), expected);
    assert_eq!(
        misread.into_keys().collect::<Vec<_>>(),
        [
            Kind::FrontendError,
            Kind::Tcplog,
            Kind::Impostor,
            Kind::Repeated,
            Kind::BadDate,
            Kind::Torn
        ]
    );
}

/// What one server's lines were made to say.
#[derive(Default)]
struct Truth {
    classes: [u64; 6],
    response_time: Vec<u32>,
    queue_time: Vec<u32>,
    connect_time: Vec<u32>,
    server_time: Vec<u32>,
}

impl Truth {
    fn add(&mut self, request: &Request) {
        self.classes[class_of(request)] += 1;
        let [_, queue, connect, server, _] = timers(request).map(|ms| u32::try_from(ms).ok());
        self.queue_time.extend(queue);
        self.connect_time.extend(connect);
        self.server_time.extend(server);
        if let (Some(queue), Some(connect), Some(server)) = (queue, connect, server)
            && request.status < 500
        {
            self.response_time.push(queue + connect + server);
        }
    }
}

/// Nearest rank, exact.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

fn check_times(name: &str, found: &Value, values: &mut [u32]) {
    assert_eq!(found["count"], values.len(), "{name}");
    values.sort_unstable();
    let Some(max) = values.last() else {
        assert!(found["mean"].is_null() && found["max"].is_null(), "{name}");
        return;
    };
    assert_eq!(found["max"], *max, "{name}");
    let sum: u64 = values.iter().map(|&ms| u64::from(ms)).sum();
    let mean = sum as f64 / values.len() as f64;
    assert!(
        (found["mean"].as_f64().unwrap() - mean).abs() <= 0.000_501,
        "{name}: {found}, but the mean is {mean}"
    );
    for percent in [50, 90, 95, 99] {
        let exact = percentile(values, percent);
        let read = found[format!("p{percent}")].as_u64().unwrap();
        assert!(
            read.abs_diff(exact.into()) <= u64::from(exact / 100).max(1),
            "{name}: p{percent} is {read} and not {exact}"
        );
    }
}

/// Holds every number of `stats --json` against what the lines were made to say.
fn check_log(options: Options) {
    let folder = tempfile::tempdir().unwrap();
    let mut truth: BTreeMap<String, Truth> = BTreeMap::new();
    let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
    let mut requests: u64 = 0;
    let log = write_log(
        folder.path(),
        options,
        |_| true,
        |line| {
            *kinds.entry(line.kind).or_default() += 1;
            if let Some(request) = &line.request {
                requests += 1;
                truth.entry(name_of(request)).or_default().add(request);
            }
        },
    );
    assert_eq!(kinds.len(), Kind::ODD.len() + 1, "every kind: {kinds:?}");
    let stats = stats_json(&log);
    let context = format!("behind the head {:?}", options.head);
    assert_eq!(stats["lines"], options.lines, "{context}");
    assert_eq!(stats["requests"], requests, "{context}");
    let rejected = stats["rejected"].as_object().unwrap();
    let sum: u64 = rejected.values().map(|count| count.as_u64().unwrap()).sum();
    let messages = kinds[&Kind::OwnMessage];
    let others = options.lines - requests - messages;
    assert_eq!(sum, others, "{context}: {rejected:?}");
    assert!(!rejected.contains_key("haproxy_message"), "{context}");
    for (reason, of) in [
        ("bad_date", &[Kind::BadDate][..]),
        ("clf", &[Kind::Clf]),
        ("connect", &[Kind::Connect]),
        ("frontend_error", &[Kind::FrontendError]),
        ("other_program", &[Kind::OtherProgram, Kind::Impostor]),
    ] {
        let made: u64 = of.iter().map(|kind| kinds[kind]).sum();
        assert_eq!(rejected[reason], made, "{context}: {reason}");
    }
    // A line that breaks off in its fourth timer, or before it, looks like one of tcplog.
    let tcplog = rejected["tcplog"].as_u64().unwrap() - kinds[&Kind::Tcplog];
    assert!(tcplog <= kinds[&Kind::Torn], "{context}: {tcplog}");
    let found = servers(&stats);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        truth.keys().collect::<Vec<_>>()
    );
    for (name, exact) in &mut truth {
        let server = found[name];
        assert_eq!(classes_of(server), exact.classes, "{name}");
        assert_eq!(server["requests"], exact.classes.iter().sum::<u64>());
        for (timer, values) in [
            ("response_time", &mut exact.response_time),
            ("queue_time", &mut exact.queue_time),
            ("connect_time", &mut exact.connect_time),
            ("server_time", &mut exact.server_time),
        ] {
            check_times(&format!("{timer} of {name}"), &server[timer], values);
        }
    }
}

#[test]
fn every_number_is_what_the_lines_were_made_to_say() {
    check_log(Options::new(LINES, ODD));
}

#[test]
fn the_head_of_the_lines_changes_no_number() {
    for (seed, (_, head)) in (2..).zip(Head::ALL) {
        let mut options = Options::new(3000, ODD);
        (options.head, options.seed) = (head, seed);
        check_log(options);
    }
}
