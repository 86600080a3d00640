//! Generated writes, rotations and truncations against a model of every line's fate.

mod model;
mod names;
mod odd;
mod process;
mod restart;
mod rows;
mod source;
mod writer;

use std::path::Path;

use haproxy_autoscale::log::file::Limits;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const CASES: u32 = 400;

/// The same schedules in every run, so that a red run is red again; others, and as many as are
/// wanted, with `PROPTEST_CASES` in the environment.
fn config() -> Config {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return config;
    }
    Config {
        cases: CASES,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..config
    }
}

/// The disk that `TMPDIR` is on, and memory where there is such a directory.
fn check(ops: &[model::Op], is_lossless: bool) -> Result<(), TestCaseError> {
    let on_disk = tempfile::tempdir().unwrap();
    model::run(on_disk.path(), ops, Limits::default(), is_lossless)
        .map_err(|text| TestCaseError::fail(format!("on disk: {text}")))?;
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let in_memory = tempfile::tempdir_in(memory).unwrap();
        model::run(in_memory.path(), ops, Limits::default(), is_lossless)
            .map_err(|text| TestCaseError::fail(format!("in memory: {text}")))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn renaming_loses_nothing_and_doubles_nothing(ops in model::rename_ops()) {
        check(&ops, true)?;
    }

    #[test]
    fn only_what_was_unread_when_a_file_was_cut_is_lost(ops in model::all_ops()) {
        check(&ops, false)?;
    }
}

#[test]
fn the_model_notices_a_follower_without_the_marker() {
    let limits = Limits {
        is_marker_checked: false,
        ..Limits::default()
    };
    let mut runner = TestRunner::deterministic();
    let is_noticed = (0..CASES).any(|_| {
        let ops = model::all_ops().new_tree(&mut runner).unwrap().current();
        let dir = tempfile::tempdir().unwrap();
        model::run(dir.path(), &ops, limits.clone(), false).is_err()
    });
    assert!(is_noticed);
}
