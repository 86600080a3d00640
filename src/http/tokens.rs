//! The file with the tokens, and whether a request has one of them. No token is ever shown.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use ring::hmac;
use ring::rand::SystemRandom;
use rustix::fs::OFlags;

use crate::words::files;

/// Longest file that is read.
const FILE_BYTES_MAX: usize = 16 * 1024;
/// Shorter ones could be guessed.
const TOKEN_CHARS_MIN: usize = 16;
/// A longer name could not be kept with what stands because of an order.
const NAME_BYTES_MAX: usize = 16;
/// What the others of the host may not do.
const OTHERS: u32 = 0o007;
/// What the group may not do, either.
const GROUP_WRITES: u32 = 0o020;

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
        let text = text_of(path).map_err(|error| format!("cannot use {shown}: {error}"))?;
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

/// The text of a file that nobody else can read or write.
fn text_of(path: &Path) -> io::Result<String> {
    // Opening a pipe would wait for somebody to write to it.
    let flags = files::flags(OFlags::NONBLOCK);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if found.mode() & (OTHERS | GROUP_WRITES) != 0 {
        let shown = path.display();
        return Err(io::Error::other(format!(
            "others can read it, or its group can write it (mode {:04o}); `chmod 0640 {shown}`, and \
             make new tokens if others may have read them",
            found.mode() & 0o7777
        )));
    }
    let mut text = String::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(limit + 1).read_to_string(&mut text)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is larger than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}
