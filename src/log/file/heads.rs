//! How a file is recognised by its head, and the heads of all files that must not be read from their
//! beginning.
//!
//! A name or an inode proves nothing: names are shifted at every rotation and inodes are used
//! again at once. The first line of a log is as good as unique, so a file whose first line is known
//! has been read, or was there before us, or is a copy of such a file.

use std::collections::VecDeque;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::opened::{self, FileId};
use super::reached::Reached;
use super::siblings::{SIBLINGS_MAX, Sibling};

/// A head is the first line, or this much of it.
pub(super) const HEAD_BYTES_MAX: usize = 1024;
/// A shorter first line does not tell one file from another.
const HEAD_BYTES_MIN: usize = 64;
/// Heads remembered; the oldest is forgotten. Years of daily rotation.
const HEADS_MAX: usize = 4096;

/// A file's first line as a keyed hash, which no client can collide with on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    hash: u64,
    bytes: usize,
}

impl Head {
    /// Long enough to tell its file from every other.
    pub(super) const fn is_telling(self) -> bool {
        self.bytes >= HEAD_BYTES_MIN
    }
}

/// The heads of all files that must not be read from their beginning.
#[derive(Debug)]
pub(super) struct KnownHeads {
    heads: VecDeque<Head>,
    proofs: VecDeque<Proof>,
    salt: u64,
    /// Made of the salt: of everything that is hashed.
    key: hmac::Key,
}

impl Default for KnownHeads {
    fn default() -> Self {
        // The standard library's own source of keys that nobody can guess.
        Self::restored(RandomState::new().hash_one("salt"), &[])
    }
}

impl KnownHeads {
    /// What an earlier process knew.
    pub(super) fn restored(salt: u64, heads: &[Head]) -> Self {
        let mut this = Self {
            heads: VecDeque::new(),
            proofs: VecDeque::new(),
            salt,
            key: hmac::Key::new(hmac::HMAC_SHA256, &salt.to_le_bytes()),
        };
        for head in heads {
            this.insert(*head);
        }
        this
    }

    pub(super) const fn salt(&self) -> u64 {
        self.salt
    }

    /// The newest `count` heads, oldest first.
    pub(super) fn newest(&self, count: usize) -> Vec<Head> {
        let surplus = self.heads.len().saturating_sub(count);
        self.heads.iter().skip(surplus).copied().collect()
    }

    /// The same in this process and in one that was given its salt, whatever that was built with:
    /// the beginning of HMAC-SHA-256. It is kept on disk, so it is not std's hasher.
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let tag = hmac::sign(&self.key, bytes);
        let first = tag.as_ref().first_chunk();
        first.map_or(0, |first| u64::from_le_bytes(*first))
    }

    /// The head in a file's first bytes; `None` while the first line is not complete, or when a
    /// hole stands where it should be.
    pub(super) fn head_of(&self, prefix: &[u8]) -> Option<Head> {
        let prefix = prefix.get(..HEAD_BYTES_MAX).unwrap_or(prefix);
        let end = match prefix.iter().position(|byte| *byte == b'\n') {
            Some(end) => end,
            None if prefix.len() == HEAD_BYTES_MAX => prefix.len(),
            None => return None,
        };
        let line = prefix.get(..end)?;
        let is_hole = line.len() == HEAD_BYTES_MAX && line.iter().all(|byte| *byte == 0);
        (!is_hole).then(|| Head {
            hash: self.hash(line),
            bytes: line.len(),
        })
    }

    /// The head of an open file.
    pub(super) fn read_head(&self, file: &File) -> io::Result<Option<Head>> {
        let mut prefix = [0; HEAD_BYTES_MAX];
        let count = file.read_at(&mut prefix, 0)?;
        Ok(prefix.get(..count).and_then(|read| self.head_of(read)))
    }

    pub(super) fn insert(&mut self, head: Head) {
        if !head.is_telling() || self.heads.contains(&head) {
            return;
        }
        if self.heads.len() == HEADS_MAX {
            self.heads.pop_front();
        }
        self.heads.push_back(head);
    }

    /// The file is closed, or was there before us.
    pub(super) fn keep_proof(&mut self, proof: Proof) {
        self.proofs.retain(|kept| kept.head != proof.head);
        if self.proofs.len() == SIBLINGS_MAX {
            self.proofs.pop_front();
        }
        self.proofs.push_back(proof);
    }

    /// Where to go on in a file that was read before and comes back.
    pub(super) fn proven_offset(&self, file: &File) -> io::Result<Option<u64>> {
        let Some(head) = self.read_head(file)? else {
            return Ok(None);
        };
        let proof = self.proofs.iter().find(|proof| proof.holds_for(file, head));
        Ok(proof.map(Proof::offset))
    }

    /// Notes a file of which nothing is ever to be read. False: it has no complete first line.
    pub(super) fn note(&mut self, sibling: &Sibling) -> bool {
        let noted = opened::open(&sibling.path).and_then(|(file, meta)| {
            // The names may have been shifted since they were listed.
            if FileId::of(&meta) != sibling.id {
                return Ok(true);
            }
            let Some(head) = self.read_head(&file)? else {
                return Ok(false);
            };
            if !self.contains(head) {
                self.insert(head);
                self.keep_proof(Proof::at_end(&file, head)?);
            }
            Ok(true)
        });
        noted.unwrap_or(false)
    }

    pub(super) fn contains(&self, head: Head) -> bool {
        self.heads.contains(&head)
    }
}

/// How far a file was read, and what stands there: enough to go on should it come back under the
/// log's name.
#[derive(Debug)]
pub(super) struct Proof {
    head: Head,
    reached: Reached,
}

impl Proof {
    pub(super) fn new(head: Head, reached: &Reached) -> Self {
        let reached = reached.clone();
        Self { head, reached }
    }

    /// Of a file of which nothing is ever to be read, as it is now.
    fn at_end(file: &File, head: Head) -> io::Result<Self> {
        let mut reached = Reached::default();
        reached.jump(file, file.metadata()?.len())?;
        Ok(Self { head, reached })
    }

    pub(super) const fn offset(&self) -> u64 {
        self.reached.offset()
    }

    pub(super) fn holds_for(&self, file: &File, head: Head) -> bool {
        let before = self.reached.marker();
        let mut there = vec![0; before.len()];
        let start = self.offset().saturating_sub(there.len() as u64);
        self.head == head && file.read_exact_at(&mut there, start).is_ok() && there == before
    }
}
