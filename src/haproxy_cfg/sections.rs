//! Files of haproxy.cfg as sections of lines: `.if` blocks, variables that `setenv` sets.
//! What a line means does not belong here.

use super::line::{At, Line};
use super::words::{Variables, words};

/// Sections that no proxy and no setting of ours is in (`configuration.txt`, up to 3.3).
const OTHER_SECTIONS: [&str; 20] = [
    "acme",
    "aggregations",
    "cache",
    "crt-store",
    "dynamic-update",
    "fcgi-app",
    "http-errors",
    "log-forward",
    "log-profile",
    "mailers",
    "namespace_list",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "udp-lb",
    "userlist",
    "healthcheck",
    "module",
];

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Global,
    Defaults,
    Frontend,
    Backend,
    Listen,
    /// `peers`, `resolvers`, …
    Other,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "global" => Self::Global,
            "defaults" => Self::Defaults,
            "frontend" => Self::Frontend,
            "backend" => Self::Backend,
            "listen" => Self::Listen,
            other if OTHER_SECTIONS.contains(&other) => Self::Other,
            _ => return None,
        })
    }

    /// As haproxy.cfg calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
            Self::Other => "other",
        }
    }
}

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    pub kind: Kind,
    /// Empty for `global` and unnamed `defaults`.
    pub name: String,
    /// `from NAME`.
    pub from: Option<String>,
    pub header: Line,
    pub lines: Vec<Line>,
}

impl Section {
    /// Its last line: what is added goes below it.
    pub fn end(&self) -> At {
        self.lines.last().map_or(self.header.at, |it| it.at)
    }
}

/// An `.if` that is open.
struct Branch {
    /// Its lines count.
    is_active: bool,
    /// One of its branches has counted.
    is_done: bool,
}

/// `.if` blocks: HAProxy alone knows all conditions, so one that is not known here counts as true.
#[derive(Default)]
struct Branches {
    open: Vec<Branch>,
}

impl Branches {
    /// Takes a directive; gives whether it was one.
    fn take(&mut self, line: &Line, variables: &Variables) -> bool {
        match line.word(0) {
            ".if" => {
                let holds = holds(line.word(1), variables);
                self.open.push(Branch {
                    is_active: holds,
                    is_done: holds,
                });
            }
            ".elif" | ".else" => {
                if let Some(branch) = self.open.last_mut() {
                    let is_else = line.word(0) == ".else";
                    let holds = is_else || holds(line.word(1), variables);
                    branch.is_active = holds && !branch.is_done;
                    branch.is_done |= branch.is_active;
                }
            }
            ".endif" => {
                self.open.pop();
            }
            ".notice" | ".warning" | ".alert" | ".diag" => {}
            _ => return false,
        }
        true
    }

    fn is_left_out(&self) -> bool {
        self.open.iter().any(|it| !it.is_active)
    }
}

fn holds(condition: &str, variables: &Variables) -> bool {
    if let Some(denied) = condition.strip_prefix('!') {
        return !holds(denied, variables);
    }
    let name = condition.strip_prefix("defined(");
    match name.and_then(|it| it.strip_suffix(')')) {
        Some(name) => variables.contains_key(name),
        None => !condition.is_empty() && condition != "0",
    }
}

/// Reads the text of one file behind those before it. A backslash at its end does not continue a line:
/// HAProxy has no such thing (tried on 2.6, 3.0 and 3.2).
pub(super) fn read(
    text: &str,
    file: usize,
    variables: &mut Variables,
    sections: &mut Vec<Section>,
) {
    let mut branches = Branches::default();
    for (index, raw) in text.lines().enumerate() {
        let (words, end) = words(raw, variables);
        let raw = raw.get(..end).unwrap_or(raw).to_owned();
        let at = At {
            file,
            line: index + 1,
        };
        let line = Line { at, raw, words };
        if line.words.is_empty() || branches.take(&line, variables) || branches.is_left_out() {
            continue;
        }
        take(line, variables, sections);
    }
}

fn take(line: Line, variables: &mut Variables, sections: &mut Vec<Section>) {
    if let Some(kind) = Kind::of(line.word(0)) {
        let from = line
            .position("from", 1)
            .map(|at| line.word(at + 1).to_owned());
        let name = if line.word(1) == "from" {
            String::new()
        } else {
            line.word(1).to_owned()
        };
        sections.push(Section {
            kind,
            name,
            from,
            header: line,
            lines: Vec::new(),
        });
        return;
    }
    let Some(section) = sections.last_mut() else {
        return;
    };
    let (keyword, name) = (line.word(0), line.word(1));
    if section.kind == Kind::Global
        && (keyword == "setenv" || keyword == "presetenv" && !variables.contains_key(name))
    {
        variables.insert(name.to_owned(), line.word(2).to_owned());
    }
    section.lines.push(line);
}
