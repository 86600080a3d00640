//! `doctor`: what it takes, and how it ends.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::{CONFIG_DEFAULT, EXIT_FAILED, MaybeConfigFile, cannot_write, finish, on_runtime};
use crate::doctor::{self, Host, shown};

/// What `-c` means here: without it the usual place is looked at, and no defaults hold.
const CONFIG_HELP: &str =
    "Configuration file [default: /etc/haproxy-autoscale/config.toml, if it is there]";

#[derive(Debug, Args)]
#[command(mut_arg("config", |it| it.help(CONFIG_HELP)))]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: MaybeConfigFile,
    /// haproxy.cfg, a file or a directory; repeat it for several [default: the usual places]
    #[arg(long, value_name = "PATH")]
    haproxy_cfg: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Look at the host below this directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

pub(super) fn run(args: &DoctorArgs) -> u8 {
    let host = Host::below(&args.root);
    let config = args.config.config.clone();
    let config = config.unwrap_or_else(|| host.at(CONFIG_DEFAULT));
    let options = doctor::Options {
        host,
        is_config_named: args.config.config.is_some(),
        config,
        cfg: args.haproxy_cfg.clone(),
        socket: None,
        log: None,
        asks_spares: true,
    };
    let facts = match on_runtime(async { Ok(doctor::gather(&options).await) }) {
        Ok(facts) => facts,
        Err(error) => return finish(Err(error)),
    };
    let findings = doctor::examine(&facts);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if args.json {
        shown::write_json(&findings, &mut out)
    } else {
        shown::write_text(&facts, &findings, &mut out)
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
        Ok(()) | Err(_) if doctor::is_well(&findings) => 0,
        Ok(()) | Err(_) => EXIT_FAILED,
    }
}
