//! A second parser, written from HAProxy's documentation (`configuration.txt` §8.2.3) and the
//! syslog formats, in another way: the line is cut into words, and the words are looked at. It
//! shares no code with the first, and both must say the same about every line.

use std::net::IpAddr;
use std::path::Path;
use std::time::UNIX_EPOCH;

use haproxy_autoscale::log::line::{Parser, Record};
use proptest::prelude::*;

use super::heads::HEADS;
use super::properties::{Logged, fixed, logged};

const TAG: &str = "haproxy";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What a line says, by the second parser.
#[derive(Debug, PartialEq)]
struct Fields {
    names: [String; 3],
    accepted: String,
    accepted_ms: u128,
    /// TR, Tw, Tc, Tr, Ta.
    timers: [Option<u64>; 5],
    status: Option<u64>,
    bytes: u64,
    /// Termination, `srv_conn`, `retries`, `srv_queue`, `backend_queue`.
    tail: Option<(String, [u64; 4])>,
}

impl Fields {
    /// The first parser's record in the second one's form.
    fn of(record: &Record<'_>) -> Self {
        let request = record.request;
        let frontend = record.frontend.expect("httplog has one");
        let timers = [
            request.request_ms,
            request.queue_ms,
            request.connect_ms,
            request.response_ms,
            request.total_ms,
        ];
        Self {
            names: [frontend, request.backend, request.server].map(str::to_owned),
            accepted: record.accepted.expect("httplog has one").to_owned(),
            accepted_ms: u128::from(record.accepted_ms.expect("httplog has one")),
            timers: timers.map(|timer| timer.map(u64::from)),
            status: request.status.map(u64::from),
            bytes: record.bytes.expect("httplog has one"),
            tail: request.tail.map(|tail| {
                let numbers = [
                    tail.server_connections,
                    tail.retries,
                    tail.server_queue,
                    tail.backend_queue,
                ];
                let flags = tail.termination.map(char::from);
                (flags.iter().collect(), numbers.map(u64::from))
            }),
        }
    }
}

/// The whole second parser: `None` is a line that it refuses.
fn read(line: &[u8]) -> Option<Fields> {
    // Bytes are letters here: nothing is lost, and nothing grows together.
    let text: String = line.iter().map(|byte| char::from(*byte)).collect();
    let text = match text.strip_suffix('\r') {
        Some(text) => text.to_owned(),
        None => text,
    };
    let text = if text.starts_with("{\"log\":\"") {
        log_of_json(&text)?
    } else {
        text
    };
    let text = text.strip_prefix(' ').unwrap_or(&text);
    let mut words: Vec<&str> = text.split(' ').collect();
    let before = words.concat().len();
    drop_heads(&mut words)?;
    if words.concat().len() < before && words.first() == Some(&"") && words.len() > 1 {
        words.remove(0);
    }
    let mut last_word = String::new();
    if let ["message", "repeated", count, "times:", "[", ..] = words[..] {
        count.parse::<u64>().ok()?;
        words.drain(..5);
        if let Some(last) = words.last_mut() {
            last_word.push_str(last.strip_suffix(']').unwrap_or(last));
            *last = &last_word;
        }
    }
    read_words(&words)
}

/// The text in docker's object; one that breaks off is mended first.
fn log_of_json(text: &str) -> Option<String> {
    let whole =
        serde_json::from_str(text).or_else(|_| serde_json::from_str(&format!("{text}\"}}")));
    let object: serde_json::Value = whole.ok()?;
    let log = object.get("log")?.as_str()?;
    Some(log.trim_end_matches('\n').to_owned())
}

