//! Each mistake that a file can have: its code, line and column, and words that help.

use haproxy_autoscale::config::{ConfigErrors, parse};

use super::{BASE, config, good};

pub(super) fn bad(text: &str) -> ConfigErrors {
    match parse(text, "c.toml") {
        Ok(_) => panic!("no error in {text:?}"),
        Err(errors) => errors,
    }
}

/// Code and place of everything that was found, as `E0002 4:1`.
pub(super) fn found(text: &str) -> (Vec<String>, String) {
    let (findings, shown) = match parse(text, "c.toml") {
        Ok(loaded) => (loaded.warnings.clone(), loaded.render_warnings(false)),
        Err(errors) => (errors.diagnostics().to_vec(), errors.report(false)),
    };
    let places = findings.iter().map(|found| {
        let before = &text[..found.primary.span.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        assert!(
            shown.contains(&format!("c.toml:{line}:{column}")),
            "{shown}"
        );
        assert!(
            !found.help.is_empty() && !found.primary.text.is_empty(),
            "{found:?}"
        );
        format!("{} {line}:{column}", found.code.as_str())
    });
    (places.collect(), shown)
}

/// One finding and no other, with these words somewhere in its text.
#[track_caller]
fn one(text: &str, wanted: &str, words: &[&str]) {
    let (places, shown) = found(text);
    assert_eq!(places, [wanted], "{text}\n{shown}");
    for word in words {
        assert!(shown.contains(word), "no {word:?} in\n{shown}");
    }
}

/// Rows of `LINES => CODE LINE:COLUMN | WORDS | …`, the lines below those of [`BASE`] and apart by
/// ` ;; `: one finding each.
#[track_caller]
fn each(rows: &str) {
    for row in rows.lines().filter(|row| !row.is_empty()) {
        let (lines, wanted) = row.split_once(" => ").unwrap();
        let mut wanted = wanted.split(" | ");
        let place = wanted.next().unwrap();
        let text = format!("{BASE}{}\n", lines.replace(" ;; ", "\n"));
        one(&text, place, &wanted.collect::<Vec<_>>());
    }
}

#[test]
fn five_mistakes_are_five_errors_in_one_run() {
    let text = r#"mode = "atc"
[backend.web]
always_up = ["web1"]
spares = ["web3", "web1"]
responce_time = "500ms"
breaches = 0
scale_up_cooldown = "5 minuts"
"#;
    let (places, shown) = found(text);
    assert_eq!(
        places,
        [
            "E0006 1:8",
            "E0011 4:19",
            "E0002 5:1",
            "E0007 6:12",
            "E0004 7:24"
        ]
    );
    assert!(shown.ends_with("\n5 errors\n"), "{shown}");
    for words in [
        "did you mean \"act\"?",
        "`web1` is always up and a spare",
        "3 | always_up = [\"web1\"]",
        "4 | spares = [\"web3\", \"web1\"]",
        "did you mean `response_time`?",
        "write a whole number from 1 to 1000",
        "did you mean \"5 minutes\"?",
    ] {
        assert!(shown.contains(words), "no {words:?} in\n{shown}");
    }
}

#[test]
fn errors_and_warnings_are_counted_apart() {
    let text = format!("{BASE}hold = \"2d\"\nmin = 0\nmax = \"4\"\n");
    let (_, shown) = found(&text);
    assert!(shown.ends_with("\n2 errors, 1 warning\n"), "{shown}");
    assert!(
        shown.contains("warning[W0001]") && shown.contains("error[E0003]"),
        "{shown}"
    );
}

#[test]
fn colour_is_only_there_when_it_is_asked_for() {
    let errors = bad("mode = 1\n");
    assert!(!errors.report(false).contains('\u{1b}'));
    assert!(errors.report(true).contains('\u{1b}'));
}

#[test]
fn a_mistyped_key_gets_a_suggestion_or_the_table_where_it_belongs() {
    each(
        r#"
scale-up-cooldown = "1m" => E0002 4:1 | `scale_up_cooldown` | in this table
braeches = 2 => E0002 4:1 | `breaches`
poll_interval = "1s" => E0002 4:1 | belongs in [haproxy]
colour = 1 => E0002 4:1 | keys of [backend.web]: always_up, spares
[defaults] ;; spares = "auto" => E0002 5:1 | belongs in [backend.NAME]
[backend.web.warm_up] ;; paht = "/" => E0002 5:1 | `path`
[backend.web.server.a] ;; url = 1 => E0002 5:1 | warm_up_url
[backends.web] ;; min = 1 => E0002 4:2 | `backend`
"#,
    );
    let text = "[backend.web]\nalways_upp = [\"a\"]\nresponse_time = \"1s\"\n";
    one(text, "E0002 2:1", &["`always_up`"]);
}

#[test]
fn a_wrong_type_says_what_it_is_and_what_it_must_be() {
    each(
        r#"
min = "2" => E0003 4:7 | whole number | this is a string | min = 1
add = true => E0003 4:7 | this is true or false | add = 1
window = 1.5 => E0003 4:10 | with decimals | window = 15
spares = 3 => E0003 4:10 | a list of names
spares = ["web3", 4] => E0003 4:19 | in quotes
warm_up = 3 => E0003 4:11 | must be a table
policy = { signal = "queue_time" } => E0003 4:10 | [[backend.web.policy]]
[log] ;; source = 1 => E0003 5:10 | must be a path
[log] ;; allow_remote = "false" => E0003 5:16 | `true` or `false`, without quotes
[backend] ;; web2 = 3 => E0003 5:1 | below `[backend.NAME]`
hold = 5 => E0003 4:8 | a number without a unit | did you mean `hold = "5s"`
hold = 1979-05-27 => E0003 4:8 | a date or time
"#,
    );
    let text = "[backend.web]\nalways_up = \"web1\"\nresponse_time = \"1s\"\n";
    one(text, "E0003 2:13", &["write `always_up = [\"web1\"]`"]);
    let text = "[backend.a]\nalways_up = [\"a\"]\nresponse_time = 500\n";
    one(text, "E0003 3:17", &["\"500ms\""]);
    one(
        "[backend]\nalways_up = [\"web1\"]\n",
        "E0003 2:1",
        &["taken for a name"],
    );
}

#[test]
fn durations_are_texts_with_a_unit() {
    each(
        r#"
hold = "5" => E0004 4:8 | time unit needed, for example 5sec or 5ms | write "5ms", "5s" or "5m"
hold = "-1s" => E0004 4:8 | expected number at 0 | without a sign
hold = "" => E0004 4:8 | value was empty
hold = "5 minuts" => E0004 4:11 | unknown time unit "minuts" | did you mean "5 minutes"?
hold = 'soon' => E0004 4:8 | expected number
hold = "18446744073709551615s 1000ms" => E0004 4:8 | too many digits
window = "15" => E0004 4:10 | time unit needed
idle_timeout = "5M" => E0005 4:16 | capital M means months | write "5m"
weight_ramp = "1M" => E0005 4:15 | capital M means months | write "1m"
hold = "0.5M" => E0005 4:8 | capital M
hold = "6 weeks" => E0005 4:8 | 30 days or more
hold = "2years" => E0005 4:8 | 30 days or more
hold = "25h" => W0001 4:8 | longer than a day
weight_ramp = "11m" => W0012 4:15 | hardly helps | "1m"
"#,
    );
    let day = config(&format!("{BASE}hold = \"1d\""));
    assert_eq!(day.backends["web"].scaler.hold.as_secs(), 86_400);
}

#[test]
fn numbers_and_durations_have_ranges() {
    each(
        r#"
window = 0 => E0007 4:10 | from 1 to
window = "0s" => E0007 4:10 | too short | at least
breaches = 0 => E0007 4:12 | from 1 to
add = 0 => E0007 4:7 | from 1 to
add = "0%" => E0007 4:7 | "1%"
add = "half" => E0015 4:7 | add = "50%"
min_samples = -1 => E0007 4:15 | `min_samples` is -1 | too small
min_samples = 99999999999999999999999999999999999999999 => E0007 4:15 | too large
min = 0 => E0007 4:7 | from 1 to
min = 3 ;; max = 2 => E0010 4:7 | more than `max` | less than `min`
idle_timeout = "0s" => E0007 4:16 | at least "1ms"
every = "0s" => E0007 4:9 | at least
[haproxy] ;; poll_interval = "0s" => E0007 5:17 | at least
[haproxy] ;; timeout = "0s" => E0007 5:11 | at least
scale_down_ratio = 1 => W0008 4:20 | for example 0.6
"#,
    );
    for ratio in ["0", "0.0", "-0.1", "1.01", "60", "nan", "inf", "1e999"] {
        each(&format!(
            "scale_down_ratio = {ratio} => E0007 4:20 | between 0 and 1"
        ));
    }
    let text = "[backend.a]\nalways_up = [\"a\"]\nresponse_time = \"0ms\"\n";
    one(text, "E0007 3:17", &["at least"]);
}

#[test]
fn servers_are_named_once_and_as_haproxy_could() {
    each(
        r#"
spares = ["web3", "web1"] => E0011 4:19 | named as never disabled
spares = ["web3", "web3"] => E0012 4:19 | named again | named here
spares = ["web 3"] => E0013 4:11 | letters, digits
spares = ["web/web3"] => E0013 4:11 | write the server alone: "web3"
spares = [""] => E0013 4:11 | an empty name
spares = "Auto" => E0006 4:10 | write "auto"
spares = "web3" => E0006 4:10 | `spares = ["web3"]`
spares = [] => W0007 4:10 | nothing can ever be enabled
"#,
    );
    let rest = "response_time = \"1s\"\n";
    one(
        &format!("[backend.\"a b\"]\nalways_up = [\"a\"]\n{rest}"),
        "E0013 1:10",
        &["haproxy.cfg"],
    );
    one(
        &format!("[backend.a]\nalways_up = []\n{rest}"),
        "E0008 2:13",
        &["at least one"],
    );
    one(
        &format!("[backend.a]\n{rest}"),
        "E0008 1:1",
        &["`always_up` is missing"],
    );
    let text = format!("[backend.a]\nalways_up = [\"a\", \"b\"]\nmax = 1\n{rest}");
    one(&text, "W0002 3:7", &["these are never disabled", "max = 3"]);
    each(
        r"
max = 1 => W0002 4:7 | one server is always up | comes in only while one of them is down | max = 2
min = 1 ;; max = 1 => W0002 5:7 | max = 2
min = 3 ;; max = 3 => W0002 5:7 | ever enabled for load | serve even without load | max = 4
",
    );
    let two = format!("[backend.a]\nalways_up = [\"a\", \"b\"]\n{rest}");
    one(&format!("{two}max = 2\n"), "W0002 4:7", &["2 servers"]);
    for room in ["max = 3", "min = 1\nmax = 3", "min = 3\nmax = 4"] {
        let loaded = good(&format!("{two}{room}\n"));
        assert!(loaded.warnings.is_empty(), "{room}: {:?}", loaded.warnings);
    }
}

#[test]
fn a_file_without_a_backend_or_without_anything_says_what_to_write() {
    one("", "E0016 1:1", &["the file is empty", "[backend.web]"]);
    one("# later\n\n", "E0016 1:1", &["the file is empty"]);
    one(
        "mode = \"act\"\n",
        "E0008 1:1",
        &["no backend", "[backend.web]"],
    );
    one("[backend]\n", "E0008 1:1", &["no backend"]);
    one(
        "[backend.a]\nalways_up = [\"a\"]\n",
        "E0008 1:1",
        &["no policy", "response_time"],
    );
}

#[test]
fn a_policy_has_one_signal_and_one_threshold() {
    let cases = r#"
above = "1s" => E0008 4:1 | without `signal` | connect_time
signal = "queue_time" => E0014 4:1 | `above` is missing
signal = "queue_time" ;; above = "1s" ;; per_server = 2 => E0014 7:14 | keep `above`
signal = "queue_time" ;; per_server = 2 => E0006 6:14 | above = "500ms" | request_rate
signal = "queue_time" ;; above = 100 => E0003 6:9 | above = "100ms"
signal = "queue_time" ;; above = "0s" => E0007 6:9 | at least
signal = "queue_length" ;; above = "1s" => E0003 6:9 | a number above 0
signal = "queue_length" ;; above = 0 => E0007 6:9 | above 0
signal = "concurrency" => E0014 4:1 | `above` is missing | per_server = 20
signal = "concurrency" ;; per_server = 0 => E0007 6:14 | above 0
signal = "concurrency" ;; per_server = "20ms" => E0003 6:14 | a number above 0
signal = "concurrency" ;; per_server = 20 ;; add = 2 => W0011 7:7 | remove `add`
signal = "concurrency" ;; per_server = 20 ;; window = 15 => E0006 7:10 | window = "10s"
signal = "request_rate" ;; above = -1.5 => E0007 6:9 | above 0
signal = "request_rate" ;; above = 20 ;; window = 15 => E0006 7:10 | window = "10s"
signal = "concurrency" ;; above = 20 ;; timer = "Tr" => E0006 7:9 | only response_time has a choice
signal = "que_time" ;; above = "1s" => E0006 5:10 | "queue_time"?
signal = "queue_time" ;; above = "1s" ;; timer = "Tr" => E0006 7:9 | only response_time has a choice
signal = "queue_time" ;; above = "1s" ;; statistic = "p50" => E0006 7:13 | "mean", "median", "p90"
"#;
    for case in cases.lines().filter(|case| !case.is_empty()) {
        each(&format!("[[backend.web.policy]] ;; {case}"));
    }
}

#[test]
fn a_schedule_names_days_hours_a_zone_and_a_number() {
    let good = "from = '07:30' ;; to = '18:00' ;; zone = 'Europe/Berlin' ;; min = 3";
    let with = |key: &str, line: &str| {
        let lines = good
            .split(" ;; ")
            .map(|it| if it.starts_with(key) { line } else { it });
        lines.collect::<Vec<_>>().join(" ;; ")
    };
    let cases = [
        (
            "to",
            "to = '07:30'",
            "E0006 6:6 | the same time | \"24:00\"",
        ),
        ("to", "to = '18.00'", "E0015 6:6 | no time of day | 07:30"),
        ("to", "to = '24:01'", "E0015 6:6 | no time of day"),
        ("from", "from = 730", "E0003 5:8 | a time of day"),
        ("zone", "zone = 'Europe/Berln'", "E0006 7:8 | Europe/Berlin"),
        ("zone", "zone = 'my own'", "E0006 7:8 | timedatectl"),
        ("min", "min = 0", "E0007 8:7 | too small"),
        ("min", "min = 1", "W0011 8:7 | without effect"),
        ("min", "min = 3 ;; days = 'mon-fry'", "E0015 9:8 | mon-fri"),
        ("min", "min = 3 ;; day = 'mon'", "E0002 9:1 | `days`"),
    ];
    for (key, line, wanted) in cases {
        each(&format!(
            "[[backend.web.schedule]] ;; {} => {wanted}",
            with(key, line)
        ));
    }
    each(
        "max = 2 ;; [[backend.web.schedule]] ;; from = '07:30' ;; to = '18:00' ;; zone = 'UTC' ;; min = 3 => E0010 9:7 | `max`",
    );
    for key in ["from", "to", "zone", "min"] {
        let others = good.split(" ;; ").filter(|it| !it.starts_with(key));
        let lines = others.collect::<Vec<_>>().join(" ;; ");
        let wanted = format!("E0008 4:1 | without `{key}`");
        each(&format!("[[backend.web.schedule]] ;; {lines} => {wanted}"));
    }
}

#[test]
fn a_tier_is_a_number_of_a_spare() {
    each("[backend.web.server.web3] ;; tier = 0 => E0007 5:8 | from 1 to 100");
    each("[backend.web.server.web1] ;; tier = 2 => W0011 5:8 | always up | remove `tier`");
}

/// Each row's format goes into one file, with single quotes around it.
#[test]
fn a_log_format_is_refused_at_the_item_that_is_wrong() {
    let cases = r#"
htplog => E0006 5:10 | did you mean "httplog"? | log-format string
"" => E0006 5:10 | "httplog", "httpslog", "clf"
%ci:%cp [%tr] %ft => E0019 5:11 | lacks %b, %s, %ST, %Tr
%tr %b %s %Tw %Tc %ST => E0019 5:11 | lacks %Tr
%tr %r %b/%s %Tw/%Tc/%Tr %ST => E0018 5:15 | `%r` stands left of `%b` | a log target of
%tr %b/%s %HM %Tw/%Tc/%Tr %ST => E0018 5:21 | `%HM` stands left of `%Tw`
%ID %tr %b/%s %Tw/%Tc/%Tr %ST => E0018 5:11 | `%ID` stands left of
%tr %CC %b/%s %Tw/%Tc/%Tr %ST => E0018 5:15
%tr %b/%s %hr %Tw/%Tc/%Tr %ST => E0018 5:21
%tr %[path,url_dec] %b/%s %Tw/%Tc/%Tr %ST => E0018 5:15 | `%[path,url_dec]` stands left
%tr %[src,map(/etc/x)] %b/%s %Tw/%Tc/%Tr %ST => E0018 5:15
%{-Q}o %ci - - [%T] %r %ST %b %s %Tw %Tc %Tr => E0018 5:31 | a log target of
%tr %b%s %Tw/%Tc/%Tr %ST => E0020 5:15 | `%b` is followed by `%s`
%tr %b:%s %Tw/%Tc/%Tr %ST => E0020 5:15 | `%b` is followed by `:`
%tr %b/%s %Tw%Tc/%Tr %ST => E0020 5:21
%tr %b/%s %Tw/%Tc/%Tr %ST%r => E0020 5:33
%tr %b/%s %XX/%Tc/%Tr %ST => E0017 5:21 | no item `%XX`
%tr %b/%s %Tw/%Tc/%Tr %ST % => E0017 5:37 | no item `%`
%tr %b/%s %{+Q}Tw/%{+Z}Tc/%Tr %ST => E0017 5:29
%tr %{-M}b/%s %Tw/%Tc/%Tr %ST => E0009 5:15 | remove `-M`
%{+cbor}o %tr %b/%s %Tw/%Tc/%Tr %ST => E0009 5:11
%tr %b/%s %Tw/%Tc/%Tr %ST %[src => E0017 5:37 | lacks its `]`
log-format %tr\ %b/%s %Tw => E0017 5:33 | ends at a space
"#;
    for case in cases.lines().filter(|case| !case.is_empty()) {
        let (format, wanted) = case.split_once(" => ").expect("a row");
        let mut wanted = wanted.split(" | ");
        let place = wanted.next().expect("a place");
        let text = format!("{BASE}[log]\nformat = '{format}'\n");
        one(&text, place, &wanted.collect::<Vec<_>>());
    }
}

#[test]
fn every_mistake_of_a_log_format_is_said_in_one_run() {
    let cases = r"
%tr %r %b/%s %HM %Tw/%Tc/%Tr %ST => E0018 5:15 | E0018 5:24
%tr %XX %b/%s %Tw/%YY/%Tr %ST % => E0017 5:15 | E0017 5:29 | E0017 5:41
%CC %b%s %Tw/%Tc/%Tr => E0018 5:11 | E0019 5:11 | E0020 5:15
%tr %r %b/%s %Tw%Tc/%Tr %{+Z}ST %{-M}ci => E0018 5:15 | E0020 5:24 | E0017 5:35 | E0009 5:43
%tr %b%r/%s %Tw/%Tc/%Tr %ST => E0018 5:17
";
    for case in cases.lines().filter(|case| !case.is_empty()) {
        let (format, wanted) = case.split_once(" => ").expect("a row");
        let wanted: Vec<&str> = wanted.split(" | ").collect();
        let (places, shown) = found(&format!("{BASE}[log]\nformat = '{format}'\n"));
        assert_eq!(places, wanted, "{format}\n{shown}");
    }
}

#[test]
fn where_http_listens_is_checked() {
    each(
        r#"
[http] ;; listen = "0.0.0.0:9478" => E0022 5:10 | everybody who reaches this port | token_file = | "127.0.0.1:9478"
[http] ;; listen = "[::]:9478" => E0022 5:10 | beyond this host
[http] ;; listen = "192.0.2.1:80" => E0022 5:10 | 127.0.0.1:80
[http] ;; token_file = "" ;; listen = "192.0.2.1:80" => E0022 6:10 | token_file =
[http] ;; listen = "9478" => E0015 5:10 | neither ADDRESS:PORT nor unix:PATH | "127.0.0.1:9478"
[http] ;; listen = "localhost:9478" => E0015 5:10 | neither ADDRESS:PORT nor unix:PATH
[http] ;; listen = "127.0.0.1:0" => E0015 5:10 | port 0
[http] ;; listen = "unix:" => E0015 5:10 | empty
[http] ;; listen = 9478 => E0003 5:10 | ADDRESS:PORT
[http] ;; tokenfile = "x" => E0002 5:1 | token_file
"#,
    );
    for listen in ["", "127.0.0.1:9478", "[::1]:9478", "unix:http.sock"] {
        config(&format!("{BASE}[http]\nlisten = \"{listen}\""));
    }
    let text = format!("{BASE}[http]\nlisten = \"0.0.0.0:9478\"\ntoken_file = \"token\"");
    assert!(config(&text).http.listen.remote_address().is_some());
}

#[test]
fn sockets_paths_and_urls_are_checked() {
    each(
        r#"
[haproxy] ;; socket = "" => E0015 5:10 | tcp:HOST:PORT
[haproxy] ;; socket = "tcp:9999" => E0015 5:10 | no HOST:PORT
[haproxy] ;; socket = "tcp:h:70000" => E0015 5:10 | no HOST:PORT
[haproxy] ;; socket = "127.0.0.1:99" => E0015 5:10 | write "tcp:127.0.0.1:99"
[haproxy] ;; socket = "unix@/run/a" => E0015 5:10 | prefix
[state] ;; dir = "a\u0000b" => E0015 5:7 | control characters
[log] ;; source = "" => E0015 5:10 | empty | "udp:127.0.0.1:5514"
[log] ;; source = "udp:" => E0015 5:10 | no ADDR:PORT
[log] ;; source = "udp:5514" => E0015 5:10 | no ADDR:PORT | "udp:127.0.0.1:5514"
[log] ;; source = "tcp:127.0.0.1" => E0015 5:10 | no ADDR:PORT
[log] ;; source = "udp:127.0.0.1:70000" => E0015 5:10 | no port
[log] ;; source = "tcp:localhost:5514" => E0015 5:10 | "tcp:127.0.0.1:5514"
[log] ;; source = "tcp:::1:514" => E0015 5:10 | "tcp:[::1]:514"
[log] ;; source = "udp:*:514" => E0015 5:10 | no address to listen on | allow_remote
[log] ;; source = "udp:log.example:514" => E0015 5:10 | not an IP address
[log] ;; source = "unix:" => E0015 5:10 | empty
[log] ;; source = "journal:" => E0015 5:10 | no unit
[log] ;; source = "journal:--vacuum-size=1" => E0015 5:10 | begins with a dash
[log] ;; source = "journal:haproxy service" => E0015 5:10 | not the name of a systemd unit
[log] ;; source = "journal:*" => E0015 5:10 | not the name of a systemd unit
[log] ;; source = "udp:0.0.0.0:514" => E0021 5:10 | not a loopback address | "udp:127.0.0.1:514" | allow_remote = true
[log] ;; source = "tcp:[::]:514" => E0021 5:10 | not a loopback address
[log] ;; source = "tcp:192.0.2.1:514" => E0021 5:10 | forge log lines
[log] ;; allow_remote = true ;; source = "udp:0.0.0.0:514" => W0009 6:10 | whoever reaches this port | firewall
[log] ;; tag = "ha proxy" => E0015 5:7 | log-tag
[log] ;; max_line_bytes = "16kb" => E0015 5:18 | KiB
[log] ;; max_line_bytes = "1KiB2" => E0015 5:18 | KiB
[log] ;; max_line_bytes = "99999999999MiB" => E0007 5:18 | 16MiB
[log] ;; max_line_bytes = 3 => E0007 5:18 | from 256
[backend.web.warm_up] ;; path = "health" => E0015 5:8 | does not begin with `/`
[backend.web.warm_up] ;; path = "/a b" => E0015 5:8 | %20
[backend.web.warm_up] ;; path = "/<a>" => E0015 5:8 | %XX
[backend.web.warm_up] ;; path = "/\r\nX: y" => E0015 5:8 | control
[backend.web.warm_up] ;; host = "a\r\nX: y" => E0015 5:8 | control
"#,
    );
    let long = format!("[control] ;; socket = \"/{}\"", "a".repeat(107));
    each(&format!("{long} => E0015 5:10 | 108 bytes | at most 107"));
    for status in [
        "",
        "abc",
        "200-",
        "399-200",
        "99",
        "600",
        "+200",
        "200-300-400",
    ] {
        let lines = format!("[backend.web.warm_up] ;; expect_status = \"{status}\"");
        each(&format!("{lines} => E0015 5:17 | 200,204,301-302"));
    }
    let urls = "10.0.0.13:8080 ftp://a/ http:// http:///x http://u:p@a/ http://a:0/ http://a:x/ \
                http://a/#x http://[::1/ http://a:1:2/ http://\u{e9}/ http://a:/ http://a/<x>";
    for url in urls.split(' ') {
        let lines = format!("[backend.web.server.web3] ;; warm_up_url = \"{url}\"");
        each(&format!(
            "{lines} => E0015 5:15 | http://10.0.0.13:8080/health"
        ));
    }
    for url in [
        "http://10.0.0.13",
        "https://a.example:8443/x?y=1",
        "http://[::1]:80/",
    ] {
        let text = format!("{BASE}[backend.web.server.web3]\nwarm_up_url = \"{url}\"");
        assert_eq!(config(&text).backends["web"].warm_up_urls["web3"], url);
    }
}

#[test]
fn what_surely_means_something_else_is_a_warning() {
    each(
        r#"
statistic = "p95" => W0006 4:13 | p95 of 15 samples is the maximum | window = 20
statistic = "p95" ;; window = 19 => W0006 4:13 | p95 of 19 | too few samples
window = "2m" => W0005 4:10 | `scale_up_cooldown` (30s) | (2m)
window = "2m" ;; scale_up_cooldown = "1m" => W0005 5:21 | (1m)
[backend.web.warm_up] ;; timeout = "2m" => W0003 5:11 | `timeout` (2m) | `deadline` (1m)
spares = ["web3"] ;; [backend.web.server.web33] => W0004 5:21 | did you mean `web3`?
"#,
    );
    assert!(
        good(&format!("{BASE}statistic = \"p95\"\nwindow = 20"))
            .warnings
            .is_empty()
    );
}

#[test]
fn a_mistake_in_defaults_is_said_once_for_all_backends() {
    let backend = "[backend.a]\nalways_up = [\"a\"]\n[backend.b]\nalways_up = [\"b\"]\n";
    one(
        &format!("{backend}[defaults]\nresponse_time = \"1\"\n"),
        "E0004 6:17",
        &["unit"],
    );
    let text = format!("{backend}[defaults]\nresponse_time = \"1s\"\nmin = 3\nmax = 2\n");
    one(&text, "E0010 7:7", &["more than `max`"]);
    let text = format!("{backend}[defaults]\nresponse_time = \"1s\"\nstatistic = \"p99\"\n");
    one(&text, "W0006 7:13", &["p99 of 15"]);
}

#[test]
fn a_syntax_error_is_one_error_and_hides_no_other() {
    let text = format!("{BASE}min = 0\nmax = = 3\nadd = 0\n");
    assert_eq!(found(&text).0, ["E0007 4:7", "E0001 5:7", "E0007 6:7"]);
    let text = format!("{BASE}add = 0\nspares = [\"web3\"\nmin = 1\n[log]\nsource = 3\n");
    let (places, shown) = found(&text);
    assert_eq!(places, ["E0007 4:7", "E0001 5:10"], "{shown}");
    assert!(shown.contains("never closed"), "{shown}");
    each(
        r#"
min = 1 ;; min = 2 => E0001 5:1 | duplicate key | remove one
spares = ["web3" "web4"] => E0001 4:18 | commas
hold = "1h => E0001 4:11 | here
hold = 1h => E0001 4:8 | here
"#,
    );
    let text = "[backend.web\nalways_up = [\"a\"]\nresponse_time = \"1s\"";
    one(text, "E0001 1:13", &["here"]);
}
