//! The file with the tokens, and whether a request has one of them. No token is ever shown.

use std::fmt;
use std::path::Path;

use ring::hmac;
use ring::rand::SystemRandom;

use crate::words::files;

/// Longest file that is read.
const FILE_BYTES_MAX: usize = 16 * 1024;
/// Shorter ones could be guessed.
const TOKEN_CHARS_MIN: usize = 16;
/// A longer name could not be kept with what stands because of an order.
const NAME_BYTES_MAX: usize = 16;

/// Who may order.
pub(super) struct Tokens {
    /// Another one in each process: tags are compared in constant time, and tell nothing.
    key: hmac::Key,
    /// A name, and the tag of its token.
    known: Vec<(String, hmac::Tag)>,
}

/// Shows no token, and no tag of one.
impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.known.iter().map(|(name, _)| name);
        formatter.debug_list().entries(names).finish()
    }
}

impl Tokens {
    /// Those of that file: a line each, a token alone or after a name and a space. With those `before`
    /// it can be told whether they are the same.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do; never what is in it.
    pub(super) fn read(path: &Path, before: Option<&Self>) -> Result<Self, String> {
        let shown = path.display();
        let text = files::secret(path, FILE_BYTES_MAX)
            .map_err(|error| format!("cannot use {shown}: {error}"))?;
        let key = match before {
            Some(before) => before.key.clone(),
            None => hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .map_err(|_| "the system gives no random numbers".to_owned())?,
        };
        let mut known = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, token) = line
                .split_once(char::is_whitespace)
                .unwrap_or(("token", line));
            let token = token.trim();
            if token.len() < TOKEN_CHARS_MIN || !token.bytes().all(|it| it.is_ascii_graphic()) {
                return Err(format!(
                    "cannot use {shown}: line {number} has no token of at least {TOKEN_CHARS_MIN} \
                     letters and digits; make one with `openssl rand -hex 32`"
                ));
            }
            if !is_name(name) {
                return Err(format!(
                    "cannot use {shown}: the name before the token in line {number} may have at most \
                     {NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`"
                ));
            }
            known.push((name.to_owned(), hmac::sign(&key, token.as_bytes())));
        }
        if known.is_empty() {
            return Err(format!(
                "cannot use {shown}: it has no token; make one with `openssl rand -hex 32`"
            ));
        }
        Ok(Self { key, known })
    }

    /// The same tokens with the same names; `other` was read before this, or this before `other`.
    pub(super) fn are(&self, other: &Self) -> bool {
        let known = |it: &Self| -> Vec<(String, Vec<u8>)> {
            let known = it.known.iter();
            known
                .map(|(name, tag)| (name.clone(), tag.as_ref().to_vec()))
                .collect()
        };
        known(self) == known(other)
    }

    /// The name of that token, if it is one of ours. Takes as long whichever it is.
    pub(super) fn name_of(&self, token: &[u8]) -> Option<&str> {
        let mut found = None;
        for (name, tag) in &self.known {
            if hmac::verify(&self.key, token, tag.as_ref()).is_ok() {
                found = found.or(Some(name.as_str()));
            }
        }
        found
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}
