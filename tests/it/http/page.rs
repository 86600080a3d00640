//! docs/monitoring.md lists every metric; the table is made from the rows of the code.

use std::fmt::Write as _;

use haproxy_autoscale::metrics;

use crate::support::program::in_repository;

const BEGIN: &str = "<!-- made by tests/it/http/page.rs -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut table = "\n| name | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for (name, metric) in metrics::all() {
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let (kind, labels) = (metric.kind.as_str(), labels.join(" "));
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {} |", metric.help);
    }
    table + "\n"
}

/// `UPDATE_EXPECT=1` writes it anew.
#[test]
fn the_page_lists_every_metric_as_the_code_has_it() {
    let path = in_repository("docs/monitoring.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the table's beginning");
    let (shown, after) = rest.split_once(END).expect("the table's end");
    let wanted = table();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let page = format!("{before}{BEGIN}{wanted}{END}{after}");
        std::fs::write(&path, page).expect("the page");
    } else {
        assert_eq!(
            shown, wanted,
            "UPDATE_EXPECT=1 writes docs/monitoring.md anew"
        );
    }
}
