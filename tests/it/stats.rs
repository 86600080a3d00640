//! Numbers per server, against a naive exact computation.

use std::collections::BTreeMap;
use std::io::Write as _;

use haproxy_autoscale::log::line::{Brief, Logged, Parser, Record, Reject};
use haproxy_autoscale::log::recorded::{Names, Reading};
use haproxy_autoscale::stats::{Histogram, OVERFLOW_NAME, SERVERS_MAX, Stats, stats_of_logs};
use haproxy_autoscale::words::request::Request;
use proptest::prelude::*;

const MAX_LINE_BYTES: usize = 16 * 1024;

fn line(names: &str, rest: &str) -> String {
    format!("127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe {names} {rest} 10 - - ---- 1/1/1/1/0 0/0\n")
}

fn stats_of(log: &str) -> Stats {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(log.as_bytes()).unwrap();
    let sources = [file.path().to_str().unwrap().to_owned()];
    stats_of_logs(
        &sources,
        &Parser::httplog("haproxy"),
        &Reading::all(MAX_LINE_BYTES),
    )
    .unwrap()
}

fn json_of(stats: &Stats) -> String {
    let mut out = Vec::new();
    stats.write_json(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text_of(stats: &Stats) -> String {
    let mut out = Vec::new();
    stats.write_text(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Three servers, an error, a refused connection, and two lines that are no requests.
fn sample_log() -> String {
    [
        line("web/web2", "0/1/2/3/9 200"),
        line("web/web1", "0/0/1/10/11 200"),
        line("web/web1", "0/0/1/20/21 304"),
        line("web/web1", "0/5/0/31/36 101"),
        line("web/web1", "0/0/0/7/7 500"),
        line("web/web1", "0/0/-1/-1/3003 503"),
        line("web/<NOSRV>", "-1/-1/-1/-1/5 -1"),
        line("api/a", "0/0/0/1500/1500 404"),
        "Server web/web3 is UP/READY (leaving forced maintenance).\n".to_owned(),
        "Nov 21 23:36:31 lb sshd[1]: hello".to_owned(),
    ]
    .concat()
}

#[test]
fn json_has_the_promised_names_in_their_order() {
    let expected = concat!(
        r#"{"lines":10,"requests":8,"rejected":{"other_program":1},"servers":["#,
        r#"{"backend":"api","server":"a","requests":1,"#,
        r#""status":{"1xx":0,"2xx":0,"3xx":0,"4xx":1,"5xx":0,"other":0},"#,
        r#""response_time":{"count":1,"mean":1500.0,"p50":1500,"p90":1500,"p95":1500,"p99":1500,"max":1500},"#,
        r#""queue_time":{"count":1,"mean":0.0,"p50":0,"p90":0,"p95":0,"p99":0,"max":0},"#,
        r#""connect_time":{"count":1,"mean":0.0,"p50":0,"p90":0,"p95":0,"p99":0,"max":0},"#,
        r#""server_time":{"count":1,"mean":1500.0,"p50":1500,"p90":1500,"p95":1500,"p99":1500,"max":1500}},"#,
        r#"{"backend":"web","server":"<NOSRV>","requests":1,"#,
        r#""status":{"1xx":0,"2xx":0,"3xx":0,"4xx":0,"5xx":0,"other":1},"#,
        r#""response_time":{"count":0,"mean":null,"p50":null,"p90":null,"p95":null,"p99":null,"max":null},"#,
        r#""queue_time":{"count":0,"mean":null,"p50":null,"p90":null,"p95":null,"p99":null,"max":null},"#,
        r#""connect_time":{"count":0,"mean":null,"p50":null,"p90":null,"p95":null,"p99":null,"max":null},"#,
        r#""server_time":{"count":0,"mean":null,"p50":null,"p90":null,"p95":null,"p99":null,"max":null}},"#,
        r#"{"backend":"web","server":"web1","requests":5,"#,
        r#""status":{"1xx":1,"2xx":1,"3xx":1,"4xx":0,"5xx":2,"other":0},"#,
        r#""response_time":{"count":3,"mean":22.667,"p50":21,"p90":36,"p95":36,"p99":36,"max":36},"#,
        r#""queue_time":{"count":5,"mean":1.0,"p50":0,"p90":5,"p95":5,"p99":5,"max":5},"#,
        r#""connect_time":{"count":4,"mean":0.5,"p50":0,"p90":1,"p95":1,"p99":1,"max":1},"#,
        r#""server_time":{"count":4,"mean":17.0,"p50":10,"p90":31,"p95":31,"p99":31,"max":31}},"#,
        r#"{"backend":"web","server":"web2","requests":1,"#,
        r#""status":{"1xx":0,"2xx":1,"3xx":0,"4xx":0,"5xx":0,"other":0},"#,
        r#""response_time":{"count":1,"mean":6.0,"p50":6,"p90":6,"p95":6,"p99":6,"max":6},"#,
        r#""queue_time":{"count":1,"mean":1.0,"p50":1,"p90":1,"p95":1,"p99":1,"max":1},"#,
        r#""connect_time":{"count":1,"mean":2.0,"p50":2,"p90":2,"p95":2,"p99":2,"max":2},"#,
        r#""server_time":{"count":1,"mean":3.0,"p50":3,"p90":3,"p95":3,"p99":3,"max":3}}]}"#,
        "\n",
    );
    assert_eq!(json_of(&stats_of(&sample_log())), expected);
}

#[test]
fn the_table_is_aligned_and_names_its_units() {
    let text = text_of(&stats_of(&sample_log()));
    let expected_start = "\
10 lines read, 8 requests, 1 rejected, 1 message of HAProxy's own

requests by status
backend/server  requests  1xx  2xx  3xx  4xx  5xx  other
api/a                  1    0    0    0    1    0      0
web/<NOSRV>            1    0    0    0    0    0      1
web/web1               5    1    1    1    0    2      0
web/web2               1    0    1    0    0    0      0

response time in ms (Tw + Tc + Tr, status below 500)
backend/server  count    mean   p50   p90   p95   p99   max
api/a               1  1500.0  1500  1500  1500  1500  1500
web/<NOSRV>         0       -     -     -     -     -     -
web/web1            3    22.7    21    36    36    36    36
web/web2            1     6.0     6     6     6     6     6
";
    let expected_end = "
rejected lines by reason
other_program  1
";
    assert!(text.starts_with(expected_start), "{text}");
    assert!(text.ends_with(expected_end), "{text}");
    for title in [
        "queue time in ms (Tw)",
        "connect time in ms (Tc)",
        "server time in ms (Tr)",
    ] {
        assert!(text.contains(title), "{text}");
    }
}

#[test]
fn an_empty_log_is_said_to_be_empty() {
    let stats = stats_of("");
    assert_eq!(text_of(&stats), "0 lines read, 0 requests, 0 rejected\n");
    assert_eq!(
        json_of(&stats),
        "{\"lines\":0,\"requests\":0,\"rejected\":{},\"servers\":[]}\n"
    );
}

#[test]
fn over_long_lines_are_counted_as_such() {
    let log = "x".repeat(MAX_LINE_BYTES + 1) + "\n" + &line("web/web1", "0/0/0/1/1 200");
    let stats = stats_of(&log);
    assert_eq!(
        stats.tally().rejected().collect::<Vec<_>>(),
        [(Reject::TooLong, 1)]
    );
    assert_eq!((stats.tally().lines(), stats.tally().requests()), (2, 1));
}

#[test]
fn several_logs_are_counted_together_and_a_missing_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a.log"), line("web/web1", "0/0/0/1/1 200")).unwrap();
    std::fs::write(path("b.log"), line("web/web1", "0/0/0/3/3 200").trim_end()).unwrap();
    let parser = Parser::httplog("haproxy");
    let both = stats_of_logs(
        &[path("a.log"), path("b.log")],
        &parser,
        &Reading::all(MAX_LINE_BYTES),
    )
    .unwrap();
    assert_eq!(both.tally().requests(), 2);
    let missing = [path("a.log"), path("c.log")];
    let error = stats_of_logs(&missing, &parser, &Reading::all(MAX_LINE_BYTES)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read {}: no such file or directory", path("c.log"))
    );
}

#[test]
fn random_names_cannot_fill_the_memory() {
    let mut stats = Stats::default();
    for number in 0..SERVERS_MAX + 10 {
        let server = format!("s{number}");
        stats.add_line(Ok(&Brief::of(&record(&server, [Some(1); 3], Some(200)))));
    }
    stats.add_line(Ok(&Brief::of(&record("s0", [Some(1); 3], Some(200)))));
    assert_eq!(stats.servers().count(), SERVERS_MAX + 1);
    let of = |name: &str| {
        let mut servers = stats.servers();
        servers
            .find(|(_, server, _)| *server == name)
            .map(|(_, _, numbers)| numbers.requests)
    };
    assert_eq!(of(OVERFLOW_NAME), Some(10));
    assert_eq!(of("s0"), Some(2));
}

fn record(server: &str, timers: [Option<u32>; 3], status: Option<u16>) -> Record<'_> {
    let [queue_ms, connect_ms, response_ms] = timers;
    Record {
        frontend: Some("fe"),
        accepted: Some("21/Nov/2026:23:36:31.172"),
        accepted_ms: Some(0),
        ended_ms: Some(0),
        bytes: Some(0),
        logged: Logged::ALL,
        request: Request {
            backend: "web",
            server,
            queue_ms,
            connect_ms,
            response_ms,
            status,
            ..Request::default()
        },
    }
}

/// Nearest rank: the smallest value that `percent` of all do not exceed.
fn exact_percentile(sorted: &[u32], percent: usize) -> u32 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// Within a millisecond or one per cent, whichever is more.
fn is_close(found: u32, exact: u32) -> bool {
    found.abs_diff(exact) <= 1.max(exact / 100)
}

/// The histogram of some values says the same as the values themselves.
fn check(histogram: &Histogram, mut values: Vec<u32>) -> Result<(), TestCaseError> {
    prop_assert_eq!(histogram.count(), values.len() as u64);
    let Some(summary) = histogram.summary() else {
        prop_assert!(values.is_empty());
        return Ok(());
    };
    values.sort_unstable();
    let sum: u64 = values.iter().copied().map(u64::from).sum();
    prop_assert!((summary.mean - sum as f64 / values.len() as f64).abs() < 1e-6);
    prop_assert_eq!(Some(&summary.max), values.last());
    let found = [
        (50, summary.p50),
        (90, summary.p90),
        (95, summary.p95),
        (99, summary.p99),
    ];
    for (percent, found) in found {
        let exact = exact_percentile(&values, percent);
        prop_assert!(
            is_close(found, exact),
            "p{}: {} for {}",
            percent,
            found,
            exact
        );
        prop_assert!(exact >= 1024 || found == exact || found == summary.max);
    }
    Ok(())
}

fn timer() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![
        1 => Just(None),
        4 => (0..50_u32).prop_map(Some),
        3 => (0..5000_u32).prop_map(Some),
        1 => (0..=86_400_000_u32).prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn numbers_agree_with_an_exact_computation(
        requests in proptest::collection::vec(
            (0..3_usize, [timer(), timer(), timer()], proptest::option::of(100..700_u16)), 0..120,
        ),
    ) {
        let names = ["s0", "s1", "<NOSRV>"];
        let mut stats = Stats::default();
        for (server, timers, status) in &requests {
            stats.add_line(Ok(&Brief::of(&record(names[*server], *timers, *status))));
        }
        let mut seen = 0;
        for (_, name, numbers) in stats.servers() {
            let mine: Vec<_> = requests.iter().filter(|request| names[request.0] == name).collect();
            prop_assert_eq!(numbers.requests, mine.len() as u64);
            seen += numbers.requests;
            let timer = |index: usize| mine.iter().filter_map(|request| request.1[index]).collect();
            check(&numbers.queue_time, timer(0))?;
            check(&numbers.connect_time, timer(1))?;
            check(&numbers.server_time, timer(2))?;
            let response = mine.iter().filter(|request| request.2.unwrap_or(0) < 500);
            let response = response.filter_map(|request| match request.1 {
                [Some(queue), Some(connect), Some(server)] => Some(queue + connect + server),
                _ => None,
            });
            check(&numbers.response_time, response.collect())?;
            let class = |from: u16| {
                let is_in = |status: u16| (from..from + 100).contains(&status);
                mine.iter().filter(|request| request.2.is_some_and(is_in)).count() as u64
            };
            let classes = [100, 200, 300, 400, 500].map(class);
            prop_assert_eq!(numbers.status.classes, classes);
            prop_assert_eq!(numbers.status.other, numbers.requests - classes.iter().sum::<u64>());
        }
        prop_assert_eq!(seen, requests.len() as u64);
    }

    #[test]
    fn every_duration_alone_is_its_own_median(ms: u32) {
        let mut histogram = Histogram::default();
        histogram.add(ms);
        histogram.add(u32::MAX);
        let summary = histogram.summary().unwrap();
        prop_assert!(is_close(summary.p50, ms), "{} for {}", summary.p50, ms);
        prop_assert_eq!(summary.max, u32::MAX);
    }
}

proptest! {
    #[test]
    fn a_name_keeps_its_number_and_no_two_names_share_one(
        seen in proptest::collection::vec(("[a-c]{0,2}", "[a-e.:]{0,12}"), 0..300),
    ) {
        let mut names = Names::default();
        let mut model: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (backend, server) in seen {
            let number = names.number(backend.as_bytes(), server.as_bytes(), 100);
            let count = model.len();
            let key = (backend, server);
            let known = model.get(&key).copied();
            prop_assert_eq!(number, known.or((count < 100).then_some(count)));
            if let Some(number) = number {
                prop_assert_eq!(&names.list()[number], &key);
                model.insert(key, number);
            }
        }
    }
}
