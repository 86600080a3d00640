//! Every key of the file, table by table, with an example of its value; and which known word is
//! nearest to a mistyped one. What a value must be belongs to the reader of its table.

/// A key and a value that it may have.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// TOML text of a value, or the header for a table.
    pub example: &'static str,
}

const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

/// Outside every table.
pub(super) const TOP: &[Key] = &[
    key("mode", "\"act\""),
    key("haproxy", "[haproxy]"),
    key("log", "[log]"),
    key("control", "[control]"),
    key("state", "[state]"),
    key("defaults", "[defaults]"),
    key("backend", "[backend.web]"),
];

/// `[haproxy]`.
pub(super) const HAPROXY: &[Key] = &[
    key("socket", "\"/run/haproxy/admin.sock\""),
    key("timeout", "\"2s\""),
    key("poll_interval", "\"2s\""),
];

/// `[log]`.
pub(super) const LOG: &[Key] = &[
    key("source", "\"/var/log/haproxy.log\""),
    key("format", "\"httplog\""),
    key("tag", "\"haproxy\""),
    key("max_line_bytes", "\"16KiB\""),
    key("allow_remote", "false"),
];

/// `[control]`.
pub(super) const CONTROL: &[Key] = &[key("socket", "\"/run/haproxy-autoscale/control.sock\"")];

/// `[state]`.
pub(super) const STATE: &[Key] = &[key("dir", "\"/var/lib/haproxy-autoscale\"")];

/// `[backend.NAME]`.
pub(super) const BACKEND: &[Key] = &[
    key("always_up", "[\"web1\"]"),
    key("spares", "[\"web3\", \"web4\"]"),
    key("min", "1"),
    key("max", "4"),
    key("response_time", "\"500ms\""),
    key("statistic", "\"mean\""),
    key("window", "15"),
    key("every", "\"10s\""),
    key("min_span", "\"1s\""),
    key("min_samples", "10"),
    key("breaches", "3"),
    key("add", "1"),
    key("scale_up_cooldown", "\"30s\""),
    key("idle_timeout", "\"5m\""),
    key("scale_down_ratio", "0.6"),
    key("scale_down_cooldown", "\"1m\""),
    key("drain_timeout", "\"1m\""),
    key("on_open_sessions", "\"wait\""),
    key("grace", "\"10s\""),
    key("hold", "\"1h\""),
    key("policy", "[[backend.web.policy]]"),
    key("warm_up", "[backend.web.warm_up]"),
    key("server", "[backend.web.server.web3]"),
];

/// `[defaults]`: every key of `[backend.NAME]` but `always_up` and `spares`.
pub(super) const DEFAULTS: &[Key] = BACKEND.split_at(2).1;

/// `[[backend.NAME.policy]]`.
pub(super) const POLICY: &[Key] = &[
    key("signal", "\"queue_time\""),
    key("timer", "\"Tr\""),
    key("statistic", "\"p95\""),
    key("window", "\"10s\""),
    key("every", "\"10s\""),
    key("min_span", "\"1s\""),
    key("min_samples", "10"),
    key("above", "\"100ms\""),
    key("per_server", "20"),
    key("breaches", "2"),
    key("add", "2"),
];

/// `[backend.NAME.warm_up]`.
pub(super) const WARM_UP: &[Key] = &[
    key("path", "\"/\""),
    key("host", "\"www.example.com\""),
    key("tls_verify", "false"),
    key("requests", "3"),
    key("expect_status", "\"200-399\""),
    key("timeout", "\"5s\""),
    key("deadline", "\"60s\""),
];

/// `[backend.NAME.server.SERVER]`.
pub(super) const SERVER: &[Key] = &[key("warm_up_url", "\"http://10.0.0.13:8080/\"")];

/// Every table with its keys, for the documentation and its tests.
pub const TABLES: &[(&str, &[Key])] = &[
    ("", TOP),
    ("[haproxy]", HAPROXY),
    ("[log]", LOG),
    ("[control]", CONTROL),
    ("[state]", STATE),
    ("[backend.NAME]", BACKEND),
    ("[[backend.NAME.policy]]", POLICY),
    ("[backend.NAME.warm_up]", WARM_UP),
    ("[backend.NAME.server.SERVER]", SERVER),
];

/// The tables in which a key of this name exists.
pub(super) fn homes(name: &str) -> Vec<&'static str> {
    TABLES
        .iter()
        .filter(|(table, keys)| !table.is_empty() && keys.iter().any(|key| key.name == name))
        .map(|(table, _)| *table)
        .collect()
}

/// A longer word is not compared: no key or keyword is longer.
const MAX_COMPARED_CHARS: usize = 40;

/// The candidate that is nearest to `word`, if one is near enough to be meant: at most a third of
/// its letters differ (and never more than 3 edits).
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word: Vec<char> = word
        .chars()
        .take(MAX_COMPARED_CHARS + 1)
        .map(|letter| {
            if letter == '-' {
                '_'
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect();
    if word.is_empty() || word.len() > MAX_COMPARED_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.to_ascii_lowercase().chars().collect();
            let limit = (word.len().max(letters.len()) / 3).clamp(1, 3);
            let distance = edits(&word, &letters);
            (distance <= limit && distance < letters.len()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to`
/// (optimal string alignment distance).
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut from_before = None;
    for (row, &letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut to_before = None;
        for (column, &wanted) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column) + usize::from(letter != wanted);
            let mut best = replaced
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            if from_before == Some(wanted) && to_before == Some(letter) && letter != wanted {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
            to_before = Some(wanted);
        }
        before_last = std::mem::replace(&mut last, current);
        from_before = Some(letter);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
