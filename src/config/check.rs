//! The command `check`: every mistake of the file in one go. Touches nothing but the file.

use std::io::{self, Write};
use std::path::Path;

use super::render::printable;
use super::{Config, load};

/// The file is valid.
pub const EXIT_VALID: u8 = 0;
/// The file has mistakes, or could not be read.
pub const EXIT_INVALID: u8 = 1;

/// Checks the file: one line to `out` when it is valid, every warning and error to `err`. Gives the
/// exit code, 0 or 1; `Err` only when `out` or `err` could not be written.
pub fn check(path: &Path, out: &mut dyn Write, err: &mut dyn Write, color: bool) -> io::Result<u8> {
    match load(path) {
        Ok(loaded) => {
            err.write_all(loaded.render_warnings(color).as_bytes())?;
            match writeln!(out, "{}", summary(path, &loaded.config)) {
                // The exit code tells a script that does not read everything.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                Ok(()) | Err(_) => Ok(EXIT_VALID),
            }
        }
        Err(errors) => {
            err.write_all(errors.report(color).as_bytes())?;
            Ok(EXIT_INVALID)
        }
    }
}

fn summary(path: &Path, config: &Config) -> String {
    let backends = config.backends.len();
    let plural = if backends == 1 { "" } else { "s" };
    let mode = config.mode.as_str();
    let name = printable(&path.display().to_string());
    format!("ok: {name} is valid ({backends} backend{plural}, mode {mode})")
}