/// Takes away the words of all heads. `None` when the line is not ours, or a head is none.
fn drop_heads(words: &mut Vec<&str>) -> Option<()> {
    let mut needs_name = false;
    if words.get(1).is_some() {
        let bar = (1..words.len()).find(|&at| !words[at].is_empty())?;
        if words[bar] == "|" {
            let name = words[0].split(['-', '_', '.']).next()?;
            (name == TAG).then_some(())?;
            words.drain(..=bar);
        } else if words[0].starts_with("[pod/") {
            words[0].ends_with(&format!("/{TAG}]")).then_some(())?;
            words.remove(0);
        } else if iso_date(words[0]) && ["stdout", "stderr"].contains(&words[1]) {
            (words.get(2) == Some(&"F")).then_some(())?;
            words.drain(..3);
        }
    }
    for _ in 0..4 {
        let mut has_priority = false;
        words.first()?;
        if let Some((priority, rest)) = words[0].strip_prefix('<').and_then(|it| it.split_once('>'))
        {
            let is_priority = priority.len() < 4 && priority.parse::<u8>().is_ok_and(|it| it < 192);
            is_priority.then_some(())?;
            words[0] = rest;
            has_priority = true;
        }
        let dated = date_words(words);
        if (has_priority || needs_name) && words[0] == "1" && words.len() > 1 {
            (words[1] == "-" || iso_date(words[1])).then_some(())?;
            words.drain(..2);
            drop_rfc5424(words)?;
            needs_name = false;
        } else if dated > 0 {
            words.drain(..dated);
            words.first()?;
            // A date alone, and right behind it a client or another head.
            if words.len() > 1 && words[1].starts_with('[') {
                break;
            }
            if words[0].starts_with('<') {
                continue;
            }
            needs_name = !drop_names(words)?;
            if !needs_name {
                continue;
            }
            words.first()?;
            if date_words(words) == 0 && !words[0].starts_with('<') && words[0] != "1" {
                return None;
            }
        } else {
            break;
        }
    }
    (!needs_name).then_some(())
}

/// How many words the date at the front has.
fn date_words(words: &[&str]) -> usize {
    let time = |word: &str| word.len() >= 8 && word.split(':').count() == 3;
    let month =
        |word: &str| "JanFebMarAprMayJunJulAugSepOctNovDec".contains(word) && word.len() == 3;
    match words {
        [date, ..] if iso_date(date) => 1,
        [m, "", d, t, ..] if month(m) && d.len() == 1 && time(t) => 4,
        [m, d, t, ..] if month(m) && d.len() == 2 && time(t) => 3,
        [day, date, t, _zone, ..] if day.len() == 3 && date.len() == 10 && time(t) => 4,
        _ => 0,
    }
}

/// `2026-11-21T23:36:31.172726+00:00`, by another's reading.
fn iso_date(word: &str) -> bool {
    let Some((date, time)) = word.split_once('T') else {
        return false;
    };
    let clock = time.get(..8).unwrap_or_default();
    date.len() == 10
        && humantime::parse_rfc3339(&format!("{date}T{clock}Z")).is_ok()
        && (time.ends_with('Z') || time[8..].contains(['+', '-']))
}

/// Host and program behind a date. `Some(false)`: a relay's host, and another head follows.
fn drop_names(words: &mut Vec<&str>) -> Option<bool> {
    let behind = words.get(1..).unwrap_or_default();
    let is_relay = match behind {
        ["1", behind @ ..] => date_words(behind) > 0,
        [first, ..] if first.starts_with('<') => true,
        behind => date_words(behind) > 0,
    };
    if is_relay {
        words.remove(0);
        return Some(false);
    }
    for at in 0..words.len().min(4) {
        let program = words[at].split(['[', ':']).next()?;
        let program = program.strip_suffix(".service").unwrap_or(program);
        if words[at].ends_with(':') {
            (program == TAG && names_before(&words[..at])).then_some(())?;
            words.drain(..=at);
            return Some(true);
        }
    }
    for at in 1..words.len().min(4) {
        if words[at] == TAG && names_before(&words[..at]) {
            words.drain(..=at);
            drop_process(words)?;
            return Some(true);
        }
    }
    words.remove(0);
    Some(false)
}

/// One or two hosts, with at most one `local0.info` among them.
fn names_before(words: &[&str]) -> bool {
    let facilities = words
        .iter()
        .filter(|word| word.starts_with("local"))
        .count();
    words.iter().all(|word| !word.is_empty()) && facilities < 2 && words.len() - facilities < 3
}

