//! `stats`: names exactly, and numbers that can be counted by other means.

use crate::support::program::{in_repository, names_in_order, objects, run, run_with};

const TIMES: [&str; 7] = ["count", "mean", "p50", "p90", "p95", "p99", "max"];
const TIMERS: [&str; 4] = ["response_time", "queue_time", "connect_time", "server_time"];

#[test]
fn json_has_the_names_of_the_contract_and_nothing_else() {
    let log = in_repository("fixtures/minus-one-and-nosrv.log");
    let out = run(&["stats", "--json", &log]).succeeded();
    assert_eq!(out.lines().count(), 1, "one object on one line");
    assert_eq!(
        names_in_order(&out),
        ["lines", "requests", "rejected", "servers"]
    );
    let start = out.find("\"servers\":[").unwrap() + "\"servers\":[".len();
    let server = &out[start..=start + out[start..].find("},{\"backend\"").unwrap()];
    let expected = [&["backend", "server", "requests", "status"][..], &TIMERS].concat();
    assert_eq!(names_in_order(server), expected);
    let inner = |name: &str| {
        let from = server.find(&format!("\"{name}\":{{")).unwrap() + name.len() + 3;
        names_in_order(&server[from..=from + server[from..].find('}').unwrap()])
    };
    assert_eq!(
        inner("status"),
        ["1xx", "2xx", "3xx", "4xx", "5xx", "other"]
    );
    for timer in TIMERS {
        assert_eq!(inner(timer), TIMES);
    }
}

#[test]
fn the_numbers_agree_with_what_parse_reads() {
    for name in ["minus-one-and-nosrv", "spike-then-idle"] {
        let log = in_repository(&format!("fixtures/{name}.log"));
        let sums = &objects(&run(&["stats", "--json", &log]).succeeded())[0];
        let records = objects(&run(&["parse", &log]).succeeded());
        let rejects = objects(&run(&["parse", "--rejects", &log]).succeeded());
        assert_eq!(sums["requests"], records.len());
        assert_eq!(sums["lines"], records.len() + rejects.len());
        let rejected = sums["rejected"].as_object().unwrap();
        for (reason, count) in rejected {
            let same = rejects.iter().filter(|reject| reject["reason"] == **reason);
            assert_eq!(*count, same.count(), "{reason}");
        }
        let mut requests = 0;
        for server in sums["servers"].as_array().unwrap() {
            let mine: Vec<_> = records
                .iter()
                .filter(|it| it["backend"] == server["backend"] && it["server"] == server["server"])
                .collect();
            assert_eq!(server["requests"], mine.len(), "{server}");
            requests += mine.len();
            let status = server["status"].as_object().unwrap();
            let classes: u64 = status.values().map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(classes, mine.len() as u64, "{server}");
            let of = |timer: &str| {
                let values = mine.iter().filter_map(|it| it[timer].as_u64());
                (values.clone().count() as u64, values.max())
            };
            for (name, timer) in [
                ("queue_time", "Tw"),
                ("connect_time", "Tc"),
                ("server_time", "Tr"),
            ] {
                let (count, max) = of(timer);
                assert_eq!(server[name]["count"], count, "{name} of {server}");
                assert_eq!(server[name]["max"].as_u64(), max, "{name} of {server}");
            }
            let answered = mine.iter().filter(|it| {
                it["status"].as_u64().is_none_or(|status| status < 500)
                    && ["Tw", "Tc", "Tr"].iter().all(|timer| it[timer].is_u64())
            });
            assert_eq!(
                server["response_time"]["count"],
                answered.count(),
                "{server}"
            );
        }
        assert_eq!(requests, records.len());
    }
}

#[test]
fn every_way_to_give_a_log_gives_the_same_numbers() {
    let path = in_repository("fixtures/rotation.log");
    let bytes = std::fs::read(&path).unwrap();
    let plain = run(&["stats", "--json", &path]).succeeded();
    assert_eq!(
        run_with(&["stats", "--json", "-"], &bytes).succeeded(),
        plain
    );
    let config = in_repository("fixtures/rotation.toml");
    assert_eq!(
        run(&["stats", "--json", "-c", &config, &path]).succeeded(),
        plain
    );
    let text = run(&["stats", &path]).succeeded();
    assert!(text.contains("requests by status"), "{text}");
    assert!(text.contains("web/web1"), "{text}");
    let nothing = objects(&run_with(&["stats", "--json", "-"], b"").succeeded());
    assert_eq!(nothing[0]["lines"], 0);
}
