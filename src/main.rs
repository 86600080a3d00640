//! The thin binary: everything lives in the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    haproxy_autoscale::cli::run(haproxy_autoscale::cli::Cli::parse())
}