/// `lb1 haproxy 23269 - - `.
fn drop_rfc5424(words: &mut Vec<&str>) -> Option<()> {
    (words.get(1) == Some(&TAG)).then_some(())?;
    words.drain(..2);
    drop_process(words)
}

/// Process, message and structured data, whose values may hold spaces.
fn drop_process(words: &mut Vec<&str>) -> Option<()> {
    (words.len() > 2).then_some(())?;
    words.drain(..2);
    let mut element = words.remove(0).to_owned();
    if element == "-" {
        return Some(());
    }
    element.starts_with('[').then_some(())?;
    loop {
        let plain = element.replace("\\\\", "").replace("\\\"", "");
        if element.ends_with(']') && plain.matches('"').count().is_multiple_of(2) {
            return Some(());
        }
        if words.is_empty() {
            return None;
        }
        element = format!("{element} {}", words.remove(0));
    }
}

/// `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq`.
fn read_words(words: &[&str]) -> Option<Fields> {
    let [
        client,
        date,
        frontend,
        names,
        timers,
        status,
        bytes,
        rest @ ..,
    ] = words
    else {
        return None;
    };
    is_client(client).then_some(())?;
    let accepted = date.strip_prefix('[')?.strip_suffix(']')?;
    let frontend = name(frontend.strip_suffix('~').unwrap_or(frontend))?;
    let (backend, server) = names.split_once('/')?;
    let mut numbers = timers.split('/');
    let mut read = [None; 5];
    for (index, timer) in read.iter_mut().enumerate() {
        let word = numbers.next()?;
        let limit = if index == 4 {
            u64::from(u32::MAX)
        } else {
            DAY_MS
        };
        let early = word.strip_prefix('+').filter(|_| index == 4);
        *timer = match early {
            None if word == "-1" => None,
            _ => Some(number(early.unwrap_or(word)).filter(|ms| *ms <= limit)?),
        };
    }
    let timers = numbers.next().is_none().then_some(read)?;
    let status = match *status {
        "-1" | "0" | "000" => None,
        word => Some(number(word).filter(|code| (100..1000).contains(code))?),
    };
    Some(Fields {
        names: [frontend, name(backend)?, name(server)?],
        accepted: accepted.to_owned(),
        accepted_ms: ms_of(accepted)?,
        timers,
        status,
        bytes: number(bytes.strip_prefix('+').unwrap_or(bytes))?,
        tail: read_tail(rest),
    })
}

/// Only behind two cookies that are not there.
fn read_tail(words: &[&str]) -> Option<(String, [u64; 4])> {
    let ["-", "-", flags, connections, queues, ..] = words else {
        return None;
    };
    let is_flag = |flag: char| flag.is_ascii_alphabetic() || flag == '-';
    (flags.len() == 4 && flags.chars().all(is_flag)).then_some(())?;
    let connections: Vec<&str> = connections.split('/').collect();
    let queues: Vec<&str> = queues.split('/').collect();
    let ([active, front, back, server, retries], [first, second]) = (&connections[..], &queues[..])
    else {
        return None;
    };
    let is_digits = |word: &&&str| !word.is_empty() && word.chars().all(|it| it.is_ascii_digit());
    ([active, front, back]
        .iter()
        .filter(|it| is_digits(it))
        .count()
        == 3)
        .then_some(())?;
    let retries = retries.strip_prefix('+').unwrap_or(retries);
    let count = |word: &str| number(word).filter(|it| u32::try_from(*it).is_ok());
    let counts = [
        count(server)?,
        count(retries)?,
        count(first)?,
        count(second)?,
    ];
    Some(((*flags).to_owned(), counts))
}

fn is_client(word: &str) -> bool {
    let Some((address, port)) = word.rsplit_once(':') else {
        return word == "-";
    };
    let is_port =
        port == "-" || (port.len() <= 10 && port.parse::<u64>().is_ok() && !port.starts_with('+'));
    is_port && (["unix", "-"].contains(&address) || address.parse::<IpAddr>().is_ok())
}

