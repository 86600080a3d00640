//! `init`: what it takes, and how it ends.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{CONFIG_DEFAULT, EXIT_FAILED, cannot_write, complain, finish, on_runtime};
use crate::config::LogSource;
use crate::doctor::{self, Facts, Host};
use crate::init::{self, InitError};
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
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the configuration and write nothing
    #[arg(long)]
    print: bool,
    /// Overwrite a configuration that is there
    #[arg(long)]
    force: bool,
    /// Look at the host below this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

pub(super) fn run(args: &InitArgs) -> u8 {
    let host = Host::below(&args.root);
    let output = args.output.clone();
    let output = output.unwrap_or_else(|| host.at(CONFIG_DEFAULT));
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
    write!(
        out,
        "\nNext:\n    sudo haproxy-autoscale doctor{named}    # what is still missing\n    sudo \
         haproxy-autoscale run{named}       # observes\n"
    )?;
    Ok(())
}
