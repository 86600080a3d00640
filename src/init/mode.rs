//! From observing to acting, and back: the `mode` of a configuration that is there, and not a letter more.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use super::{InitError, save};
use crate::config::{self, Mode};

/// The key.
const KEY: &str = "mode";

/// What became of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// From 1.
    pub line: usize,
    /// `None`: there was none, which means `act`.
    pub before: Option<String>,
    pub after: String,
}

/// Writes that mode into that file; `None` where it has it already.
///
/// # Errors
/// There is no such file, it has mistakes, or it could not be written.
pub fn set(path: &Path, mode: Mode) -> Result<Option<Changed>, InitError> {
    let name = path.display().to_string();
    let failed = |source| InitError::Change {
        path: name.clone(),
        source,
    };
    if !path.exists() {
        return Err(InitError::NoneYet(name));
    }
    // A link stays one.
    let path = fs::canonicalize(path).map_err(failed)?;
    let text = fs::read_to_string(&path).map_err(failed)?;
    let loaded = config::parse(&text, &name);
    let loaded = loaded.map_err(|errors| InitError::Mistakes(errors.report(false)))?;
    if loaded.config.mode == mode {
        return Ok(None);
    }
    let (changed, text) = with_mode(&text, mode);
    let is_meant = config::parse(&text, &name).is_ok_and(|it| it.config.mode == mode);
    if !is_meant {
        return Err(InitError::NoLine {
            path: name,
            line: changed.after,
        });
    }
    let rights = fs::metadata(&path).map_err(failed)?;
    save(
        &path,
        &text,
        rights.permissions().mode() & 0o777,
        |beside| {
            // Whoever may not give it away owns the new one, as with an editor.
            let _ = chown(beside, Some(rights.uid()), Some(rights.gid()));
        },
    )
    .map_err(failed)?;
    Ok(Some(changed))
}

/// The text with that mode, its own comment kept; a line of its own above the first table where there is none.
fn with_mode(text: &str, mode: Mode) -> (Changed, String) {
    let wanted = format!("\"{}\"", mode.as_str());
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let is_table = |line: &String| line.trim_start().starts_with('[');
    let table = lines.iter().position(is_table).unwrap_or(lines.len());
    let is_key = |line: &String| line.split_once('=').is_some_and(|it| it.0.trim() == KEY);
    let found = lines.iter().take(table).position(is_key);
    if let Some((at, line)) = found.and_then(|at| Some((at, lines.get_mut(at)?))) {
        let before = line.clone();
        let after = with_value(&before, &wanted);
        line.clone_from(&after);
        let changed = Changed {
            line: at + 1,
            before: Some(before),
            after,
        };
        return (changed, lines.join("\n"));
    }
    // Comments right above a table belong to it.
    let above = lines.iter().take(table).rev();
    let comments = above.take_while(|line| line.trim_start().starts_with('#'));
    let at = table - comments.count();
    let after = format!("{KEY} = {wanted}");
    lines.splice(at..at, [after.clone(), String::new()]);
    let changed = Changed {
        line: at + 1,
        before: None,
        after,
    };
    (changed, lines.join("\n"))
}

/// The line with another value, as wide as the old one where spaces behind it allow that.
fn with_value(line: &str, wanted: &str) -> String {
    let Some((key, rest)) = line.split_once('=') else {
        return line.to_owned();
    };
    let value = rest.trim_start();
    let blank = rest.strip_suffix(value).unwrap_or_default();
    let quote = value.chars().next().unwrap_or('"');
    let inside = value.strip_prefix(quote).unwrap_or_default();
    let behind = inside.split_once(quote).map_or("", |it| it.1);
    let old = value.len() - behind.len();
    let spaces = behind.len() - behind.trim_start_matches(' ').len();
    let is_commented = behind.trim_start().starts_with('#');
    let kept = (old + spaces).saturating_sub(wanted.len()).max(1);
    let (pad, behind) = if is_commented {
        (" ".repeat(kept), behind.trim_start_matches(' '))
    } else {
        (String::new(), behind)
    };
    format!("{key}={blank}{wanted}{pad}{behind}")
}
