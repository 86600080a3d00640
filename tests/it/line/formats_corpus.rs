//! The corpus of the fuzz target `format`, replayed: the first line is a format, the rest are lines.

use std::fs;
use std::path::Path;

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::Parser;

#[test]
fn no_file_of_the_format_corpus_makes_anything_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/format");
    let (mut compiled, mut records, mut refused) = (0, 0, 0);
    for entry in fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("a file").path();
        let data = fs::read(&path).expect("a file");
        let mut lines = data.split(|byte| *byte == b'\n');
        let given = lines.next().expect("a first line");
        let Ok(given) = std::str::from_utf8(given) else {
            continue;
        };
        match LogFormat::compile(given) {
            Ok(format) => {
                compiled += 1;
                let parser = Parser::new(&format, "haproxy");
                records += lines.filter(|line| parser.parse(line).is_ok()).count();
            }
            Err(errors) => {
                refused += 1;
                for error in &errors {
                    let place = given.get(error.range.clone());
                    assert!(place.is_some(), "{}: {error:?}", path.display());
                }
            }
        }
    }
    assert!(
        compiled >= 10 && records >= 20 && refused >= 4,
        "{compiled} {records} {refused}"
    );
}
