//! `man`: the pages of the manual, for packages: one for the program, one for each command, out of what `--help`
//! says. That of the configuration file is in [`configuration`].

mod configuration;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{
    CONFIG_DEFAULT, Cli, EXIT_CONFIG, EXIT_FAILED, EXIT_LOCKED, EXIT_NOT_RUNNING, EXIT_PROBLEM,
    EXIT_UNKNOWN, PROGRAM, finish, written,
};

/// What stands at the foot of each page.
const SOURCE: &str = concat!("haproxy-autoscale ", env!("CARGO_PKG_VERSION"));
/// The same version gives the same pages. Quotes, since an empty argument of a macro would be none.
const NO_DATE: &str = "\"\"";

const FILES: [(&str, &str); 3] = [
    (CONFIG_DEFAULT, "The configuration."),
    (
        "/var/lib/haproxy-autoscale",
        "What outlives the daemon: orders, holds, what a server carries, what happened.",
    ),
    (
        "/run/haproxy-autoscale/control.sock",
        "Where the daemon answers status and takes orders.",
    ),
];

const EXIT_STATUS: [(u8, &str); 7] = [
    (0, "Success; or run was ended by a signal."),
    (EXIT_FAILED, "It failed, or the order was refused."),
    (
        EXIT_PROBLEM,
        "Wrong usage; of status --check: there is a problem.",
    ),
    (
        EXIT_NOT_RUNNING,
        "No daemon runs, or none that you may talk to.",
    ),
    (
        EXIT_UNKNOWN,
        "No such backend or server; of tune: the log cannot tell.",
    ),
    (
        EXIT_LOCKED,
        "Of run: another daemon acts on that admin socket.",
    ),
    (EXIT_CONFIG, "Of run: bad configuration."),
];

const SIGNALS: [(&str, &str); 2] = [
    (
        "SIGHUP",
        "The daemon reads its configuration again: all of it, or, if it has a mistake, none of it.",
    ),
    (
        "SIGTERM, SIGINT",
        "The daemon ends. Servers that are ready stay ready.",
    ),
];

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write every page into this directory: one for each command, one for the configuration file
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs) -> u8 {
    // `help COMMAND` shows what the page of COMMAND says.
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    match &args.folder {
        None => written(program(cli).and_then(|page| io::stdout().lock().write_all(&page))),
        Some(folder) => finish(
            write_all(cli, folder)
                .map_err(|error| format!("cannot write into {}: {error}", folder.display())),
        ),
    }
}

fn write_all(cli: clap::Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for command in cli.get_subcommands() {
        write_command(command, folder)?;
    }
    fs::write(folder.join(format!("{PROGRAM}.1")), program(cli)?)?;
    let page = configuration::page();
    fs::write(folder.join(format!("{}.5", configuration::NAME)), page)
}

/// The page of a command, and those of its own commands.
fn write_command(command: &clap::Command, folder: &Path) -> io::Result<()> {
    if command.is_hide_set() {
        return Ok(());
    }
    let page = Man::new(command.clone()).date(NO_DATE).source(SOURCE);
    let name = page.get_filename();
    let mut text = Vec::new();
    page.render(&mut text)?;
    see_also(&[(PROGRAM, "1")]).to_writer(&mut text)?;
    fs::write(folder.join(name), text)?;
    let mut own = command.get_subcommands();
    own.try_for_each(|command| write_command(command, folder))
}

/// The page of the program itself.
fn program(cli: clap::Command) -> io::Result<Vec<u8>> {
    let examples = cli.get_after_help().map(ToString::to_string);
    let page = Man::new(cli).date(NO_DATE).source(SOURCE);
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    page.render_subcommands_section(&mut text)?;
    let mut more = Roff::new();
    section(&mut more, "FILES", &FILES);
    let codes = EXIT_STATUS.map(|(code, what)| (code.to_string(), what));
    section(&mut more, "EXIT STATUS", &codes);
    section(&mut more, "SIGNALS", &SIGNALS);
    more.control("SH", ["EXAMPLES"]);
    more.control("nf", []);
    // Below its own heading.
    for line in examples.iter().flat_map(|it| it.lines().skip(1)) {
        more.text([roman(line.trim_start())]);
    }
    more.control("fi", []);
    more.to_writer(&mut text)?;
    see_also(&[(configuration::NAME, "5"), ("haproxy", "1")]).to_writer(&mut text)?;
    Ok(text)
}

fn section(page: &mut Roff, title: &str, rows: &[(impl AsRef<str>, &str)]) {
    page.control("SH", [title]);
    for (term, text) in rows {
        page.control("TP", []);
        page.text([bold(term.as_ref())]);
        page.text([roman(*text)]);
    }
}

fn see_also(pages: &[(&str, &str)]) -> Roff {
    let mut also = Roff::new();
    also.control("SH", ["SEE ALSO"]);
    for (index, (name, section)) in pages.iter().enumerate() {
        let comma = if index + 1 < pages.len() { "," } else { "" };
        also.text([bold(*name), roman(format!("({section}){comma}"))]);
    }
    also
}
