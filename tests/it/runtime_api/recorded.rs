//! Replies that HAProxy 2.6.12 gave, whole, cut at every byte, and damaged.

use haproxy_autoscale::runtime_api::reply::{self, ReplyError, WriteReply};
use haproxy_autoscale::words::picture::{BackendRead, CheckRead, Generation};
use proptest::prelude::*;

use super::{READ, server_named};

const READ_UNKNOWN_BACKEND: &str = include_str!("../../data/haproxy-2.6/read_unknown_backend.txt");
const SHOW_INFO: &str = include_str!("../../data/haproxy-2.6/show_info.txt");
const SHOW_CLI_LEVEL: &str = include_str!("../../data/haproxy-2.6/show_cli_level.txt");
const SHOW_BACKEND: &str = include_str!("../../data/haproxy-2.6/show_backend.txt");

/// The backend `web` of a reply.
fn web(text: &str) -> Result<BackendRead, ReplyError> {
    let mut picture = reply::picture(text, &["web".to_owned()])?;
    Ok(picture.backends.remove("web").unwrap_or_default())
}

#[test]
fn a_recorded_reply_of_2_6_is_read_whole() {
    let read = web(READ).unwrap();
    let picture = reply::picture(READ, &["web".to_owned()]).unwrap();
    let generation = Generation {
        pid: 26_651,
        start_time_s: 1_795_313_201,
    };
    assert_eq!(picture.generation, generation);
    assert_eq!(read.responses, 8, "six 2xx and two 5xx of the BACKEND row");
    assert_eq!(
        (picture.dropped_logs, picture.requests),
        (0, 11),
        "of the process"
    );
    assert_eq!((read.sessions, read.queued), (0, 0));
    let names: Vec<&str> = read
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    let expected = [
        "up",
        "unchecked",
        "spare",
        "spare-unchecked",
        "tls",
        "no-ssl",
        "six",
        "portless",
        "unix",
        "follower",
        "unresolved",
        "sick",
        "draining",
        "draining-unchecked",
    ];
    assert_eq!(names, expected, "in the order of haproxy.cfg");
}

#[test]
fn checks_are_told_apart_from_no_checks_and_from_paused_ones() {
    let read = web(READ).unwrap();
    let full = CheckRead {
        result: 3,
        health: 4,
        rise: 2,
        fall: 3,
        is_enabled: true,
    };
    assert_eq!(server_named(&read, "up").check, Some(full));
    assert_eq!(server_named(&read, "draining").check, Some(full));
    assert_eq!(server_named(&read, "unchecked").check, None);
    assert_eq!(server_named(&read, "spare-unchecked").check, None);
    assert_eq!(server_named(&read, "draining-unchecked").check, None);
    let sick = server_named(&read, "sick").check.unwrap();
    assert_eq!(
        (sick.result, sick.health),
        (2, 0),
        "and its last_chk is quoted CSV"
    );
    let paused = server_named(&read, "spare").check.unwrap();
    assert!(!paused.is_full());
    assert_eq!(
        paused.result, 0,
        "an old result proves nothing while checks are paused"
    );
}

#[test]
fn addresses_are_given_only_where_a_request_could_go() {
    let read = web(READ).unwrap();
    let address = |name| {
        server_named(&read, name)
            .address
            .map(|address| address.to_string())
    };
    assert_eq!(address("up").as_deref(), Some("127.0.0.1:38101"));
    assert_eq!(address("six").as_deref(), Some("[::1]:38106"));
    assert_eq!(address("portless"), None);
    assert_eq!(address("unix"), None);
    assert_eq!(address("unresolved"), None);
    let tls: Vec<&str> = (read.servers.iter())
        .filter(|server| server.is_tls)
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(tls, ["tls"], "an explicit no-ssl is -1 and no TLS");
}

#[test]
fn admin_states_are_those_of_haproxy() {
    let read = web(READ).unwrap();
    let spare = server_named(&read, "spare");
    assert!(spare.is_maint() && spare.is_disabled_in_cfg() && !spare.is_up());
    let draining = server_named(&read, "draining");
    assert!(draining.is_drain() && draining.is_disabled_in_cfg() && !draining.is_up());
    assert!(server_named(&read, "up").is_up());
    assert!(!server_named(&read, "sick").is_up());
    assert!(server_named(&read, "unresolved").is_beyond_us());
}

#[test]
fn a_server_followed_from_another_backend_is_tracked() {
    let read = web(READ).unwrap();
    let tracked: Vec<&str> = (read.servers.iter())
        .filter(|server| server.is_tracked)
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(
        tracked,
        ["up", "spare"],
        "web/follower follows up, other/o1 follows spare"
    );
}

#[test]
fn only_the_whole_of_a_reply_counts() {
    assert!(web(READ).is_ok());
    for end in 0..READ.len() {
        let cut = web(&READ[..end]);
        assert_eq!(cut, Err(ReplyError::Cut), "cut at byte {end}");
    }
    let longer = format!("{READ}x");
    assert!(matches!(web(&longer), Err(ReplyError::Odd(_))));
}

