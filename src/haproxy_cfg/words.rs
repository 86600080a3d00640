//! One line of haproxy.cfg as words: quotes, escapes, comments, environment variables, as `parse_line` of
//! HAProxy's source reads them. What the words mean does not belong here.

use std::collections::BTreeMap;
use std::ops::Range;

/// A word with what it is written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without quotes and escapes, variables replaced where they are known.
    pub text: String,
    /// Where it stands in the line, bytes.
    pub span: Range<usize>,
}

/// Environment variables by name.
pub type Variables = BTreeMap<String, String>;

/// How far a line has been read.
struct Scan<'a> {
    line: &'a str,
    at: usize,
    variables: &'a Variables,
    quote: Option<char>,
}

/// The words of a line, and where its comment begins (its length without one). Never fails: a quote
/// without its end goes to the end of the line.
pub fn words(line: &str, variables: &Variables) -> (Vec<Word>, usize) {
    let mut scan = Scan {
        line,
        at: 0,
        variables,
        quote: None,
    };
    let mut found = Vec::new();
    loop {
        scan.skip_blanks();
        match scan.peek() {
            None | Some('#') => return (found, scan.at),
            Some(_) => {
                let start = scan.at;
                let text = scan.word();
                found.push(Word {
                    text,
                    span: start..scan.at,
                });
            }
        }
    }
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.step();
        }
    }

    fn step(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn word(&mut self) -> String {
        let mut text = String::new();
        self.quote = None;
        while let Some(letter) = self.peek() {
            match (letter, self.quote) {
                ('#', None) => break,
                (blank, None) if blank.is_whitespace() => break,
                ('\'' | '"', None) => {
                    self.quote = self.step();
                }
                (closing, Some(open)) if closing == open => {
                    self.step();
                    self.quote = None;
                }
                ('\\', None | Some('"')) => {
                    self.step();
                    text.push_str(&self.escaped());
                }
                ('$', None | Some('"')) => {
                    let value = self.variable();
                    text.push_str(&value);
                }
                _ => text.extend(self.step()),
            }
        }
        text
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> String {
        let Some(letter) = self.step() else {
            return "\\".to_owned();
        };
        match letter {
            'n' => "\n".to_owned(),
            'r' => "\r".to_owned(),
            't' => "\t".to_owned(),
            ' ' | '#' | '\\' | '\'' | '"' | '$' => letter.to_string(),
            'x' => self.hexadecimal(),
            other => format!("\\{other}"),
        }
    }

    fn hexadecimal(&mut self) -> String {
        let digits = self.rest().get(..2).map(str::to_owned);
        let byte = digits
            .as_deref()
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match byte {
            Some(byte) => {
                self.at += 2;
                char::from(byte).to_string()
            }
            None => "\\x".to_owned(),
        }
    }

    /// `$NAME`, `${NAME}`, `${NAME-DEFAULT}`; as it is written where its value is not known.
    fn variable(&mut self) -> String {
        let start = self.at;
        self.step();
        let is_braced = self.peek() == Some('{');
        if is_braced {
            self.step();
        }
        let is_letter = |it: &char| it.is_ascii_alphanumeric() || *it == '_';
        let name: String = self.rest().chars().take_while(is_letter).collect();
        self.at += name.len();
        let mut value = self.variables.get(&name).cloned();
        if is_braced {
            let Some((inside, _)) = self.rest().split_once('}') else {
                self.at = start;
                return self.step().map(String::from).unwrap_or_default();
            };
            let otherwise = inside.strip_prefix('-').map(str::to_owned);
            self.at += inside.len() + 1;
            value = value.or(otherwise);
        }
        let written = self.line.get(start..self.at).unwrap_or_default();
        value.unwrap_or_else(|| written.to_owned())
    }
}
