//! How large a type of the core may grow before it is two.

use std::collections::BTreeMap;

use super::{code, none, rust_files};

/// Fields of a type; plain data for others may have more.
const MAX_FIELDS: usize = 12;
/// Methods of a type, all its `impl` blocks together.
const MAX_METHODS: usize = 40;
/// Data that the core is given or gives, with no behaviour of its own.
const PLAIN: [&str; 1] = ["BackendSettings"];

/// The name that stands behind `struct` or is implemented on in that line.
fn type_of(line: &str) -> Option<&str> {
    let line = line.strip_suffix('{')?.trim_end();
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        rest.split_once(' ').map_or(rest, |(_, rest)| rest)
    });
    let name = if let Some(rest) = line.strip_prefix("struct ") {
        rest
    } else {
        let rest = line.strip_prefix("impl")?;
        rest.rsplit(" for ").next()?.rsplit("> ").next()?.trim()
    };
    name.split('<').next()
}

#[test]
fn no_type_of_the_core_has_too_many_fields_or_methods() {
    let (mut fields, mut methods) = (BTreeMap::new(), BTreeMap::new());
    let mut defined: BTreeMap<String, usize> = BTreeMap::new();
    for folder in ["src/scaler", "src/measure"] {
        for (_, text) in rust_files(folder) {
            for (_, line) in code(&text).filter(|(_, line)| line.contains("struct ")) {
                let name = type_of(line).unwrap_or_default().to_owned();
                *defined.entry(name).or_insert(0) += 1;
            }
        }
    }
    for folder in ["src/scaler", "src/measure"] {
        for (path, text) in rust_files(folder) {
            let mut within = None;
            for (_, line) in code(&text) {
                if line.starts_with('}') {
                    within = None;
                } else if !line.starts_with(' ')
                    && let Some(name) = type_of(line)
                {
                    // Two rooms may have a type of the same name.
                    let is_shared = defined.get(name).is_some_and(|count| *count > 1);
                    let place = is_shared.then(|| format!(" of {}", path.display()));
                    let name = format!("{name}{}", place.unwrap_or_default());
                    within = Some((name, line.contains("struct ")));
                }
                let Some((name, is_struct)) = &within else {
                    continue;
                };
                let Some(item) = line.strip_prefix("    ").filter(|it| !it.starts_with(' ')) else {
                    continue;
                };
                if *is_struct && item.contains(": ") {
                    *fields.entry(name.clone()).or_insert(0_usize) += 1;
                } else if !*is_struct && item.contains("fn ") && !item.starts_with('#') {
                    *methods.entry(name.clone()).or_insert(0_usize) += 1;
                }
            }
            assert!(within.is_none(), "{}: an open brace", path.display());
        }
    }
    assert!(fields.len() > 30 && methods.len() > 30, "the core is read");
    let faults = |counts: BTreeMap<String, usize>, max: usize, what: &str| {
        let large = counts
            .into_iter()
            .filter(move |(name, count)| *count > max && !PLAIN.contains(&name.as_str()));
        let what = what.to_owned();
        large.map(move |(name, count)| format!("{name}: {count} {what}"))
    };
    let all: Vec<String> = faults(fields, MAX_FIELDS, "fields")
        .chain(faults(methods, MAX_METHODS, "methods"))
        .collect();
    none("types of the core", &all);
}
