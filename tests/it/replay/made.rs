//! Logs made for a test: lines with a given end, server and timers, and the replay of them.

use crate::support::program::{Ran, file, run};

/// The date of every made log; `at` is milliseconds after midnight of it.
pub(super) fn stamp(at_ms: u64) -> String {
    let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{ms:03}")
}

/// `at` as the decisions have it.
pub(super) fn at(at_ms: u64) -> String {
    format!("2026-11-21T{}", stamp(at_ms))
}

/// A request that ended then: HAProxy writes when it was accepted, and Ta.
pub(super) fn ended(
    at_ms: u64,
    server: &str,
    [request, queue, connect, response]: [u64; 4],
) -> String {
    let total = request + queue + connect + response;
    format!(
        "127.0.0.1:5 [21/Nov/2026:{}] fe {server} {request}/{queue}/{connect}/{response}/{total} \
         200 161 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n",
        stamp(at_ms - total)
    )
}

/// Replays text with a configuration of that `[backend.web]` and more.
pub(super) fn replay(backend: &str, log: &str, options: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let config = file(
        folder.path(),
        "x.toml",
        format!("[backend.web]\n{backend}\n"),
    );
    let log = file(folder.path(), "x.log", log);
    run(&[&["replay", "-c", &config, &log], options].concat())
}

/// One decision without its reason: `12:00:01.000 enable web2`.
pub(super) fn decisions(json: &str) -> Vec<String> {
    crate::support::program::objects(json)
        .iter()
        .filter(|object| object["summary"].is_null())
        .map(|object| {
            let at = object["at"].as_str().unwrap().split_once('T').unwrap().1;
            let server = object["server"].as_str().unwrap_or("-");
            format!("{at} {} {server}", object["change"].as_str().unwrap())
        })
        .collect()
}

/// The last object.
pub(super) fn summary(json: &str) -> serde_json::Value {
    let last = crate::support::program::objects(json).pop().unwrap();
    last["summary"].clone()
}
