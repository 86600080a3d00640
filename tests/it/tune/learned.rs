//! `capacity = { … }`, as `tune` writes it: what it means, and its mistakes.

use haproxy_autoscale::config::{load_learned, parse};
use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::scaler::settings::Capacity;

use crate::support::program::file;

fn read(capacity: &str) -> Result<Capacity, String> {
    let text = format!(
        "[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\ncapacity = {capacity}\n"
    );
    match parse(&text, "c.toml") {
        Ok(loaded) => Ok(loaded.config.backends["web"].scaler.capacity),
        Err(errors) => Err(errors.report(false)),
    }
}

fn bracket(capacity: Capacity) -> [Option<f64>; 3] {
    let Capacity::From(Bracket {
        proved,
        broken,
        held,
    }) = capacity
    else {
        panic!("{capacity:?}");
    };
    [proved, broken, held].map(|it| it.map(|it| it.value))
}

#[test]
fn a_table_is_where_learning_starts() {
    let all = read("{ proved = \"36/s\", broken = \"40/s\", in_flight = 8 }").expect("good");
    assert_eq!(bracket(all), [Some(36.0), Some(40.0), Some(8.0)]);
    let one = read("{ proved = \"0.5/s\" }").expect("good");
    assert_eq!(bracket(one), [Some(0.5), None, None]);
    let other = read("{ broken = \"40.5/s\", in_flight = 8.25 }").expect("good");
    assert_eq!(bracket(other), [None, Some(40.5), Some(8.25)]);
}

#[test]
fn each_mistake_of_the_table_is_said_with_a_way_out() {
    for (capacity, said) in [
        ("{ }", "write `proved`, `broken` or both"),
        ("{ in_flight = 8 }", "write `proved`, `broken` or both"),
        ("{ proved = 36 }", "proved = \"36/s\""),
        ("{ proved = \"36\" }", "proved = \"36/s\""),
        ("{ proved = \"0/s\" }", "0.01 to 1000000"),
        (
            "{ proved = \"36/s\", broken = \"nan/s\" }",
            "broken = \"36/s\"",
        ),
        ("{ proved = \"36/s\", in_flight = 0 }", "in_flight = 8"),
        ("{ proved = \"36/s\", in_flight = \"8\" }", "in_flight = 8"),
        ("{ proved = \"40/s\", broken = \"36/s\" }", "swap them"),
        (
            "{ proved = \"36/s\", brokn = \"40/s\" }",
            "proved, broken, in_flight",
        ),
        ("\"lern\"", "write \"learn\", \"off\""),
        ("7", "{ proved = \"36/s\""),
    ] {
        let report = read(capacity).expect_err(capacity);
        assert!(report.contains(said), "{capacity}: {report}");
        assert_eq!(report.matches("error[E").count(), 1, "{capacity}: {report}");
    }
}

#[test]
fn a_file_of_tables_is_read_by_backend() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = "[backend.web]\ncapacity = { proved = \"36/s\" }\n\n[backend.\"a.b\"]\ncapacity = \"60/s\"\n";
    let path = file(folder.path(), "learned.toml", good);
    let learned = load_learned(path.as_ref()).expect("good");
    assert_eq!(learned.keys().collect::<Vec<_>>(), ["a.b", "web"]);
    assert_eq!(bracket(learned["web"]), [Some(36.0), None, None]);
    for (bad, said) in [
        ("", "the file is empty"),
        ("[backend.web]\n", "tune -o FILE LOG"),
        ("[backend.web]\ncapacity = { }\n", "proved"),
        ("[backend.web\n", "error"),
    ] {
        let path = file(folder.path(), "bad.toml", bad);
        let report = load_learned(path.as_ref()).expect_err(bad).report(false);
        assert!(report.contains(said), "{bad}: {report}");
    }
}