#[test]
fn only_the_whole_of_the_small_replies_counts() {
    assert_eq!(reply::level(SHOW_CLI_LEVEL).as_deref(), Ok("admin"));
    let names = reply::backends(SHOW_BACKEND).unwrap();
    assert_eq!(names, ["web", "other"]);
    let version = reply::process(SHOW_INFO).unwrap().version;
    assert_eq!(version, "2.6.12-1+deb12u4");
    for end in 0..SHOW_INFO.len() {
        assert!(
            reply::process(&SHOW_INFO[..end]).is_err(),
            "cut at byte {end}"
        );
    }
    for end in 0..SHOW_CLI_LEVEL.len() {
        assert!(reply::level(&SHOW_CLI_LEVEL[..end]).is_err());
    }
    for end in 0..SHOW_BACKEND.len() {
        assert!(reply::backends(&SHOW_BACKEND[..end]).is_err());
    }
}

#[test]
fn an_unknown_backend_is_not_a_transport_failure() {
    let outcome = reply::picture(READ_UNKNOWN_BACKEND, &["nope".to_owned()]);
    assert_eq!(outcome, Err(ReplyError::UnknownBackend));
}

#[test]
fn a_process_that_is_ending_is_not_believed() {
    let stopping = READ.replace("Stopping: 0", "Stopping: 1");
    assert_eq!(web(&stopping), Err(ReplyError::Stopping));
}

#[test]
fn an_old_haproxy_is_named_with_its_version() {
    let old = READ
        .replace("Start_time_sec: ", "Some_other_sec: ")
        .replace("Version: 2.6.12", "Version: 2.2.9");
    let Err(ReplyError::Odd(text)) = web(&old) else {
        panic!("2.2 has no Start_time_sec");
    };
    assert!(
        text.contains("2.2.9") && text.contains("2.4 or later"),
        "{text}"
    );
}

/// HAProxy 3.x inserts columns before the old ones, and adds lines to `show info`.
#[test]
fn columns_are_found_by_name_wherever_they_are() {
    let mut moved = String::new();
    let mut section = "info";
    for line in READ.lines() {
        if line.starts_with("# be_id") {
            section = "state";
        } else if line.starts_with("# pxname") {
            section = "stat";
        }
        let new = match (section, line) {
            (_, "") => String::new(),
            ("info", "Name: HAProxy") => "Name: HAProxy\nBootTime_ms: 7".to_owned(),
            ("state", _) => match line.strip_prefix("# ") {
                Some(header) => format!("# srv_new {header} srv_newer"),
                None => format!("7 {line} -"),
            },
            ("stat", _) => match line.strip_prefix("# ") {
                Some(header) => format!("# srid,{header}newer,"),
                None => format!("9,{line}\"a,\"\"b\nc\","),
            },
            _ => line.to_owned(),
        };
        moved.push_str(&new);
        moved.push('\n');
    }
    assert_eq!(web(&moved), web(READ));
}

#[test]
fn a_missing_column_is_named() {
    for column in [
        "srv_use_ssl",
        "srv_check_state",
        "tracked",
        "hrsp_other",
        "check_rise",
    ] {
        let text = READ.replace(column, "elsewhere");
        let Err(ReplyError::Odd(text)) = web(&text) else {
            panic!("{column} is needed");
        };
        assert!(text.contains(column), "{text}");
    }
}

#[test]
fn rows_of_one_backend_that_do_not_fit_together_are_its_own_matter() {
    let without = READ.replace("\nweb,up,", "\nweb,elsewhere,");
    assert_ne!(without, READ);
    let picture = reply::picture(&without, &["web".to_owned()]).unwrap();
    assert!(picture.backends.is_empty());
    assert!(picture.odd["web"].contains("web/up"), "{:?}", picture.odd);
}

#[test]
fn what_is_no_number_is_not_guessed() {
    let text = READ.replace("web,BACKEND,0,0,0,", "web,BACKEND,0,0,x,");
    assert!(matches!(web(&text), Err(ReplyError::Odd(_))));
}

#[test]
fn the_answer_to_a_write_is_a_yes_only_when_it_is_an_empty_line() {
    assert_eq!(reply::write("\n"), WriteReply::Accepted);
    assert_eq!(reply::write(""), WriteReply::Cut);
    assert_eq!(reply::write("\n\n"), WriteReply::Cut);
    assert_eq!(reply::write("No such ser"), WriteReply::Cut);
    assert_eq!(reply::write("Permission denied\n\n"), WriteReply::Denied);
    assert_eq!(reply::write("Proxy is disabled.\n\n"), WriteReply::Stopping);
    let refused = WriteReply::Refused("No such server.".to_owned());
    assert_eq!(reply::write("No such server.\n\n"), refused);
    let WriteReply::Refused(words) = reply::write(&format!("{}\n", "a\x1b\nb ".repeat(9999)))
    else {
        panic!("a text is a no");
    };
    assert!(
        words.starts_with("a b a b") && words.chars().count() <= 201,
        "{words:?}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(text in "\\PC*|[\\n#,\" a1:-]{0,200}") {
        let _ = web(&text);
        let _ = reply::process(&text);
        let _ = reply::level(&text);
        let _ = reply::backends(&text);
        let _ = reply::write(&text);
    }

    #[test]
    fn a_damaged_reply_never_panics_and_never_invents_a_server(
        at in 0..READ.len(), drop in 0_usize..300, put in "[\\n#,\" a1:-]{0,20}"
    ) {
        let end = (at + drop).min(READ.len());
        let damaged = format!("{}{put}{}", &READ[..at], &READ[end..]);
        if let Ok(read) = web(&damaged) {
            prop_assert!(read.servers.len() <= 15);
            for server in &read.servers {
                let _ = server.check.is_some_and(|check| check.is_full());
            }
        }
    }
}
