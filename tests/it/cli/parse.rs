//! `parse`: its fields, their order and their nulls on lines that HAProxy wrote, and its rejects.

use crate::support::program::{file, in_repository, names_in_order, objects, run, run_with};

const FIELDS: [&str; 16] = [
    "frontend",
    "backend",
    "server",
    "accepted",
    "TR",
    "Tw",
    "Tc",
    "Tr",
    "Ta",
    "status",
    "bytes",
    "termination",
    "srvconn",
    "retries",
    "srv_queue",
    "backend_queue",
];

/// What stands in a stock httplog line, read by other means than the program's: split at spaces.
fn read_by_hand(line: &str) -> Option<[String; 16]> {
    let from = line.find(" [")? + 2;
    let (accepted, rest) = line.get(from..)?.split_once("] ")?;
    let words: Vec<&str> = rest.splitn(11, ' ').collect();
    let &[
        frontend,
        names,
        timers,
        status,
        bytes,
        "-",
        "-",
        termination,
        counts,
        queues,
        _,
    ] = words.as_slice()
    else {
        return None;
    };
    let (backend, server) = names.split_once('/')?;
    let number = |text: &str| match text.trim_start_matches('+') {
        text if text.starts_with('-') => "null".to_owned(),
        text => text.to_owned(),
    };
    let timers: Vec<String> = timers.split('/').map(number).collect();
    let counts: Vec<String> = counts.split('/').map(number).collect();
    let queues: Vec<String> = queues.split('/').map(number).collect();
    let [request, queue, connect, response, total] = timers.try_into().ok()?;
    let [_, _, _, connections, retries] = counts.try_into().ok()?;
    let [server_queue, backend_queue] = queues.try_into().ok()?;
    let text = |text: &str| format!("\"{text}\"");
    Some([
        text(frontend.trim_end_matches('~')),
        text(backend),
        text(server),
        text(accepted),
        request,
        queue,
        connect,
        response,
        total,
        number(status),
        number(bytes),
        text(termination),
        connections,
        retries,
        server_queue,
        backend_queue,
    ])
}

#[test]
fn every_recorded_line_gives_what_stands_in_it() {
    let mut nulls = 0;
    for name in [
        "minus-one-and-nosrv.log",
        "spike-then-idle.log",
        "slow-always-up.log",
        "rotation.log.1",
        "rotation.log",
    ] {
        let path = in_repository(&format!("fixtures/{name}"));
        let out = run(&["parse", &path]).succeeded();
        let log = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = log.lines().filter_map(read_by_hand).collect();
        assert_eq!(out.lines().count(), expected.len(), "{name}");
        for (line, values) in out.lines().zip(&expected) {
            let pairs = FIELDS.iter().zip(values);
            let pairs: Vec<_> = pairs
                .map(|(field, value)| format!("\"{field}\":{value}"))
                .collect();
            assert_eq!(line, format!("{{{}}}", pairs.join(",")), "{name}");
            assert_eq!(names_in_order(line), FIELDS);
            nulls += line.matches(":null").count();
        }
    }
    assert!(nulls > 100, "the fixtures show -1 in every place: {nulls}");
}

#[test]
fn timers_status_and_queues_that_haproxy_does_not_know_are_null() {
    let path = in_repository("fixtures/minus-one-and-nosrv.log");
    let records = objects(&run(&["parse", &path]).succeeded());
    let find = |termination: &str| {
        let found = records.iter().find(|it| it["termination"] == termination);
        found.unwrap_or_else(|| panic!("no {termination}"))
    };
    let queue_timeout = find("sQ--");
    assert_eq!(queue_timeout["server"], "<NOSRV>");
    assert!(queue_timeout["Tw"].is_u64() && queue_timeout["Tc"].is_null());
    let hung = find("sH--");
    assert_eq!(hung["status"], 504);
    assert!(hung["Tc"].is_u64() && hung["Tr"].is_null() && hung["Ta"].is_u64());
    assert!(
        records.iter().any(|it| it["server"] == "<STATS>"),
        "pseudo servers are written as they are"
    );
}

#[test]
fn rejects_give_the_lines_number_its_reason_and_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let log = in_repository("fixtures/spike-then-idle.log");
    let recorded = std::fs::read_to_string(&log).unwrap();
    let request = recorded
        .lines()
        .find(|line| read_by_hand(line).is_some())
        .unwrap();
    let text = format!("{request}\n\nhello\n{request}\n{request} \"unterminated");
    let path = file(folder.path(), "x.log", text);
    let out = run(&["parse", "--rejects", &path]).succeeded();
    assert_eq!(
        out,
        "{\"line\":2,\"reason\":\"empty\",\"text\":\"\"}\n\
         {\"line\":3,\"reason\":\"unknown_head\",\"text\":\"hello\"}\n"
    );
    assert_eq!(run(&["parse", &path]).succeeded().lines().count(), 3);

    let rejects = objects(&run(&["parse", "--rejects", &log]).succeeded());
    for reject in &rejects {
        let number = usize::try_from(reject["line"].as_u64().unwrap()).unwrap();
        let line = recorded.lines().nth(number - 1).unwrap();
        assert!(line.ends_with(reject["text"].as_str().unwrap()), "{reject}");
        assert_eq!(reject["reason"], "haproxy_message", "{reject}");
    }
    let requests = run(&["parse", &log]).succeeded().lines().count();
    assert_eq!(requests + rejects.len(), recorded.lines().count());
}

#[test]
fn standard_input_and_the_configurations_tag_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let line = "Nov 21 23:36:31 lb NAME[7]: 127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 \
                0/1/2/3/9 200 161 - - ---- 9/8/7/6/1 4/5 \"GET / HTTP/1.1\"\n";
    let ours = line.replace("NAME", "haproxy");
    let theirs = line.replace("NAME", "edge");
    let both = format!("{ours}{theirs}");
    let read = |args: &[&str]| run_with(args, both.as_bytes()).succeeded();
    let out = read(&["parse", "-"]);
    assert_eq!(out.lines().count(), 1);
    assert!(read(&["parse", "--rejects", "-"]).contains("\"reason\":\"other_program\""));
    let config = file(
        folder.path(),
        "config.toml",
        "[log]\ntag = \"edge\"\n[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"1s\"\n",
    );
    assert_eq!(read(&["parse", "-c", &config, "-"]), out);
    assert!(read(&["parse", "--rejects", "-c", &config, "-"]).contains("\"line\":1,"));
}
