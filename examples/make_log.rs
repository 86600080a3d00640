//! Writes a made-up log to standard output, always the same one: `make_log LINES [--odd PERCENT]
//! [--head NAME] [--seed NUMBER]`. What the lines are is told in `tests/it/support/generated_log`.

#![allow(missing_docs, clippy::print_stderr)]

#[path = "../tests/it/support/generated_log/mod.rs"]
mod generated_log;

use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use generated_log::{Generator, Head, Options};

/// Written at once.
const CHUNK_BYTES: usize = 1 << 20;

fn main() -> ExitCode {
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            let heads = Head::ALL.map(|(name, _)| name).join("|");
            eprintln!(
                "{problem}\nusage: make_log LINES [--odd PERCENT] [--seed NUMBER] [--head {heads}]"
            );
            return ExitCode::from(2);
        }
    };
    let mut out = BufWriter::with_capacity(CHUNK_BYTES, std::io::stdout().lock());
    let written = Generator::new(options).write_all(&mut out);
    match written.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `make_log 1000000 | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let lines = args.next().ok_or("how many lines?")?;
    let lines = lines
        .parse()
        .map_err(|_| format!("\"{lines}\" is no number of lines"))?;
    let mut options = Options::new(lines, 0.0);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = || format!("{name} cannot be \"{value}\"");
        match name.as_str() {
            "--odd" => {
                let percent: f64 = value.parse().map_err(|_| wrong())?;
                options.odd = percent / 100.0;
            }
            "--seed" => options.seed = value.parse().map_err(|_| wrong())?,
            "--head" => {
                let head = Head::ALL.into_iter().find(|(name, _)| *name == value);
                (_, options.head) = head.ok_or_else(wrong)?;
            }
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(options)
}
