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
    for command in cli.get_subcommands().filter(|it| !it.is_hide_set()) {
        let page = Man::new(command.clone()).source(SOURCE);
        let name = page.get_filename();
        let mut text = Vec::new();
        page.render(&mut text)?;
        see_also(&[(PROGRAM, "1")]).to_writer(&mut text)?;
        fs::write(folder.join(name), text)?;
    }
    fs::write(folder.join(format!("{PROGRAM}.1")), program(cli)?)?;
    let page = configuration::page(SOURCE);
    fs::write(folder.join(format!("{}.5", configuration::NAME)), page)
}

/// The page of the program itself.
fn program(cli: clap::Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(cli).source(SOURCE).render(&mut text)?;
    let mut more = Roff::new();
    more.control("SH", ["FILES"]);
    for (path, what) in [
        (CONFIG_DEFAULT, "The configuration."),
        (
            "/var/lib/haproxy-autoscale",
            "What outlives the daemon: orders, holds, what a server carries, what happened.",
        ),
        (
            "/run/haproxy-autoscale/control.sock",
            "Where the daemon answers status and takes orders.",
        ),
    ] {
        row(&mut more, path, what);
    }
    more.control("SH", ["EXIT STATUS"]);
    for (codes, what) in [
        (vec![0], "Success; or run was ended by a signal."),
        (vec![EXIT_FAILED], "It failed, or the order was refused."),
        (
            vec![EXIT_PROBLEM],
            "Wrong usage; of status --check: there is a problem.",
        ),
        (
            vec![EXIT_NOT_RUNNING],
            "No daemon runs, or none that you may talk to.",
        ),
        (
            vec![EXIT_UNKNOWN],
            "No such backend or server; of tune: the log cannot tell.",
        ),
        (
            vec![EXIT_LOCKED],
            "Of run: another daemon acts on that admin socket.",
        ),
        (vec![EXIT_CONFIG], "Of run: bad configuration."),
    ] {
        let codes: Vec<String> = codes.iter().map(u8::to_string).collect();
        row(&mut more, &codes.join(", "), what);
    }
    more.control("SH", ["SIGNALS"]);
    row(
        &mut more,
        "SIGHUP",
        "The daemon reads its configuration again: all of it, or, if it has a mistake, none of it.",
    );
    row(
        &mut more,
        "SIGTERM, SIGINT",
        "The daemon ends. Servers that are ready stay ready.",
    );
    more.to_writer(&mut text)?;
    see_also(&[(configuration::NAME, "5"), ("haproxy", "1")]).to_writer(&mut text)?;
    Ok(text)
}

fn row(page: &mut Roff, term: &str, text: &str) {
    page.control("TP", []);
    page.text([bold(term)]);
    page.text([roman(text)]);
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
