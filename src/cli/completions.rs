//! `completions`: a script with which a shell completes commands and options. What they are is said where each
//! command is.

use std::io::{self, Write as _};

use clap::{CommandFactory as _, ValueEnum};
use clap_complete::Shell;

use super::{Cli, PROGRAM, written};

/// The shells of Debian and Red Hat that people type into.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum For {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(shell: For) -> u8 {
    let script = match shell {
        For::Bash => bash(),
        For::Zsh => script(Shell::Zsh, PROGRAM),
        For::Fish => script(Shell::Fish, PROGRAM),
    };
    written(io::stdout().lock().write_all(&script))
}

/// `clap_complete` 4.6 offers no options of subcommands to a program whose name has a hyphen: the state that the
/// script sets is spelt otherwise than the one it asks for (clap-rs/clap#6421). So the script is made for
/// a name without one, and bound to ours.
fn bash() -> Vec<u8> {
    let name = PROGRAM.replace('-', "_");
    let script = String::from_utf8_lossy(&script(Shell::Bash, &name)).into_owned();
    let bound = script.replace(&format!(" {name}\n"), &format!(" {PROGRAM}\n"));
    bound.into_bytes()
}

/// Into memory: written to a pipe that closes, it would panic.
fn script(shell: Shell, name: &str) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), name, &mut script);
    script
}
