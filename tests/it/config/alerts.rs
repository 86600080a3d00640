//! `[[alert]]`, `[[probe]]` and `[heartbeat]`: what each kind needs, what it cannot have, and that no
//! message shows what a URL keeps secret.

use haproxy_autoscale::config::{Channel, Config, MailTls, On, Preset, parse};
use haproxy_autoscale::status::DaemonProblem;

use super::BASE;
use super::mistakes::found;

fn read(tables: &str) -> Config {
    let loaded = parse(&format!("{BASE}{tables}"), "c.toml");
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config
}

#[test]
fn each_kind_is_read_with_what_it_needs() {
    let config = read(
        r#"
[[alert]]
kind = "webhook"
url = "https://chat.example.com/hooks/1"
[[alert]]
kind = "email"
name = "night shift"
smtp = "smtp.example.com:465"
tls = "tls"
from = "HAProxy <haproxy@example.com>"
to = ["ops@example.com"]
username = "haproxy"
password_file = "/etc/p"
on = ["problem", "no_spare"]
every = "1h"
[[alert]]
kind = "exec"
command = ["/bin/page", "me"]
[[probe]]
url = "http://[::1]:8080/x?y"
expect_status = "204"
[heartbeat]
url = "https://hc.example.com/1"
"#,
    );
    let names: Vec<_> = config.alerts.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["webhook-1", "night shift", "exec-3"]);
    let Channel::Webhook { url, preset, .. } = &config.alerts[0].channel else {
        panic!("{:?}", config.alerts[0]);
    };
    assert_eq!((url.port(), *preset), (443, Preset::Json));
    let Channel::Email(mail) = &config.alerts[1].channel else {
        panic!("{:?}", config.alerts[1]);
    };
    assert_eq!(
        (&*mail.host, mail.port, mail.tls),
        ("smtp.example.com", 465, MailTls::Tls)
    );
    assert_eq!(
        config.alerts[1].on,
        [On::Problem, On::Code("no_spare".to_owned())]
    );
    assert_eq!(config.probes[0].expect_status, [(204, 204)]);
    assert_eq!(
        (config.probes[0].failures, config.probes[0].url.host()),
        (3, "::1")
    );
    assert!(config.heartbeat.url.is_some());
}

/// Tables, what is found of them and where, and words of it.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "[[alert]]\nurl = \"http://h/\"",
        "E0008 4:1",
        "`kind` is missing",
    ),
    (
        "[[alert]]\nkind = \"web\"",
        "E0006 5:8",
        "allowed: \"webhook\"",
    ),
    (
        "[[alert]]\nkind = \"webhook\"",
        "E0008 4:1",
        "`url` is missing",
    ),
    (
        "[[alert]]\nkind = \"exec\"\ncommand = [\"page\"]",
        "E0015 6:11",
        "its whole path",
    ),
    (
        "[[alert]]\nkind = \"exec\"\ncommand = \"/bin/page\"",
        "E0003 6:11",
        "a list of texts",
    ),
    (
        "[[alert]]\nkind = \"webhook\"\nurl = \"http://h/\"\nsmtp = \"h:25\"",
        "W0011 7:8",
        "means nothing with `kind = \"webhook\"`",
    ),
    (
        "[[alert]]\nkind = \"webhook\"\nurl = \"http://h/\"\non = [\"enabel\"]",
        "E0006 7:7",
        "did you mean \"enable\"?",
    ),
    (
        "[[alert]]\nkind = \"email\"\nsmtp = \"h\"\nfrom = \"a@b\"\nto = [\"c@d\"]",
        "E0015 6:8",
        "HOST:PORT",
    ),
    (
        "[[alert]]\nkind = \"email\"\nsmtp = \"h:25\"\nfrom = \"me\"\nto = [\"c@d\"]",
        "E0015 7:8",
        "no mail address",
    ),
    (
        "[[alert]]\nkind = \"email\"\nsmtp = \"h:25\"\nfrom = \"a@b\"\nto = [\"c@d\"]\nusername = \"u\"",
        "E0008 4:1",
        "`password_file` is missing",
    ),
    (
        "[[alert]]\nkind = \"email\"\nsmtp = \"h:25\"\nfrom = \"a@b\"\nto = [\"c@d\"]\nusername = \"u\"\n\
             password_file = \"/p\"\ntls = \"none\"",
        "W0013 11:7",
        "in the clear",
    ),
    (
        "[[alert]]\nkind = \"webhook\"\nname = \"a\"\nurl = \"http://h/\"\n\
             [[alert]]\nkind = \"webhook\"\nname = \"a\"\nurl = \"http://h/\"",
        "E0012 10:8",
        "are called \"a\"",
    ),
    ("[alert]\nkind = \"exec\"", "E0003 4:1", "[[alert]]"),
    ("[[probe]]\nevery = \"1m\"", "E0008 4:1", "`url` is missing"),
    (
        "[[probe]]\nurl = \"http://h/\"\nevery = \"10ms\"",
        "E0007 6:9",
        "1s",
    ),
    (
        "[heartbeat]\nurl = \"hc.example.com\"",
        "E0015 5:7",
        "http:// or https://",
    ),
];

#[test]
fn what_is_missing_wrong_or_means_nothing_is_said_with_its_place() {
    for (tables, code, words) in MISTAKES {
        let (places, shown) = found(&format!("{BASE}{tables}\n"));
        assert_eq!(places, [*code], "{tables}\n{shown}");
        assert!(shown.contains(words), "{tables}\n{shown}");
    }
}

#[test]
fn no_message_shows_what_a_url_keeps_secret() {
    for url in [
        "ftp://h.example/s3cret",
        "https://me:s3cret@h.example/",
        "https://h.example:99999/s3cret",
        "https://h.example/s3cret path",
        "https://h.example?s3cret#x",
        "s3cret",
    ] {
        let text = format!("{BASE}[[alert]]\nkind = \"webhook\"\nurl = \"{url}\"\nevery = 7\n");
        let (_, shown) = found(&text);
        let is_shown = shown.contains("url = \"");
        assert!(
            is_shown || url.contains('@'),
            "the line of the mistake: {shown}"
        );
        assert!(!shown.contains("s3cret"), "{url}\n{shown}");
    }
    let config = read("[[probe]]\nurl = \"https://me:s3cret@h.example/s3cret?s3cret\"\n");
    let shown = format!("{config:?} {}", config.probes[0].url);
    assert!(
        shown.contains("https://h.example") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn every_problem_of_the_daemon_can_be_named() {
    for problem in DaemonProblem::ALL {
        let code = problem.as_str();
        read(&format!(
            "[[alert]]\nkind = \"webhook\"\nurl = \"http://h/\"\non = [\"{code}\"]\n"
        ));
    }
}
