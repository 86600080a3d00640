//! Inputs as real set-ups make them (`fixtures/field`): formats, heads and tags, on the program.

use crate::support::program::{Ran, file, in_repository, objects, run, run_with};

fn field(name: &str) -> String {
    in_repository(&format!("fixtures/field/{name}"))
}

/// A configuration with this `[log]` table.
fn config(folder: &std::path::Path, log: &str) -> String {
    let text = format!(
        "[log]\n{log}\n[backend.web]\nalways_up = [\"web1\"]\nspares = [\"web2\"]\nresponse_time = \"500ms\"\n"
    );
    file(folder, "config.toml", &text)
}

fn requests(ran: Ran) -> u64 {
    objects(&ran.succeeded())[0]["requests"].as_u64().unwrap()
}

#[test]
fn lines_of_the_predefined_variables_and_of_masked_clients_are_read() {
    for name in ["01-predefined-variable", "06-masked-client"] {
        let (toml, log) = (
            field(&format!("{name}.toml")),
            field(&format!("{name}.log")),
        );
        let checked = run(&["check", "-c", &toml]);
        assert!(checked.err.is_empty(), "{}", checked.err);
        checked.succeeded();
        assert_eq!(requests(run(&["stats", "--json", "-c", &toml, &log])), 3);
    }
}

#[test]
fn two_host_names_in_the_head_are_read() {
    let log = field("02-two-hosts.log");
    assert_eq!(requests(run(&["stats", "--json", &log])), 6);
}

#[test]
fn a_hung_request_is_as_slow_by_tq_and_tt_as_by_ta() {
    let folder = tempfile::tempdir().unwrap();
    let httplog = config(folder.path(), "");
    let same = run(&[
        "replay",
        "-c",
        &httplog,
        &field("09-same-in-httplog.log.gz"),
    ]);
    let (toml, log) = (field("09-coraza.toml"), field("09-coraza-hung.log.gz"));
    let hung = run(&["replay", "-c", &toml, &log]).succeeded();
    assert_eq!(hung, same.succeeded());
    assert!(hung.contains("47 breaches, 1 enable, 0 disables"), "{hung}");
    let parsed = objects(&run(&["parse", "-c", &toml, &log]).succeeded());
    let gone = parsed
        .iter()
        .find(|it| it["status"] == 504)
        .expect("one that hung");
    assert_eq!(gone["Ta"], 30_001);
}

/// Refused by all three commands, with these words on standard error.
fn refused(log: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let toml = config(folder.path(), "");
    for args in [
        vec!["stats", log],
        vec!["stats", "--json", log],
        vec!["parse", log],
        vec!["replay", "-c", &toml, log],
        vec!["replay", "--json", "-c", &toml, log],
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
        let said = format!("{}{}", ran.out, ran.err);
        for word in words {
            assert!(said.contains(word), "{args:?} lacks {word}: {said}");
        }
    }
}

const TRAFFIC: &str = "192.0.2.10:45146 [18/Nov/2026:13:18:41.587] www web/web1 0/0/16/1/17 200 935 \
    - - ---- 2/2/0/0/0 0/0 \"GET / HTTP/1.1\"";

