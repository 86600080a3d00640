//! `parse`: what is read from each line of a log, one JSON object a line.
//!
//! The parser decides what a line says and `log::input` where it comes from; here it is written.

use std::io::{self, Write};

use serde::Serialize;

use crate::clock::Clock;
use crate::config::LogSource;
use crate::log::file::FileState;
use crate::log::input::{self, InputError, Line};
use crate::log::line::{Parser, Record, Reject};
use crate::log::lines::Item;
use crate::log::source::Source;

/// The bytes of a rejected line that are shown.
pub const REJECT_TEXT_BYTES: usize = 1024;

/// Why `parse` ended early.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// A log could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The output could not be written. A reader that went away is no error.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// Writes what each line of the logs says, or with `rejects` which lines say nothing and why.
///
/// Each object is flushed at once. A closed pipe ends it quietly. Lines are counted from 1 in each
/// log.
pub fn parse_logs(
    sources: &[String],
    parser: &Parser,
    max_line_bytes: usize,
    rejects: bool,
    out: &mut dyn Write,
) -> Result<(), ParseError> {
    for source in sources {
        let mut log = input::open(source, max_line_bytes)?;
        let mut number = 0;
        while let Some(line) = log.next_line()? {
            number += 1;
            match write_line(out, parser, line, number, rejects) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(ParseError::Output(error)),
            }
        }
    }
    Ok(())
}

/// Writes what `parse` says about one line: nothing, if it is not of the kind asked for. `number`
/// is the line's own, from 1.
pub fn write_line(
    out: &mut dyn Write,
    parser: &Parser,
    line: Line<'_>,
    number: u64,
    rejects: bool,
) -> io::Result<()> {
    let (parsed, text) = match line {
        Line::Whole(text) => (parser.parse(text), text),
        Line::TooLong(start) => (Err(Reject::TooLong), start),
    };
    match parsed {
        Ok(record) if !rejects => write_record(out, &record),
        Err(reason) if rejects => write_reject(out, number, reason, text),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Writes one record as one line of JSON, and flushes it.
pub fn write_record(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    let request = &record.request;
    let tail = request.tail.as_ref();
    let termination = tail.and_then(|tail| std::str::from_utf8(&tail.termination).ok());
    write_object(
        out,
        &RecordObject {
            frontend: record.frontend,
            backend: request.backend,
            server: request.server,
            accepted: record.accepted,
            request_ms: request.request_ms,
            queue_ms: request.queue_ms,
            connect_ms: request.connect_ms,
            response_ms: request.response_ms,
            total_ms: request.total_ms,
            status: request.status,
            bytes: record.bytes,
            termination,
            srvconn: tail.map(|tail| tail.server_connections),
            retries: tail.map(|tail| tail.retries),
            srv_queue: tail.map(|tail| tail.server_queue),
            backend_queue: tail.map(|tail| tail.backend_queue),
        },
    )
}

/// Writes one rejected line as one line of JSON, and flushes it. Of `text` the first
/// [`REJECT_TEXT_BYTES`] are shown, with `�` for what is not UTF-8.
pub fn write_reject(
    out: &mut dyn Write,
    number: u64,
    reason: Reject,
    text: &[u8],
) -> io::Result<()> {
    let shown = text.get(..REJECT_TEXT_BYTES).unwrap_or(text);
    write_object(
        out,
        &RejectObject {
            line: number,
            reason: reason.as_str(),
            text: &String::from_utf8_lossy(shown),
        },
    )
}

/// One write for the whole line, so that whoever reads never sees half of one.
fn write_object(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// The names and their order are a promise to scripts.
#[derive(Serialize)]
struct RecordObject<'a> {
    frontend: &'a str,
    backend: &'a str,
    server: &'a str,
    accepted: &'a str,
    #[serde(rename = "TR")]
    request_ms: Option<u32>,
    #[serde(rename = "Tw")]
    queue_ms: Option<u32>,
    #[serde(rename = "Tc")]
    connect_ms: Option<u32>,
    #[serde(rename = "Tr")]
    response_ms: Option<u32>,
    #[serde(rename = "Ta")]
    total_ms: Option<u32>,
    status: Option<u16>,
    bytes: u64,
    termination: Option<&'a str>,
    srvconn: Option<u32>,
    retries: Option<u32>,
    srv_queue: Option<u32>,
    backend_queue: Option<u32>,
}

/// The names and their order are a promise to scripts.
#[derive(Serialize)]
struct RejectObject<'a> {
    line: u64,
    reason: &'a str,
    text: &'a str,
}
/// Writes what each line says as it is written to the log, until `stop` or the end of standard
/// input. Gives every line however far behind it is.
pub async fn follow(
    source: &LogSource,
    parser: &Parser,
    max_line_bytes: usize,
    rejects: bool,
    out: &mut dyn Write,
    stop: impl Future<Output = ()>,
) -> Result<(), ParseError> {
    let clock = Clock::start();
    let mut source = Source::open(source, max_line_bytes, None);
    let mut stop = std::pin::pin!(stop);
    let mut number = 0;
    let mut said: Option<FileState> = None;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            () = source.wait() => {}
        }
        let mut written = Ok(());
        let turn = source.turn(clock.now(), &mut |item| {
            number += 1;
            let line = match item {
                Item::Line(text) => Line::Whole(text),
                Item::TooLong => Line::TooLong(b""),
            };
            if written.is_ok() {
                written = write_line(out, parser, line, number, rejects);
            }
        });
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(ParseError::Output(error)),
        }
        if said.as_ref() != Some(&turn.state) {
            match &turn.state {
                FileState::Waiting(text) | FileState::Refused(text) => tracing::warn!("{text}"),
                FileState::Reading => {}
                FileState::Ended => return Ok(()),
            }
            said = Some(turn.state);
        }
    }
}