/// A name, or a pseudo server's in angle brackets.
fn name(word: &str) -> Option<String> {
    let inner = word
        .strip_prefix('<')
        .and_then(|it| it.strip_suffix('>'))
        .unwrap_or(word);
    let is_letter = |it: char| it.is_ascii_alphanumeric() || "_.:-".contains(it);
    (!inner.is_empty() && inner.chars().all(is_letter)).then(|| word.to_owned())
}

fn number(word: &str) -> Option<u64> {
    let value: u64 = word.parse().ok()?;
    (value.to_string() == word && word.len() < 20).then_some(value)
}

/// `21/Nov/2026:23:36:31.172`, by way of another crate's dates.
fn ms_of(accepted: &str) -> Option<u128> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (date, time) = accepted.split_once(':')?;
    let parts: Vec<&str> = date.split('/').collect();
    let [day, month, year] = parts[..] else {
        return None;
    };
    let at = MONTHS
        .find(month)
        .filter(|at| at % 3 == 0 && month.len() == 3)?;
    (day.len() == 2 && year.len() == 4 && time.len() == 12).then_some(())?;
    // The other crate knows leap seconds, and HAProxy none.
    (time.get(6..8) != Some("60")).then_some(())?;
    let text = format!("{year}-{:02}-{day}T{time}Z", at / 3 + 1);
    let instant = humantime::parse_rfc3339(&text).ok()?;
    Some(instant.duration_since(UNIX_EPOCH).ok()?.as_millis())
}

/// Both parsers on one line; the record's fields, or `None` when both refuse it.
#[track_caller]
fn compare(parser: &Parser, line: &[u8]) -> Option<Fields> {
    let first = parser.parse(line).ok().map(|record| Fields::of(&record));
    let second = read(line);
    assert_eq!(first, second, "{}", String::from_utf8_lossy(line));
    second
}

#[test]
fn both_parsers_read_every_recorded_line_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let parser = Parser::httplog(TAG);
    let mut folders = vec![root];
    let (mut files, mut records, mut refused, mut tails) = (0, 0, 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if !path.to_string_lossy().contains(".log") {
                continue;
            }
            files += 1;
            for line in std::fs::read(&path).unwrap().split(|byte| *byte == b'\n') {
                match compare(&parser, line) {
                    Some(fields) => {
                        records += 1;
                        tails += usize::from(fields.tail.is_some());
                    }
                    None => refused += 1,
                }
            }
        }
    }
    assert!(files >= 26, "{files} files");
    assert!(
        records > 2500 && refused > 100,
        "{records} records, {refused} refused"
    );
    assert!(
        records - tails > 5,
        "lines with captured cookies: {}",
        records - tails
    );
}

/// A line, and what is done to its body.
fn damaged() -> impl Strategy<Value = (Logged, u8, prop::sample::Index, u8)> {
    (logged(), 0..6_u8, any::<prop::sample::Index>(), any::<u8>())
}

proptest! {
    #![proptest_config(fixed(3000))]

    #[test]
    fn both_parsers_read_generated_lines_alike((logged, how, at, byte) in damaged()) {
        let head = logged.head().len();
        let mut line = (logged.up_to_bytes() + &logged.tail_text() + " \"GET / HTTP/1.1").into_bytes();
        let at = head + at.index(line.len() - head);
        match how {
            0 | 1 => {}
            2 => line[at] = byte,
            3 => { line.remove(at); }
            4 => line.insert(at, b"/+-1 0:<~"[usize::from(byte) % 9]),
            _ => line.truncate(at),
        }
        // Docker's escapes are no JSON with these bytes in them.
        let is_json = logged.head().starts_with('{');
        prop_assume!(!is_json || how < 2);
        if is_json {
            line.truncate(line.len() - " \"GET / HTTP/1.1".len());
        }
        let fields = compare(&Parser::httplog(TAG), &line);
        prop_assert!(how > 1 || fields.is_some(), "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn both_parsers_know_every_head() {
    let parser = Parser::httplog(TAG);
    let body =
        "127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/0/0/1/1 200 12 - - ---- 1/1/1/1/0 0/0";
    for head in HEADS {
        let line = format!("{head}{body}");
        assert!(compare(&parser, line.as_bytes()).is_some(), "{head}");
    }
}
