//! `init`: what it takes, and how it ends.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{
    CONFIG_DEFAULT, CONFIG_VARIABLE, EXIT_FAILED, cannot_write, complain, finish, on_runtime,
};
use crate::config::{LogSource, Mode};
use crate::doctor::{self, Facts, Host};
use crate::init::{self, InitError, mode};
use crate::runtime_api::Address;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// HAProxy's admin socket [default: that of haproxy.cfg, or the usual places]
    #[arg(long, value_name = "PATH")]
    socket: Option<String>,
    /// HAProxy's log [default: where haproxy.cfg sends it]
    #[arg(long, value_name = "PATH")]
    log: Option<String>,
    /// haproxy.cfg, a file or a directory; repeat it for several [default: the usual places]
    #[arg(long, value_name = "PATH")]
    haproxy_cfg: Vec<PathBuf>,
    /// Where to write the configuration [default: /etc/haproxy-autoscale/config.toml]
    #[arg(short, long, value_name = "FILE", env = CONFIG_VARIABLE)]
    output: Option<PathBuf>,
    /// Print the configuration and write nothing
    #[arg(long)]
    print: bool,
    /// Overwrite a configuration that is there
    #[arg(long)]
    force: bool,
    /// Change only `mode` in the configuration that is there
    #[arg(
        long,
        value_name = "MODE",
        value_parser = modes(),
        conflicts_with_all = ["socket", "log", "haproxy_cfg", "print", "force"]
    )]
    mode: Option<Mode>,
    /// Look at the host below this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

pub(super) fn run(args: &InitArgs) -> u8 {
    let host = Host::below(&args.root);
    let output = args.output.clone();
    let output = output.unwrap_or_else(|| host.at(CONFIG_DEFAULT));
    if let Some(mode) = args.mode {
        return set_mode(&output, mode);
    }
    if output.exists() && !args.print && !args.force {
        return finish(Err(InitError::Exists(output.display().to_string())));
    }
    let log = match args.log.as_deref().map(LogSource::parse).transpose() {
        Ok(log) => log,
        Err(mistake) => return finish(Err(format!("--log: {mistake}"))),
    };
    let options = doctor::Options {
        host,
        // One that is there already does not say what is to be found.
        config: PathBuf::new(),
        is_config_named: false,
        cfg: args.haproxy_cfg.clone(),
        socket: args.socket.as_deref().map(address),
        log,
        // It is to be quick, and no configuration says yet what to ask them.
        asks_spares: false,
    };
    let mut facts = match on_runtime(async { Ok(doctor::gather(&options).await) }) {
        Ok(facts) => facts,
        Err(error) => return finish(Err(error)),
    };
    facts.config.path.clone_from(&output);
    match begin(args, &facts, &output) {
        Ok(()) => 0,
        Err(Failed::Init(error)) => {
            complain(&error);
            EXIT_FAILED
        }
        Err(Failed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(Failed::Output(error)) => cannot_write(&error),
    }
}

/// The words of the key `mode`, which `--help` lists.
fn modes() -> impl TypedValueParser<Value = Mode> {
    let words = PossibleValuesParser::new(Mode::ALL.map(Mode::as_str));
    words.try_map(|text| {
        let found = Mode::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or("act, or observe")
    })
}

fn set_mode(path: &Path, mode: Mode) -> u8 {
    let changed = match mode::set(path, mode) {
        Ok(changed) => changed,
        Err(error) => return finish(Err(error)),
    };
    let (shown, mode) = (path.display(), mode.as_str());
    let told = match changed {
        None => format!("{shown} has mode \"{mode}\" already; nothing was changed\n"),
        Some(changed) => {
            let before = changed.before.as_deref();
            let before =
                before.map_or_else(|| "# no `mode`, which means act".to_owned(), str::to_owned);
            format!(
                "{shown}, line {}\n  before: {before}\n  now:    {}\n\nNext, for a daemon that runs:\n    sudo \
                 systemctl reload haproxy-autoscale\n",
                changed.line, changed.after
            )
        }
    };
    match io::stdout().lock().write_all(told.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
        Ok(()) | Err(_) => 0,
    }
}

/// As `[haproxy] socket` has it: a path, or `tcp:HOST:PORT`.
fn address(text: &str) -> Address {
    match text.strip_prefix("tcp:") {
        Some(host_port) => Address::Tcp(host_port.to_owned()),
        None => Address::Unix(PathBuf::from(text)),
    }
}

enum Failed {
    Init(InitError),
    Output(io::Error),
}

impl From<InitError> for Failed {
    fn from(error: InitError) -> Self {
        Self::Init(error)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn begin(args: &InitArgs, facts: &Facts, output: &Path) -> Result<(), Failed> {
    let proposal = init::propose(facts, output)?;
    if args.print {
        let _ = io::stderr().write_all(proposal.told.as_bytes());
        io::stdout().write_all(proposal.text.as_bytes())?;
        return Ok(());
    }
    init::write(output, &proposal.text, args.force)?;
    let path = output.display();
    let mut out = io::stdout().lock();
    write!(out, "{}\n{path} is written:\n\n", proposal.told)?;
    for line in proposal.text.lines() {
        writeln!(out, "{}", format!("    {line}").trim_end())?;
    }
    let named = if output == Path::new(CONFIG_DEFAULT) {
        String::new()
    } else {
        format!(" -c {path}")
    };
    // Installed by a package or by hand, it waits for this file.
    let start = if named.is_empty() && facts.system.unit.is_some() {
        "systemctl enable --now haproxy-autoscale".to_owned()
    } else {
        format!("haproxy-autoscale run{named}")
    };
    let of_output = named.replacen("-c", "-o", 1);
    write!(
        out,
        "\nNext:\n    sudo haproxy-autoscale doctor{named}    # what is still missing\n    sudo \
         {start}       # observes\n    sudo haproxy-autoscale init{of_output} --mode act    # \
         when it has said the right things\n"
    )?;
    Ok(())
}
