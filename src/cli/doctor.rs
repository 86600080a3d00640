//! `doctor`: what it takes, and how it ends.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::{CONFIG_DEFAULT, EXIT_FAILED, cannot_write, finish, on_runtime};
use crate::doctor::{self, Host, shown};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Configuration file [default: /etc/haproxy-autoscale/config.toml, if it is there]
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        env = "HAPROXY_AUTOSCALE_CONFIG"
    )]
    config: Option<PathBuf>,
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
    let config = args.config.clone();
    let config = config.unwrap_or_else(|| host.at(CONFIG_DEFAULT));
    let options = doctor::Options {
        host,
        is_config_named: args.config.is_some(),
        config,
        cfg: args.haproxy_cfg.clone(),
        socket: None,
        log: None,
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
