//! The board and the rules that are shipped: JSON that Grafana reads, and no series that there is not.

use std::collections::BTreeSet;

use haproxy_autoscale::metrics::{self, PREFIX};
use serde_json::Value;

use super::metrics::metric_of;
use super::prometheus::promtool;
use crate::support::program::in_repository;

/// Grafana's grid has so many columns.
const COLUMNS: u64 = 24;

fn read(path: &str) -> String {
    std::fs::read_to_string(in_repository(path)).expect(path)
}

fn board() -> Value {
    serde_json::from_str(&read("monitoring/grafana.json")).expect("JSON")
}

/// Every expression of the board: of panels, of annotations, of what can be chosen.
fn expressions(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, field) in value.as_object().into_iter().flatten() {
        let text = field
            .as_str()
            .filter(|_| ["expr", "query"].contains(&name.as_str()));
        found.extend(text.map(str::to_owned));
        found.extend(expressions(field));
    }
    let values = value.as_array().into_iter().flatten();
    found.extend(values.flat_map(expressions));
    found
}

/// Names of metrics in a text: ours, and those of processes.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    let words = words.filter(|word| word.starts_with(PREFIX) || word.starts_with("process_"));
    words.map(str::to_owned).collect()
}

#[test]
fn the_board_and_the_rules_use_only_series_that_there_are() {
    let known: BTreeSet<String> = metrics::all().map(|(name, _)| name).collect();
    let board = board();
    let all = expressions(&board).join("\n");
    let rules = read("monitoring/alerts.yml");
    for (what, text) in [("the board", &all), ("the rules", &rules)] {
        let used: BTreeSet<String> = names(text).iter().map(|it| metric_of(it)).collect();
        assert!(used.len() >= 10, "{what}: {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?}");
    }
    // A word of a closed list that is misspelt would be a panel without data.
    let changes = haproxy_autoscale::publish::record::codes().collect::<BTreeSet<_>>();
    for list in all
        .split("code=")
        .skip(1)
        .filter_map(|it| it.split('"').nth(1))
    {
        for code in list.split('|') {
            assert!(changes.contains(code), "{code}");
        }
    }
}

#[test]
fn every_expression_of_the_board_is_one() {
    let Some(promtool) = promtool() else { return };
    let board = board();
    let expressions = expressions(&board).into_iter();
    let expressions = expressions.filter(|it| it.contains(PREFIX) && !it.contains("label_values"));
    let filled = expressions.map(|it| {
        let it = it
            .replace("$__rate_interval", "5m")
            .replace("$__range", "1h");
        it.replace("$instance", ".*").replace("$proxy", ".*")
    });
    let rules: Vec<String> = filled
        .enumerate()
        .map(|(number, expression)| {
            let quoted = expression.replace('\'', "''");
            format!("  - record: board:{number}\n    expr: '{quoted}'\n")
        })
        .collect();
    assert!(rules.len() > 20, "{rules:?}");
    let rules = format!("groups:\n- name: board\n  rules:\n{}", rules.concat());
    let folder = tempfile::tempdir().expect("a folder");
    let path = crate::support::program::file(folder.path(), "board.yml", rules);
    promtool.check_rules(&path);
}

#[test]
fn the_panels_of_the_board_stand_side_by_side() {
    let board = board();
    let panels = board["panels"].as_array().expect("panels");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64()), "{title}");
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        let (left, top) = (place("x"), place("y"));
        assert!(left + place("w") <= COLUMNS, "{title}");
        for row in top..top + place("h") {
            for column in left..left + place("w") {
                assert!(taken.insert((row, column)), "{title}");
            }
        }
        if panel["type"] != "row" {
            assert!(
                panel["description"]
                    .as_str()
                    .is_some_and(|it| !it.is_empty()),
                "{title}"
            );
            let targets = panel["targets"].as_array().expect("targets");
            assert!(!targets.is_empty(), "{title}");
            for target in targets {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            }
        }
    }
}
