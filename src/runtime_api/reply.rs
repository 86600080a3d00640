//! What HAProxy's replies mean: text → plain data. Pure; no byte sequence makes it panic, and
//! nothing but a whole reply gives a result.

use std::collections::BTreeMap;

use super::servers::{BackendStats, pass_over, server, take_states, take_stats};
use super::table::take_line;
use crate::words::picture::{
    BackendRead, Crowded, Generation, PERMISSION_DENIED, Picture, ServerRead,
};

/// Longest piece of HAProxy's own words in a message, characters.
const QUOTE_MAX_CHARS: usize = 200;

/// Why a reply gives nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// It ended too early.
    Cut,
    /// It is not what was asked for; the text says in what way.
    Odd(String),
    /// HAProxy has no such backend.
    UnknownBackend,
    /// A process that is about to end answered.
    Stopping,
    /// The socket's level does not allow it.
    Denied,
}

/// What a write was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteReply {
    /// An empty line.
    Accepted,
    /// Any text; on one line, and bounded.
    Refused(String),
    /// `Permission denied`: the socket is not of level admin.
    Denied,
    /// `Proxy is disabled.`: an old process that is about to end.
    Stopping,
    /// No whole line came.
    Cut,
}

/// What `show info` says about the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRead {
    /// `Version`.
    pub version: String,
    /// `Pid` and `Start_time_sec`.
    pub generation: Generation,
    /// `DroppedLogs`; 0 where it is not said.
    pub dropped_logs: u64,
    /// `Maxconn`, when `CurrConns` has reached it.
    pub full_at: Option<u32>,
    /// `CumReq`; 0 where it is not said.
    pub requests: u64,
}

/// The reply to `show info`.
///
/// # Errors
/// Any [`ReplyError`] but `UnknownBackend`.
pub fn process(text: &str) -> Result<ProcessRead, ReplyError> {
    let mut rest = text;
    let process = take_process(&mut rest)?;
    ended(rest)?;
    Ok(process)
}

/// The reply to `show info;show servers state [BACKEND];show stat -1 7 -1`: of `backends`, those that
/// HAProxy has.
///
/// # Errors
/// Any [`ReplyError`].
pub fn picture(text: &str, backends: &[String]) -> Result<Picture, ReplyError> {
    let mut rest = text;
    let process = take_process(&mut rest)?;
    let mut listed = take_states(&mut rest, backends)?;
    let mut stats = take_stats(&mut rest, backends)?;
    ended(rest)?;
    let (mut found, mut odd) = (BTreeMap::new(), BTreeMap::new());
    for name in backends {
        let listed = listed.remove(name.as_str()).unwrap_or_default();
        let rows = stats.backends.remove(name.as_str()).unwrap_or_default();
        match backend(name, listed, rows) {
            Ok(Some(read)) => {
                found.insert(name.clone(), read);
            }
            Ok(None) => {}
            Err(text) => {
                odd.insert(name.clone(), text);
            }
        }
    }
    let mut crowded = stats.crowded;
    if let Some(limit) = process.full_at {
        crowded.push(Crowded::Process { limit });
    }
    Ok(Picture {
        generation: process.generation,
        dropped_logs: process.dropped_logs,
        requests: process.requests,
        crowded,
        backends: found,
        odd,
    })
}

/// One backend from its rows; `None` when it has none, a text when they do not fit together.
fn backend(
    name: &str,
    listed: Vec<ServerRead>,
    rows: BackendStats<'_>,
) -> Result<Option<BackendRead>, String> {
    let mut servers = Vec::with_capacity(listed.len());
    let is_listed = !listed.is_empty();
    for state in listed {
        let Some(stat) = rows.servers.get(state.name.as_str()) else {
            return Err(format!(
                "it lists {name}/{} in show servers state and not in show stat",
                state.name
            ));
        };
        let is_tracked = rows.tracked.contains(state.name.as_str());
        servers.push(server(state, stat, is_tracked));
    }
    let Some(totals) = rows.totals else {
        let odd = || format!("show stat has no BACKEND row of {name}");
        return if is_listed { Err(odd()) } else { Ok(None) };
    };
    pass_over(&mut servers, &totals);
    Ok(Some(BackendRead {
        servers,
        ..totals.read
    }))
}

