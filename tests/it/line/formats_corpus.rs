//! The corpus of the fuzz target `format`, through the same checks, in every run.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/format.rs"]
mod checks;

#[test]
fn no_file_of_the_format_corpus_makes_anything_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/format");
    let (mut compiled, mut records, mut refused) = (0, 0, 0);
    for entry in fs::read_dir(&folder).expect("the corpus") {
        let data = fs::read(entry.expect("a file").path()).expect("a file");
        match checks::check(&data) {
            Some(seen) if seen.is_format => {
                compiled += 1;
                records += seen.records;
            }
            Some(_) => refused += 1,
            None => {}
        }
    }
    assert!(
        compiled >= 10 && records >= 20 && refused >= 4,
        "{compiled} {records} {refused}"
    );
}
