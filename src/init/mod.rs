//! `init`: a first configuration, made of what is found: HAProxy's socket, its haproxy.cfg, its log. Asks
//! nothing that it can find out, observes at first, and says what haproxy.cfg still lacks.
//!
//! - [`plan`]: what is found, backend by backend; [`learn`]: what yesterday's log says of each
//! - [`mod@file`]: the plan as a commented file; [`mode`]: from observing to acting, in a file that is there
//!
//! How things are looked at, and what is wrong with them, is the business of `doctor`.

pub mod file;
pub mod learn;
pub mod mode;
pub mod plan;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use self::plan::Plan;
use crate::config;
use crate::doctor::shown::way_out;
use crate::doctor::{self, Facts, Finding, Fix, Level};

/// Of a new file: everybody on the host may read it, and there is no secret in it.
const MODE: u32 = 0o644;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error(
        "neither a haproxy.cfg nor an admin socket was found; name one with --haproxy-cfg or --socket"
    )]
    NothingFound,
    #[error("{0}")]
    NothingToScale(String),
    #[error("{0} exists and is not overwritten; choose another name with -o, or give --force")]
    Exists(String),
    #[error("cannot write {path}: {source}; use sudo, or another place with -o FILE")]
    Write {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("there is no {0} yet: `haproxy-autoscale init` writes one, and -o names another")]
    NoneYet(String),
    #[error("cannot change {path}: {source}; use sudo")]
    Change {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("the configuration has mistakes, so it was not changed:\n{0}")]
    Mistakes(String),
    #[error(
        "cannot find the place of `mode` in {path}: write {line} there yourself, above the first table"
    )]
    NoLine { path: String, line: String },
    /// A fault of ours: what was written would be refused.
    #[error("the configuration that was made has mistakes; it was not written:\n{0}")]
    Invalid(String),
}

/// A configuration, and what is to be said beside it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What would stand in the file.
    pub text: String,
    /// What was found, what haproxy.cfg lacks.
    pub told: String,
}

/// Makes a configuration of what was found.
///
/// # Errors
/// Nothing was found, or nothing that could be scaled.
pub fn propose(facts: &Facts, config: &Path) -> Result<Proposal, InitError> {
    let findings = doctor::examine(facts);
    let ends = [doctor::Code::NothingToScale, doctor::Code::TemplateSpare];
    let nothing = findings.iter().find(|it| ends.contains(&it.code));
    if let Some(nothing) = nothing.filter(|_| facts.subjects().is_empty()) {
        let text = format!("{}\n{}", nothing.text, way_out(&nothing.fix, ""));
        return Err(InitError::NothingToScale(text.trim_end().to_owned()));
    }
    let learned = learn::learn(facts);
    let plan = Plan::of(facts, &learned)?;
    let missing: Vec<&Finding> = findings.iter().filter(|it| is_missing(it)).collect();
    let unseen: Vec<&Finding> = findings.iter().filter(|it| is_unseen(it)).collect();
    let text = file::text(&plan, facts, &missing);
    let name = config.display().to_string();
    config::parse(&text, &name).map_err(|errors| InitError::Invalid(errors.report(false)))?;
    let told = told(&plan, facts, &missing, &unseen);
    Ok(Proposal { text, told })
}

/// What has to be changed outside of our own file.
fn is_missing(finding: &Finding) -> bool {
    match finding.fix {
        Fix::Replace { .. } | Fix::Below { .. } | Fix::Run(_) | Fix::Write { .. } => {
            finding.level != Level::Advice
        }
        Fix::None | Fix::Key { .. } => false,
    }
}

/// Why something could not be looked at: then nobody can say that nothing is missing.
fn is_unseen(finding: &Finding) -> bool {
    let codes = [
        doctor::Code::CfgMissing,
        doctor::Code::CfgIncomplete,
        doctor::Code::SudoNeeded,
    ];
    codes.contains(&finding.code)
}

fn told(plan: &Plan, facts: &Facts, missing: &[&Finding], unseen: &[&Finding]) -> String {
    let mut told = plan.told();
    for finding in unseen {
        let _ = writeln!(told, "\nNot looked at: {}.", finding.text);
    }
    if missing.is_empty() && unseen.is_empty() {
        told.push_str("\nhaproxy.cfg and the log have what it needs.\n");
    }
    if !missing.is_empty() {
        told.push_str("\nStill missing:\n");
        for (index, finding) in missing.iter().enumerate() {
            let others = missing.get(index + 1..).unwrap_or_default().iter();
            let _ = writeln!(told, "\n- {}", finding.text);
            // One line that mends several things is shown once.
            if !others.clone().any(|it| it.fix == finding.fix) {
                told.push_str(&way_out(
                    &finding.fix,
                    &facts.config.path.display().to_string(),
                ));
            }
        }
    }
    told
}

/// Writes it where nothing is, or over what is there if that is wanted.
///
/// # Errors
/// Something is there, or it could not be written.
pub fn write(path: &Path, text: &str, is_forced: bool) -> Result<(), InitError> {
    let failed = |source| InitError::Write {
        path: path.display().to_string(),
        source,
    };
    if path.exists() && !is_forced {
        return Err(InitError::Exists(path.display().to_string()));
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    save(path, text, MODE, |_| {}).map_err(failed)
}

/// Writes it beside the file and then into its place, so that nobody ever reads half of it.
fn save(path: &Path, text: &str, mode: u32, prepare: impl FnOnce(&Path)) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    prepare(&beside);
    // Whatever the umask is.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
