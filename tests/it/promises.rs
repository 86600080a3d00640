//! PROMISES.md cannot rot: each promise has a number and a test, and each test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Promises that the page must have at least: a page that lost its form must not pass.
const PROMISES_MIN: usize = 40;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("PROMISES.md")).expect("PROMISES.md")
}

/// `haproxy::crash::…` of ``- `haproxy::crash::…` ``.
fn named_test(line: &str) -> Option<&str> {
    line.strip_prefix("- `")?.strip_suffix('`')
}

/// The names of the tests of one file, each behind the module that it stands in there, if any.
fn tests_of(text: &str) -> BTreeSet<String> {
    let (mut found, mut module, mut is_test) = (BTreeSet::new(), String::new(), false);
    for line in text.lines() {
        let inner = line.trim_start();
        if line.starts_with('}') {
            module.clear();
        } else if let Some(name) = line
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(" {"))
        {
            module = format!("{name}::");
        } else if inner.starts_with("#[test]") || inner.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = inner.split_once("fn ").filter(|_| is_test) {
            let end = rest.find('(').unwrap_or(rest.len());
            found.insert(format!("{module}{}", &rest[..end]));
            is_test = false;
        }
    }
    found
}

/// Whether a name as `cargo test` prints it is that of a test in `tests/it/` or in `src/`.
fn exists(name: &str) -> bool {
    let parts: Vec<_> = name.split("::").collect();
    (1..parts.len()).any(|depth| {
        let (path, rest) = (parts[..depth].join("/"), parts[depth..].join("::"));
        let files =
            ["tests/it", "src"].map(|folder| root().join(folder).join(format!("{path}.rs")));
        let mut texts = files
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok());
        texts.any(|text| tests_of(&text).contains(&rest))
    })
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = page();
    let names: Vec<_> = page.lines().filter_map(named_test).collect();
    assert!(names.len() > PROMISES_MIN, "{} tests", names.len());
    let missing: Vec<_> = names.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "no such test: {missing:#?}");
    assert!(!exists("haproxy::crash::figures"), "a function is no test");
    assert!(!exists("haproxy::no_such_thing"));
}

#[test]
fn every_promise_has_the_next_number_and_a_test() {
    let page = page();
    let (promises, _) = page
        .split_once("## What is not promised")
        .expect("what is not promised");
    let mut parts = promises.split("\n**P");
    parts.next();
    let mut count = 0;
    for part in parts {
        count += 1;
        let (number, rest) = part.split_once(".** ").expect("**P1.** and a sentence");
        assert_eq!(number, count.to_string(), "numbers run on: {part}");
        let sentence = rest.lines().next().unwrap_or_default();
        assert!(
            sentence.ends_with('.'),
            "one sentence on one line: {sentence}"
        );
        assert!(
            rest.lines().any(|line| named_test(line).is_some()),
            "no test holds P{number}"
        );
    }
    assert!(count >= PROMISES_MIN, "{count} promises");
}

#[test]
fn the_readme_leads_to_the_page() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(readme.contains("(PROMISES.md)"));
}