/// The reply to `show cli level`: `user`, `operator` or `admin`.
///
/// # Errors
/// [`ReplyError::Cut`] or [`ReplyError::Odd`].
pub fn level(text: &str) -> Result<String, ReplyError> {
    let mut rest = text;
    let level = take_line(&mut rest)?;
    if !matches!(level, "user" | "operator" | "admin") {
        return Err(odd_answer(level));
    }
    let end = take_line(&mut rest)?;
    if !end.is_empty() {
        return Err(odd_answer(end));
    }
    ended(rest)?;
    Ok(level.to_owned())
}

/// The reply to `show backend`: a header `# name`, then one name a line.
///
/// # Errors
/// [`ReplyError::Cut`], [`ReplyError::Odd`] or [`ReplyError::Denied`].
pub fn backends(text: &str) -> Result<Vec<String>, ReplyError> {
    let mut rest = text;
    let header = take_line(&mut rest)?;
    if !header.starts_with("# name") {
        return Err(odd_answer(header));
    }
    let mut names = Vec::new();
    loop {
        let line = take_line(&mut rest)?;
        if line.is_empty() {
            ended(rest)?;
            return Ok(names);
        }
        names.push(line.to_owned());
    }
}

/// The reply to `set server …`: an empty line is a yes, any text is a no (`management.txt` §9.3).
pub fn write(text: &str) -> WriteReply {
    writes(text, 1)
}

/// The reply to so many such commands in one line.
pub fn writes(text: &str, commands: usize) -> WriteReply {
    if text.len() == commands && text.bytes().all(|byte| byte == b'\n') {
        return WriteReply::Accepted;
    }
    if !text.ends_with('\n') {
        return WriteReply::Cut;
    }
    match quote(text).as_str() {
        "" => WriteReply::Cut,
        PERMISSION_DENIED => WriteReply::Denied,
        "Proxy is disabled." => WriteReply::Stopping,
        words => WriteReply::Refused(words.to_owned()),
    }
}

/// Somebody's words made fit for a message: one line, no control characters, bounded.
fn quote(text: &str) -> String {
    let mut words = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
    }
    match words.char_indices().nth(QUOTE_MAX_CHARS) {
        Some((at, _)) => format!("{}…", words.get(..at).unwrap_or_default()),
        None => words,
    }
}

/// The first line of an answer that nobody asked for.
pub(super) fn odd_answer(line: &str) -> ReplyError {
    match line.trim() {
        PERMISSION_DENIED => ReplyError::Denied,
        "Can't find backend." | "No such proxy." => ReplyError::UnknownBackend,
        "Proxy is disabled." => ReplyError::Stopping,
        other => ReplyError::Odd(format!("it answered \"{}\"", quote(other))),
    }
}

/// Nothing may follow the last section.
fn ended(rest: &str) -> Result<(), ReplyError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(odd_answer(rest.lines().next().unwrap_or_default()))
    }
}

fn take_process(rest: &mut &str) -> Result<ProcessRead, ReplyError> {
    let (mut version, mut pid, mut start, mut stopping) = (None, None, None, None);
    let (mut dropped_logs, mut requests) = (0, 0);
    let (mut connections, mut limit) = (None, None);
    let mut is_first = true;
    loop {
        let line = take_line(rest)?;
        if line.is_empty() {
            break;
        }
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        if is_first && key != "Name" {
            return Err(odd_answer(line));
        }
        is_first = false;
        match key {
            "Version" => version = Some(value),
            "Pid" => pid = value.parse().ok(),
            "Start_time_sec" => start = value.parse().ok(),
            "DroppedLogs" => dropped_logs = value.parse().unwrap_or(0),
            "CumReq" => requests = value.parse().unwrap_or(0),
            "Stopping" => stopping = Some(value),
            "CurrConns" => connections = value.parse::<u32>().ok(),
            "Maxconn" => limit = value.parse::<u32>().ok(),
            _ => {}
        }
    }
    let version = quote(version.ok_or_else(|| missing("Version", "unknown"))?);
    if stopping.ok_or_else(|| missing("Stopping", &version))? != "0" {
        return Err(ReplyError::Stopping);
    }
    let generation = Generation {
        pid: pid.ok_or_else(|| missing("Pid", &version))?,
        start_time_s: start.ok_or_else(|| missing("Start_time_sec", &version))?,
    };
    Ok(ProcessRead {
        version,
        generation,
        dropped_logs,
        full_at: limit.filter(|limit| *limit > 0 && connections >= Some(*limit)),
        requests,
    })
}

fn missing(key: &str, version: &str) -> ReplyError {
    ReplyError::Odd(format!(
        "show info (version {version}) has no {key}; HAProxy 2.4 or later is needed"
    ))
}
