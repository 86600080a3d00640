//! How the story is put on a terminal: 80 columns, words and shapes first, colour only where asked
//! for. What is told lives in `story` and `summary`.

use std::io::{self, Write};

/// Lines are at most this long.
const COLUMNS: usize = 80;
/// Text stands to the right of the seconds.
const INDENT: usize = 6;
/// The bar's cells on either side of the threshold.
const HALF_BAR: usize = 4;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Writes the story's lines.
pub struct Voice<'a> {
    out: &'a mut dyn Write,
    color: bool,
}

/// One line about how things are.
#[derive(Clone, Debug)]
pub struct Pulse<'a> {
    /// Seconds since the start.
    pub at_s: u64,
    pub rate_per_s: f64,
    /// Mean answer; `None`: nobody got one.
    pub mean_ms: Option<f64>,
    /// Above this it is too slow.
    pub threshold_ms: f64,
    /// `web1 ready · web2 warming (2/4)`
    pub servers: &'a str,
}

impl<'a> Voice<'a> {
    /// Writes to `out`; escape sequences only with `color`.
    pub fn new(out: &'a mut dyn Write, color: bool) -> Self {
        Self { out, color }
    }

    pub fn heading(&mut self, text: &str) -> io::Result<()> {
        let line = self.painted(BOLD, text);
        writeln!(self.out, "\n{line}")?;
        self.out.flush()
    }

    /// A paragraph from the first column.
    pub fn paragraph(&mut self, text: &str) -> io::Result<()> {
        self.hanging("", 0, "", text)
    }

    /// A point of a list.
    pub fn point(&mut self, text: &str) -> io::Result<()> {
        self.hanging("  - ", 4, "", text)
    }

    pub fn narrate(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.hanging("", INDENT, BOLD, text)
    }

    /// A decision of the daemon, in its own words.
    pub fn decision(&mut self, at_s: u64, text: &str) -> io::Result<()> {
        let mark = format!("{at_s:>4}s {} ", self.painted(CYAN, ">>"));
        self.hanging(&mark, INDENT + 3, CYAN, text)
    }

    /// A text behind its mark of that width, the following lines under the first.
    fn hanging(&mut self, mark: &str, width: usize, color: &str, text: &str) -> io::Result<()> {
        for (number, line) in wrapped(text, COLUMNS - width).iter().enumerate() {
            let line = self.painted(color, line);
            let mark = if number == 0 { mark } else { "" };
            writeln!(self.out, "{mark:width$}{line}")?;
        }
        self.out.flush()
    }

    pub fn pulse(&mut self, pulse: &Pulse<'_>) -> io::Result<()> {
        let (mean, word) = match pulse.mean_ms {
            None => ("    -".to_owned(), "    "),
            Some(mean_ms) if mean_ms > pulse.threshold_ms => (format!("{mean_ms:>5.0}"), "SLOW"),
            Some(mean_ms) => (format!("{mean_ms:>5.0}"), "fast"),
        };
        let color = if word == "SLOW" { RED } else { GREEN };
        let shape = bar(pulse.mean_ms.unwrap_or(0.0), pulse.threshold_ms);
        let shape = self.painted(color, &format!("{word} {shape}"));
        writeln!(
            self.out,
            "{:>4}s {:>3.0} req/s  mean {mean} ms {shape}  {}",
            pulse.at_s, pulse.rate_per_s, pulse.servers
        )?;
        self.out.flush()
    }

    fn painted(&self, color: &str, text: &str) -> String {
        if self.color && !color.is_empty() {
            format!("{color}{text}{RESET}")
        } else {
            text.to_owned()
        }
    }
}

/// `▇▇··|····`: the stroke is the threshold, the right end twice the threshold or more.
fn bar(mean_ms: f64, threshold_ms: f64) -> String {
    let cells = 2 * HALF_BAR;
    let reach = mean_ms / threshold_ms * HALF_BAR as f64;
    let mut text = String::new();
    for cell in 0..cells {
        if cell == HALF_BAR {
            text.push('|');
        }
        text.push(if reach >= cell as f64 + 0.5 {
            '▇'
        } else {
            '·'
        });
    }
    text
}

/// Breaks a text between words; a word that is too long stands alone.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
