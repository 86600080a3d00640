//! A reader of haproxy.cfg: what `init` and `doctor` want to know of it. It never fails on what it does not
//! know, and changes nothing. HAProxy itself is the judge of a file; what follows from one is said elsewhere.
//!
//! - [`words`], [`mod@line`], [`sections`]: bytes as words, lines and sections
//! - [`global`], [`log_target`], [`proxy`], [`server`]: what these mean, `defaults` included

pub mod global;
pub mod line;
pub mod log_target;
pub mod proxy;
pub mod sections;
pub mod server;
pub mod words;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

pub use self::global::{Global, StatsSocket};
pub use self::line::{At, Line};
pub use self::log_target::{Destination, LogTarget};
pub use self::proxy::{LogFormatSaid, Proxy, Settings};
pub use self::sections::{Kind, Section};
pub use self::server::Server;

use self::words::Variables;

/// A larger file is read up to here: no haproxy.cfg is.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// All that was read.
#[derive(Clone, Debug, Default)]
pub struct Cfg {
    pub files: Vec<PathBuf>,
    pub global: Global,
    /// In the order of the files.
    pub proxies: Vec<Proxy>,
    /// Where the first `defaults` end.
    pub defaults_end: Option<At>,
    /// Lines that were read.
    pub lines: usize,
    /// It has `.if` blocks, whose conditions HAProxy alone knows.
    pub has_conditions: bool,
}

impl Cfg {
    /// Reads one file or directory.
    ///
    /// # Errors
    /// As [`Self::read_all`].
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::read_all(&[path.to_owned()]).map_err(|(_, error)| error)
    }

    /// Reads files, and the `*.cfg` of directories in their order, one behind the other as HAProxy does
    /// with several `-f`.
    ///
    /// # Errors
    /// What the system said of one of them, with its path.
    pub fn read_all(paths: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let mut files = Vec::new();
        for path in paths {
            let failed = |error| (path.clone(), error);
            if fs::metadata(path).map_err(failed)?.is_dir() {
                files.extend(files_of(path).map_err(failed)?);
            } else {
                files.push(path.clone());
            }
        }
        let mut texts = Vec::with_capacity(files.len());
        for file in files {
            let mut bytes = Vec::new();
            let read = fs::File::open(&file)
                .and_then(|it| it.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
            if let Err(error) = read {
                return Err((file, error));
            }
            texts.push((file, String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(Self::parse(&texts, Variables::new()))
    }

    /// Reads texts, one behind the other; `variables` are those that are known.
    pub fn parse(texts: &[(PathBuf, String)], mut variables: Variables) -> Self {
        let mut sections = Vec::new();
        for (file, (_, text)) in texts.iter().enumerate() {
            sections::read(text, file, &mut variables, &mut sections);
        }
        let defaults = sections.iter().filter(|it| it.kind == Kind::Defaults);
        Self {
            files: texts.iter().map(|(path, _)| path.clone()).collect(),
            global: Global::of(&sections),
            proxies: proxies(&sections),
            defaults_end: defaults.map(Section::end).next(),
            has_conditions: texts.iter().any(|(_, text)| has_conditions(text)),
            lines: texts.iter().map(|(_, text)| text.lines().count()).sum(),
        }
    }

    /// The name of a file.
    pub fn file(&self, at: At) -> &Path {
        self.files.get(at.file).map_or(Path::new(""), |it| it)
    }

    /// Those that send requests to servers.
    pub fn backends(&self) -> impl Iterator<Item = &Proxy> {
        self.proxies.iter().filter(|it| it.is_backend())
    }

    /// The one that HAProxy has under that name as a backend.
    pub fn backend(&self, name: &str) -> Option<&Proxy> {
        self.backends().find(|it| it.name == name)
    }

    /// Those that write the lines of that backend's requests. A name with a variable or a sample may be
    /// any backend's.
    pub fn frontends_of(&self, backend: &Proxy) -> Vec<&Proxy> {
        let leads = |it: &&Proxy| {
            let mut names = it.leads_to.iter();
            let is_itself = it.kind == Kind::Listen && it.name == backend.name;
            is_itself || names.any(|name| *name == backend.name || name.contains(['%', '$']))
        };
        let frontends = self.proxies.iter().filter(|it| it.is_frontend());
        frontends.filter(leads).collect()
    }

    /// The log targets of a frontend.
    pub fn targets<'a>(&'a self, frontend: &'a Proxy) -> Vec<&'a LogTarget> {
        let global = self.global.logs.iter();
        let global = global.filter(|_| frontend.settings.logs_global);
        global.chain(&frontend.settings.logs).collect()
    }

    /// The program's name in the lines of a frontend, if one is given.
    pub fn tag<'a>(&'a self, frontend: &'a Proxy) -> Option<&'a str> {
        let tag = frontend.settings.tag.as_ref().or(self.global.tag.as_ref());
        tag.map(|(tag, _)| tag.as_str())
    }
}

fn has_conditions(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.trim_start().starts_with(".if"))
}

fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_cfg = path.extension().is_some_and(|it| it == "cfg");
        let is_hidden = path
            .file_name()
            .is_some_and(|it| it.to_string_lossy().starts_with('.'));
        if is_cfg && !is_hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Unnamed proxies take the last `defaults` above them; `from NAME` takes that one.
fn proxies(sections: &[Section]) -> Vec<Proxy> {
    let mut named: Vec<(String, Settings, At)> = Vec::new();
    let mut last: Option<(Settings, At)> = None;
    let mut found = Vec::new();
    for section in sections {
        let from = section.from.as_ref();
        let base = from.and_then(|name| named.iter().rev().find(|it| it.0 == *name));
        let base = base.map(|(_, settings, at)| (settings.clone(), *at));
        match section.kind {
            Kind::Defaults => {
                let mut settings = base.map_or_else(Settings::default, |it| it.0);
                section.lines.iter().for_each(|line| settings.take(line));
                named.push((section.name.clone(), settings.clone(), section.end()));
                last = Some((settings, section.end()));
            }
            Kind::Frontend | Kind::Backend | Kind::Listen => {
                let base = base.or_else(|| last.clone());
                let (settings, end) = match base {
                    Some((settings, end)) => (settings, Some(end)),
                    None => (Settings::default(), None),
                };
                found.push(Proxy::of(section, &settings, end));
            }
            Kind::Global | Kind::Other => {}
        }
    }
    found
}
