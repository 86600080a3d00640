//! Texts that nobody would write: nothing panics, and every place lies within the text.

use proptest::prelude::*;

use haproxy_autoscale::config::{Code, ConfigErrors, MAX_FILE_BYTES, Severity, keys, parse};

use super::EXAMPLE;
use super::mistakes::{bad, found};

#[test]
fn odd_texts_are_read_or_refused_without_a_panic() {
    assert!(parse(&EXAMPLE.replace('\n', "\r\n"), "c").is_ok());
    assert!(parse(&format!("\u{feff}{EXAMPLE}"), "c").is_ok());
    let marked = bad("\u{feff}mod = 1\n").report(false);
    assert!(marked.contains("c.toml:1:1\n"), "{marked}");
    let (_, shown) =
        found("[backend.\"\\u001b[31m\u{9b}\"]\n\"\\u001b]0;x\" = \"\\u0007\"\nq = \"\u{202e}\"\n");
    assert!(
        !shown.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']),
        "{shown:?}"
    );
    for text in [
        "\0".repeat(5_000),
        "=".repeat(100_000),
        "a.".repeat(30_000) + "a = 1",
        "=\n".repeat(20_000),
        "[".repeat(100_000),
        "{a=".repeat(10_000),
        "a = [".to_owned() + &"[".repeat(100_000),
        format!("mode = \"{}\"", "x".repeat(MAX_FILE_BYTES - 10)),
        unknown_keys(40_000),
        "mode = 1\n".repeat(50_000),
        format!("[haproxy]\n{}", "# far away\n".repeat(80_000)) + &unknown_keys(120),
        "a = \"\"\"\n".repeat(10_000),
    ] {
        let shown = bad(&text).report(true);
        assert!(shown.len() < 1_000_000, "{} bytes", shown.len());
    }
}

fn unknown_keys(count: usize) -> String {
    let keys: Vec<String> = (0..count)
        .map(|number| format!("key{number} = 1\n"))
        .collect();
    keys.concat()
}

/// Whatever was found can be shown, and stands within the text.
fn is_sound(text: &str) {
    let findings = match parse(text, "c.toml") {
        Ok(loaded) => {
            assert!(
                loaded
                    .warnings
                    .iter()
                    .all(|found| found.code.severity() == Severity::Warning)
            );
            loaded.findings
        }
        Err(errors) => {
            let ConfigErrors::Invalid(findings) = errors else {
                panic!("{errors}");
            };
            let is_error = |code: Code| code.severity() == Severity::Error;
            assert!(
                findings
                    .diagnostics
                    .iter()
                    .any(|found| is_error(found.code))
            );
            *findings
        }
    };
    for found in &findings.diagnostics {
        for label in std::iter::once(&found.primary).chain(&found.secondary) {
            assert!(text.get(label.span.clone()).is_some(), "{label:?}");
        }
    }
    findings.render(false);
    findings.render(true);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,400}") {
        is_sound(&text);
    }

    #[test]
    fn no_arrangement_of_toml_makes_it_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "[", "]", "[[", "]]", "backend", ".", "web", "\n", "\r\n", "=", " ", "\t", "\"", "'",
            "\"\"\"", "always_up", "policy", "window", "15", "-1", "1e9", "\"5M\"", "\"1s\"",
            "{", "}", ",", "#", "\\u0000", "é", "defaults", "server", "warm_up", "true", "\0",
        ]), 0..60),
    ) {
        is_sound(&parts.concat());
    }

    #[test]
    fn no_damage_to_the_example_makes_it_panic(
        cuts in prop::collection::vec((0usize..10_000, 0usize..40, "[ -~\n\té😀]{0,6}"), 1..6),
    ) {
        let mut letters: Vec<char> = EXAMPLE.chars().collect();
        for (at, length, text) in cuts {
            let at = at % (letters.len() + 1);
            let end = (at + length).min(letters.len());
            letters.splice(at..end, text.chars());
        }
        is_sound(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn any_value_of_any_key_is_read_or_refused(
        table in prop::sample::select(keys::TABLES.to_vec()),
        key in 0usize..30,
        value in prop::sample::select(vec![
            "0", "-1", "1", "99999999999", "1e300", "nan", "true", "[]", "[[]]", "{}", "{ a = {} }",
            "\"\"", "\"auto\"", "\"1s\"", "\"-\"", "\"99y\"", "\"%\"", "\"é\"", "[\"a\"]", "[1]",
            "[{}]", "1979-05-27", "\"\\u0000\"", "0xff", "\"p95\"", "\"tcp:\"", "\"http://\"",
        ]),
    ) {
        let keys: Vec<_> = table.keys().collect();
        let key = keys[key % keys.len()].name;
        let table = table.header.replace("NAME", "b").replace("SERVER", "s");
        is_sound(&format!("{table}\n{key} = {value}\n"));
    }
}
