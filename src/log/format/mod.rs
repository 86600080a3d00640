//! `[log] format`: httplog, httpslog, clf, or a HAProxy `log-format` string, compiled into an
//! anchored pattern.
//!
//! What is refused here could be forged or misread later: a format is safe when nothing that a
//! client chooses stands left of a field that is read, and when each field ends at a byte that it
//! cannot hold. Heads do not live here, nor does the fast way through stock httplog.

mod alias;
mod error;
mod mend;
mod part;
mod pattern;
mod quoted;
mod reader;
mod sample;
mod shape;
mod text;
mod times;
mod token;
mod value;
mod variable;

use std::sync::Arc;

pub use error::{Fault, FormatError};
pub(super) use reader::Reader;
pub use times::Gap;

use part::Part;
use pattern::Pattern;
use shape::Style;

/// The longest format, in bytes. HAProxy's own lines end at 2048 (`LINESIZE`).
pub const FORMAT_BYTES_MAX: usize = 4096;

/// `option httplog` (1.5 to 3.5-dev) up to its queues.
const HTTPLOG: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
    %ac/%fc/%bc/%sc/%rc %sq/%bq";
/// `option httplog clf`.
const CLF: &str = "clf";
/// The words that stand for a format.
pub const WORDS: [&str; 3] = ["httplog", "httpslog", CLF];

/// How lines are written behind their heads.
#[derive(Clone, Debug)]
pub struct LogFormat {
    given: String,
    /// What reads them; `None` for stock httplog, which has a faster way.
    pattern: Option<Arc<Pattern>>,
}

impl LogFormat {
    /// `option httplog`, and `option httpslog`, which is the same as far as it is read.
    pub fn httplog() -> Self {
        Self {
            given: "httplog".to_owned(),
            pattern: None,
        }
    }

    /// `httplog`, `httpslog`, `clf`, or a `log-format` string with or without the quotes and
    /// backslashes of haproxy.cfg.
    ///
    /// # Errors
    /// Every [`FormatError`] of what is no format, cannot be read safely, or says too little: at least
    /// one, in the order of the text. Total: any text gives a format or errors, in time and memory
    /// bounded by [`FORMAT_BYTES_MAX`].
    pub fn compile(given: &str) -> Result<Self, Vec<FormatError>> {
        let pattern = match given {
            "httplog" | "httpslog" => None,
            CLF => Some(pattern_of(variable::CLF)?.0),
            _ => Some(pattern_of(given)?)
                .filter(|(_, is_httplog)| !is_httplog)
                .map(|(pattern, _)| pattern),
        };
        Ok(Self {
            given: given.to_owned(),
            pattern: pattern.map(Arc::new),
        })
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// What its lines do not say, in the order of importance.
    pub fn gaps(&self) -> Vec<Gap> {
        let pattern = self.pattern.as_ref();
        pattern.map_or_else(Vec::new, |pattern| times::gaps(&pattern.roles))
    }

    /// What reads its lines; `None` for stock httplog, which has a faster way.
    pub(super) fn reader(&self) -> Option<Reader> {
        let pattern = self.pattern.as_ref();
        pattern.map(|pattern| Reader::new(pattern, self.given == CLF))
    }
}

impl Default for LogFormat {
    fn default() -> Self {
        Self::httplog()
    }
}

impl PartialEq for LogFormat {
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given
    }
}

impl Eq for LogFormat {}

/// The pattern of a format, and whether the format is stock httplog as far as that is read.
fn pattern_of(given: &str) -> Result<(Pattern, bool), Vec<FormatError>> {
    let whole = 0..given.len();
    if given.len() > FORMAT_BYTES_MAX {
        return Err(vec![FormatError::new(
            Fault::Unsupported,
            format!("the log format has {} bytes", given.len()),
            whole,
            "too long",
            format!("at most {FORMAT_BYTES_MAX} bytes are read"),
        )]);
    }
    let (tokens, mistakes) = token::tokens(&text::unquote(given).map_err(|error| vec![error])?);
    let style = if tokens.is_json {
        Style::Json
    } else {
        Style::Text
    };
    let parts = part::parts(&tokens);
    let pattern = pattern::build(&parts, style, &whole);
    if !mistakes.is_empty() {
        return Err(with_others(mistakes, pattern.err().unwrap_or_default()));
    }
    let pattern = pattern.map_err(|errors| with_way_out(errors, &tokens))?;
    Ok((pattern, style == Style::Text && is_httplog(&parts)))
}

/// The same errors, the last one about a client's item with a format that would do: one that was tried.
fn with_way_out(mut errors: Vec<FormatError>, tokens: &token::Tokens) -> Vec<FormatError> {
    let is_unsafe = |error: &&FormatError| error.fault == Fault::Unsafe;
    let ranges: Vec<_> = errors
        .iter()
        .filter(is_unsafe)
        .map(|it| it.range.clone())
        .collect();
    // The flags of `%{+Q}o` and where they begin to hold are not in the items any more.
    if ranges.is_empty() || ranges.len() < errors.len() || tokens.has_defaults {
        return errors;
    }
    let works = |format: &String| {
        let Ok(glyphs) = text::unquote(&mend::as_log_format(format)) else {
            return false;
        };
        let (tokens, mistakes) = token::tokens(&glyphs);
        let parts = part::parts(&tokens);
        mistakes.is_empty() && pattern::build(&parts, Style::Text, &(0..0)).is_ok()
    };
    let format = mend::candidates(tokens, &ranges).into_iter().find(works);
    if let (Some(format), Some(last)) = (format, errors.last_mut()) {
        let format = mend::as_log_format(&format);
        last.help = format!(
            "give %b, %s, the timers and %ST a log target of their own, or write, here and in \
             haproxy.cfg: {format}"
        );
    }
    errors
}

/// Items that cannot be read, and what is wrong beside them. What is lacking is not known then: it may
/// be what one of them was meant to be.
fn with_others(mut mistakes: Vec<FormatError>, others: Vec<FormatError>) -> Vec<FormatError> {
    let is_certain = |error: &FormatError| error.fault != Fault::Incomplete;
    mistakes.extend(others.into_iter().filter(is_certain));
    mistakes.sort_by_key(|error| error.range.start);
    mistakes
}

/// Whether a format begins with all of httplog up to the queues, the flags aside.
fn is_httplog(parts: &[Part]) -> bool {
    let Ok(stock) = text::unquote(HTTPLOG) else {
        return false;
    };
    let stock = part::parts(&token::tokens(&stock).0);
    let ends = matches!(parts.get(stock.len()), None | Some(Part::Literal(b' ', _)));
    let same = |(one, two): (&Part, &Part)| match (one, two) {
        (Part::Literal(one, _), Part::Literal(two, _)) => one == two,
        (Part::Field(one), Part::Field(two)) => {
            let plain = !one.flags.is_quoted && !one.flags.is_hex;
            plain && as_since_1_7(one.alias.name) == two.alias.name
        }
        (Part::Literal(..), Part::Field(_)) | (Part::Field(_), Part::Literal(..)) => false,
    };
    ends && parts.len() >= stock.len() && parts.iter().zip(&stock).all(same)
}

/// What stood in its place before 1.7 looks the same.
fn as_since_1_7(name: &str) -> &str {
    match name {
        "t" => "tr",
        "Tq" => "TR",
        "Tt" => "Ta",
        name => name,
    }
}
