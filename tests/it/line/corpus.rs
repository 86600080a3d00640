//! The fuzz target's corpus, through the same checks, in every run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use haproxy_autoscale::log::line::{Parser, Reject};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::properties::fixed;

#[path = "../../../fuzz/checks/line.rs"]
mod checks;

#[test]
fn the_corpus_keeps_every_promise_and_holds_every_kind_of_line() {
    let parser = Parser::httplog("haproxy");
    let mut reasons: BTreeMap<Reject, u32> = BTreeMap::new();
    let mut records = 0;
    for bytes in corpus() {
        checks::check(bytes);
        for line in bytes.split(|byte| *byte == b'\n') {
            match parser.parse(line) {
                Ok(_) => records += 1,
                Err(reason) => *reasons.entry(reason).or_default() += 1,
            }
        }
    }
    let files = corpus().len();
    assert!((30..=60).contains(&files), "{files} files");
    assert!(records >= 60, "{records} records");
    let reasons: Vec<Reject> = reasons.into_keys().collect();
    let wanted = [
        Reject::Empty,
        Reject::Partial,
        Reject::Nul,
        Reject::UnknownHead,
        Reject::OtherProgram,
        Reject::HaproxyMessage,
        Reject::FrontendError,
        Reject::Connect,
        Reject::Tcplog,
        Reject::Clf,
        Reject::BadDate,
        Reject::BadNumber,
        Reject::NotHttplog,
    ];
    for reason in wanted {
        assert!(
            reasons.contains(&reason),
            "no line that is refused as {reason}"
        );
    }
}

/// Every file of the corpus, in the order of their names.
fn corpus() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/line");
        let paths = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.collect();
        paths.sort();
        let read = paths.iter().map(|path| std::fs::read(path).unwrap());
        read.collect()
    })
}

fn line() -> impl Strategy<Value = &'static [u8]> {
    let lines: Vec<&[u8]> = corpus()
        .iter()
        .flat_map(|file| file.split(|byte| *byte == b'\n'))
        .collect();
    select(lines)
}

proptest! {
    #![proptest_config(fixed(1500))]

    #[test]
    fn pieces_of_the_corpus_put_together_with_damage_keep_every_promise(
        (one, other) in (line(), line()),
        (at, from) in (any::<Index>(), any::<Index>()),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let at = at.index(one.len() + 1);
        let from = from.index(other.len() + 1);
        let mut bytes = [&one[..at], &other[from..]].concat();
        if !bytes.is_empty() {
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        checks::check(&bytes);
    }
}