#[test]
fn a_log_of_which_nothing_can_be_read_says_which_key_to_set() {
    refused(
        &field("05-log-tag.log"),
        &[
            "none of the 4 lines",
            "other_program 4",
            "tag = \"hapee-lb\"",
            "`Nov 18 13:18:41 lb1 hapee-lb[3098]: ",
        ],
    );
    let clf = "127.0.0.1 - - [21/Nov/2026:23:36:31 +0000] \"GET / HTTP/1.1\" 200 2750 \"\" \"\" 36162 683 \
        \"fe~\" \"web\" \"web1\" 10 2 3 40 55 ---- 7 6 5 4 1 3 2 \"\" \"\"";
    let rows = [
        (format!("<134>1 2026-11-18T13:18:44+00:00 lb1 ingress 44 - - {TRAFFIC}"), "tag = \"ingress\""),
        (format!("edge-1  | {TRAFFIC}"), "tag = \"edge\""),
        (format!("[pod/lb-7d9f/router] {TRAFFIC}"), "tag = \"router\""),
        (format!("2026-11-18T13:18:44+00:00 lb1 lb1 edge.lb: {TRAFFIC}"), "tag = \"edge.lb\""),
        (clf.to_owned(), "format = \"clf\""),
        (format!("Nov 18 13:18:41 lb1 edge[1]: {clf}"), "tag = \"edge\" and format = \"clf\""),
        (format!("at noon {TRAFFIC}"), "no head that is known"),
        ("{\"be\":\"web\",\"st\":200}".to_owned(), "they are JSON"),
        ("Nov 18 13:18:41 lb1 haproxy[1]: Connect from 10.0.1.2:3 to 10.0.3.1:80 (www/HTTP)".to_owned(), "option httplog"),
        ("Nov 18 13:18:41 lb1 haproxy[1]: 10.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/s1 0/1/2004 212 -- 1/1/1/1/0 0/0".to_owned(), "mode http"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (line, word) in rows {
        let log = file(folder.path(), "x.log", format!("{line}\n").repeat(30));
        refused(&log, &["none of the 30 lines", word]);
    }
}

#[test]
fn the_tag_and_the_format_can_be_given_as_options() {
    let log = field("05-log-tag.log");
    let tagged = run(&["stats", "--json", "--tag", "hapee-lb", &log]);
    assert_eq!(requests(tagged), 3);
    let parsed = run(&["parse", "--tag", "hapee-lb", &log]).succeeded();
    assert_eq!(parsed.lines().count(), 3);
    let toml = field("05-log-tag.toml");
    assert_eq!(requests(run(&["stats", "--json", "-c", &toml, &log])), 3);
    let own = ["parse", "--tag", "x", "--format", "%b %s %Tr %ST", "-"];
    let parsed = run_with(&own, b"Nov 18 13:18:41 x: web web1 40 200\n").succeeded();
    let object = &objects(&parsed)[0];
    assert_eq!(object["Tr"], 40);
    for unknown in ["accepted", "Tw", "Tc", "Ta", "TR", "bytes"] {
        assert!(object[unknown].is_null(), "{unknown}: {object}");
    }
    let error = run(&["stats", "--format", "jsonlog", &log]).failed(2);
    assert!(error.contains("httplog"), "{error}");
    let error = run(&["stats", "--tag", "a b", &log]).failed(2);
    assert!(error.contains("log-tag"), "{error}");
}

#[test]
fn nearly_all_lines_in_another_format_are_told_and_are_no_failure() {
    let json = "{\"be\":\"web\",\"st\":200}\n".repeat(50);
    let log = format!("{TRAFFIC}\n{json}{TRAFFIC}\n");
    let ran = run_with(&["stats", "-"], log.as_bytes());
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("few of the 52 lines"), "{}", ran.err);
    // Other programs in a shared file are nothing to talk about.
    let others = "Nov 18 13:18:41 lb1 sshd[9]: Accepted publickey\n".repeat(500);
    let log = format!("{others}{TRAFFIC}\n");
    let ran = run_with(&["stats", "-"], log.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn messages_of_haproxys_own_are_not_rejected_lines() {
    let message =
        "Nov 18 13:18:41 lb1 haproxy[1]: Server web/web1 is DOWN, reason: Layer4 timeout.\n";
    let log = format!("{message}{TRAFFIC}\n{message}");
    let text = run_with(&["stats", "-"], log.as_bytes()).succeeded();
    let start = "3 lines read, 1 request, 0 rejected, 2 messages of HAProxy's own\n";
    assert!(text.starts_with(start), "{text}");
    let json = run_with(&["stats", "--json", "-"], log.as_bytes()).succeeded();
    assert!(json.contains("\"rejected\":{}"), "{json}");
    // Nothing but messages is not a log that cannot be read.
    let quiet = run_with(&["stats", "-"], message.repeat(30).as_bytes());
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
}

#[test]
fn without_a_date_in_the_format_the_heads_say_when() {
    let folder = tempfile::tempdir().unwrap();
    let format = "%b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST";
    let toml = config(folder.path(), &format!("format = \"{format}\""));
    for (head, since) in [
        (
            &(|second| format!("2026-11-18T13:18:{second:02}+01:00 lb1 haproxy[1]: "))
                as &dyn Fn(u32) -> String,
            "2026-11-18T13:18:30",
        ),
        (
            &|second| format!("<142>1 2026-11-18T13:18:{second:02}.5+01:00 - haproxy 1 - - "),
            "2026-11-18T13:18:30",
        ),
        (
            &|second| format!("Sat 2026-11-18 13:18:{second:02} CET lb1 haproxy[1]: "),
            "2026-11-18T13:18:30",
        ),
        (
            &|second| format!("Nov 18 13:18:{second:02} lb1 haproxy[1]: "),
            "1971-01-01",
        ),
    ] {
        let lines = |second| format!("{}web/web1 0/0/1/900/901 200\n", head(second)).repeat(20);
        let log: String = (0..60).map(lines).collect();
        let log = file(folder.path(), "x.log", &log);
        let replayed = run(&["replay", "-c", &toml, &log]).succeeded();
        assert!(replayed.contains("1 enable"), "{replayed}");
        assert!(replayed.contains("-11-18T13:18:"), "{replayed}");
        let part = run(&["stats", "--json", "-c", &toml, "--since", since, &log]);
        let part = objects(&part.succeeded())[0]["requests"].as_u64().unwrap();
        assert_eq!(part, if since.starts_with("2026") { 600 } else { 1200 });
        let parsed = objects(&run(&["parse", "-c", &toml, &log]).succeeded());
        assert!(parsed[0]["accepted"].is_null());
    }
    let bare = file(folder.path(), "y.log", "web/web1 0/0/1/900/901 200\n");
    for args in [
        vec!["replay", "-c", &toml, &bare],
        vec!["stats", "-c", &toml, "--since", "2026-11-18", &bare],
        vec!["parse", "-c", &toml, "--until", "2026-11-18", &bare],
    ] {
        let error = run(&args).failed(1);
        assert!(
            error.contains("has no date") && error.contains("%tr"),
            "{error}"
        );
    }
    assert_eq!(requests(run(&["stats", "--json", "-c", &toml, &bare])), 1);
}

#[test]
fn what_a_format_does_not_say_is_a_warning_of_check() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        (
            "[%tr] %b %s %Tw %Tc %Tr %ST",
            &["%Ta", "cannot be seen as slow"][..],
        ),
        (
            "[%tr] %b %s %Tw %Tc %Tr %TR %Tt %ST",
            &["cannot be seen as slow"],
        ),
        ("[%tr] %b %s %Tr %Ta %ST", &["%Tw, %Tc", "queue"]),
        ("[%tr] %b %s %Ta %ST", &["%Tr", "all of %Ta"]),
        ("[%tr] %b %s %Tt %ST", &["all of %Tt", "idle"]),
    ];
    for (format, words) in rows {
        let toml = config(folder.path(), &format!("format = \"{format}\""));
        let checked = run(&["check", "-c", &toml]);
        assert_eq!(checked.code, Some(0), "{}", checked.err);
        for word in words {
            assert!(checked.err.contains(word), "{format}: {}", checked.err);
        }
    }
    for format in [
        "[%t] %b %s %Tw %Tc %Tr %Tq %Tt %ST",
        "[%t] %b %s %Tw %Tc %Tr %Th %Ti %Tt %ST",
    ] {
        let toml = config(folder.path(), &format!("format = \"{format}\""));
        assert_eq!(run(&["check", "-c", &toml]).err, "", "{format}");
    }
    let policy = "format = \"[%tr] %b %s %Tr %Ta %ST\"\n[backend.api]\nalways_up = [\"a\"]\n\
        [[backend.api.policy]]\nsignal = \"queue_time\"\nabove = \"1s\"";
    let toml = config(folder.path(), policy);
    let error = run(&["check", "-c", &toml]).failed(1);
    assert!(error.contains("the log format lacks %Tw"), "{error}");
}

#[test]
fn a_follower_of_lines_that_cannot_be_read_says_so_and_goes_on() {
    let line = format!("Nov 18 13:18:41 lb1 edge[1]: {TRAFFIC}\n");
    let ran = run_with(&["parse", "--follow", "-"], line.repeat(25).as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert!(ran.err.contains("--tag edge"), "{}", ran.err);
}
