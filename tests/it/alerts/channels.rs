//! Each kind of channel, by `alerts test`: what arrives, what is said, and what stays secret.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::place::alert;
use super::real::{Alertmanager, MailServer};
use super::receiver::{Certificate, Manner, Receiver};
use crate::support::ReservedPort;
use crate::support::program::{Ran, file, run};

const BASE: &str = "[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"1s\"\n";

/// The same where something does not arrive: what was printed of each.
fn failed(folder: &Path, tables: &str) -> String {
    let ran = test(folder, tables);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    ran.out
}

/// `alerts test` with those tables.
fn test(folder: &Path, tables: &str) -> Ran {
    let config = file(folder, "config.toml", format!("{BASE}{tables}"));
    run(&["alerts", "test", "-c", &config])
}

fn of_preset(preset: &str, url: &str) -> String {
    alert(&format!(
        "kind = \"webhook\"\nname = \"{preset}\"\npreset = \"{preset}\"\nurl = \"{url}\""
    ))
}

#[test]
fn each_preset_sends_what_its_receiver_takes() {
    let receiver = Receiver::start(Manner::Answer(200));
    let folder = tempfile::tempdir().unwrap();
    let presets = [
        "slack",
        "mattermost",
        "discord",
        "ntfy",
        "alertmanager",
        "json",
    ];
    let tables =
        presets.map(|preset| of_preset(preset, &receiver.url(&format!("/{preset}/T00SECRET"))));
    let out = test(folder.path(), &tables.concat()).succeeded();
    assert_eq!(
        out.matches(": ok: POST to http://127.0.0.1:").count(),
        6,
        "{out}"
    );
    assert!(!out.contains("T00SECRET"), "{out}");
    let all = receiver.received();
    let of = |preset: &str| {
        let path = format!("POST /{preset}/T00SECRET");
        let mut found = all.iter().filter(|it| it.line.starts_with(&path));
        found.next().unwrap_or_else(|| panic!("{preset}: {all:#?}"))
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(text(&of("slack").json()["text"]).starts_with('*'));
    assert!(text(&of("mattermost").json()["text"]).starts_with("**"));
    let discord = of("discord").json();
    assert!(text(&discord["content"]).contains("test of discord"));
    assert_eq!(discord["allowed_mentions"]["parse"], serde_json::json!([]));
    let ntfy = of("ntfy");
    assert!(
        ntfy.headers["title"].ends_with(": test of ntfy"),
        "{ntfy:?}"
    );
    assert_eq!(
        (&*ntfy.headers["priority"], &*ntfy.headers["tags"]),
        ("3", "information_source")
    );
    assert!(ntfy.body.contains("alerts of haproxy-autoscale reach you"));
    let manager = of("alertmanager");
    assert_eq!(
        manager.line,
        "POST /alertmanager/T00SECRET/api/v2/alerts HTTP/1.1"
    );
    assert_eq!(manager.json()[0]["labels"]["alertname"], "HaproxyAutoscale");
    let json = of("json").json();
    for name in [
        "id", "at", "level", "code", "backend", "server", "text", "data",
    ] {
        assert!(json.get(name).is_some(), "{name}: {json}");
    }
}

#[test]
fn what_fails_is_said_with_what_came_back_and_without_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (gone, hanging) = (ReservedPort::new(), Receiver::start(Manner::Hang));
    let refusing = Receiver::start(Manner::Answer(403));
    let broken = Receiver::start(Manner::Answer(500));
    let stranger = Receiver::start_tls(Manner::Answer(200), &Certificate::new());
    let good = Receiver::start(Manner::Answer(200));
    let named = |name: &str, url: &str| {
        alert(&format!(
            "kind = \"webhook\"\nname = \"{name}\"\nurl = \"{url}\""
        ))
    };
    let tables = [
        named(
            "refused",
            &format!("http://user:hunter22@{}/s3cret-path", gone.address()),
        ),
        named("hanging", &hanging.url("/s3cret-path?key=s3cret-key")),
        named("forbidden", &refusing.url("/s3cret-path")),
        named("broken", &broken.url("/s3cret-path")),
        named(
            "stranger",
            &stranger.url("/s3cret-path").replace("http:", "https:"),
        ),
        named("unknown", "http://no-such-host.invalid/s3cret-path"),
        named("good", &good.url("/s3cret-path")),
    ];
    let began = Instant::now();
    let out = failed(folder.path(), &tables.concat());
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "all at once: {:?}",
        began.elapsed()
    );
    for (name, said) in [
        ("refused", "cannot connect: connection refused"),
        ("hanging", "no answer within 10s"),
        ("forbidden", "answered 403: ok"),
        ("broken", "answered 500: ok"),
        ("stranger", "its certificate was not accepted"),
        ("unknown", "cannot look up no-such-host.invalid"),
        ("good", "ok: POST to http://127.0.0.1:"),
    ] {
        let line = out
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")));
        assert!(
            line.is_some_and(|line| line.contains(said)),
            "{name}: {out}"
        );
    }
    assert!(
        !out.contains("s3cret") && !out.contains("hunter22"),
        "{out}"
    );
}

#[test]
fn a_certificate_in_ca_file_is_believed_and_a_password_in_the_url_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::new();
    certificate.write(folder.path());
    let receiver = Receiver::start_tls(Manner::Answer(200), &certificate);
    let url = receiver.url("/").replace("http://", "https://me:p%40ss@");
    let table = alert(&format!(
        "kind = \"webhook\"\nurl = \"{url}\"\nca_file = \"cert.pem\""
    ));
    test(folder.path(), &table).succeeded();
    // `me:p@ss`.
    assert_eq!(
        receiver.received()[0].headers["authorization"],
        "Basic bWU6cEBzcw=="
    );
}

#[test]
fn without_a_channel_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ran = test(folder.path(), "");
    assert!(ran.err.contains("has no [[alert]]"), "{}", ran.err);
    ran.failed(1);
}

fn mail(server: &MailServer, more: &str) -> String {
    alert(&format!(
        "kind = \"email\"\nsmtp = \"{}\"\nfrom = \"HAProxy <haproxy@example.com>\"\n\
         to = [\"ops@example.com\", \"more@example.com\"]\n{more}",
        server.address()
    ))
}

fn password(folder: &Path, password: &str, mode: u32) {
    let path = file(folder, "password", format!("{password}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const LOGIN: &str =
    "username = \"haproxy\"\npassword_file = \"password\"\nca_file = \"cert.pem\"\n";

#[test]
fn a_mail_goes_over_starttls_or_tls_with_the_password_of_a_file() {
    for mode in ["starttls", "tls"] {
        let Some(server) = MailServer::start(mode) else {
            return;
        };
        password(server.folder.path(), "correct horse", 0o640);
        let table = mail(&server, &format!("{LOGIN}tls = \"{mode}\""));
        let out = test(server.folder.path(), &table).succeeded();
        assert!(
            out.contains("email-1: ok: mail to ops@example.com, more@example.com"),
            "{out}"
        );
        let [mail] = &server.mails()[..] else {
            panic!("{mode}: {:?}", server.mails());
        };
        assert_eq!(
            (&mail["tls"], &mail["authenticated"]),
            (&true.into(), &true.into())
        );
        assert_eq!(
            mail["to"],
            serde_json::json!(["ops@example.com", "more@example.com"])
        );
        let data = mail["data"].as_str().unwrap();
        assert!(
            data.contains("Subject: ") && data.contains("test of email-1"),
            "{data}"
        );
        assert!(
            data.contains("Message-ID: ") && data.contains("Date: "),
            "{data}"
        );
    }
}

#[test]
fn a_mail_goes_in_the_clear_only_where_that_was_asked_for() {
    let Some(server) = MailServer::start("plain") else {
        return;
    };
    let out = failed(server.folder.path(), &mail(&server, ""));
    assert!(out.contains("failed: "), "{out}");
    assert!(server.mails().is_empty(), "the server knows no STARTTLS");
    test(server.folder.path(), &mail(&server, "tls = \"none\"")).succeeded();
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn what_a_mail_server_refuses_is_said_without_the_password() {
    let Some(server) = MailServer::start("starttls") else {
        return;
    };
    let table = mail(&server, LOGIN);
    for (word, mode, said) in [
        ("wrong-pony", 0o640, "535"),
        ("wrong-pony", 0o644, "chmod 0640"),
    ] {
        password(server.folder.path(), word, mode);
        let out = failed(server.folder.path(), &table);
        assert!(out.contains(said), "{said}: {out}");
        assert!(!out.contains("pony"), "{out}");
    }
    fs::remove_file(server.folder.path().join("password")).unwrap();
    let out = failed(server.folder.path(), &table);
    assert!(out.contains("cannot use password_file"), "{out}");
    // A certificate of somebody else.
    Certificate::new().write(server.folder.path());
    password(server.folder.path(), "correct horse", 0o600);
    let out = failed(server.folder.path(), &table);
    assert!(out.contains("certificate"), "{out}");
    assert!(server.mails().is_empty());
    let Some(refusing) = MailServer::start("refuse") else {
        return;
    };
    let out = failed(refusing.folder.path(), &mail(&refusing, "tls = \"none\""));
    assert!(out.contains("no mail for you"), "{out}");
    let Some(hanging) = MailServer::start("hang") else {
        return;
    };
    let began = Instant::now();
    failed(hanging.folder.path(), &mail(&hanging, "tls = \"none\""));
    assert!(began.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_command_gets_the_event_as_json_and_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("event");
    let command = |name: &str, script: &str| {
        alert(&format!(
            "kind = \"exec\"\nname = \"{name}\"\ncommand = [\"/bin/sh\", \"-c\", '''{script}''']"
        ))
    };
    let survivor = folder.path().join("survivor");
    let hangs = format!("(sleep 14; touch {}) & sleep 60", survivor.display());
    let tables = [
        command("good", &format!("cat >{}", out.display())),
        command("bad", "echo what went wrong >&2; exit 3"),
        command("deaf", "exec <&-; exit 0"),
        command("hangs", &hangs),
    ];
    let began = Instant::now();
    let said = failed(folder.path(), &tables.concat());
    assert!(began.elapsed() < Duration::from_secs(20));
    for line in [
        "good: ok: /bin/sh: ended with 0",
        "bad: failed: /bin/sh: exit status: 3: what went wrong",
        "deaf: ok: ",
        "hangs: failed: /bin/sh: it was not done after 10s and was killed",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let event: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    assert_eq!(event["code"], "alert_test");
    let left = Duration::from_secs(16).saturating_sub(began.elapsed());
    assert!(
        !crate::support::holds_within(left, || survivor.exists()),
        "all of it was killed"
    );
}

#[test]
fn a_real_alertmanager_takes_an_alert() {
    let Some(manager) = Alertmanager::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    test(folder.path(), &of_preset("alertmanager", &manager.url())).succeeded();
    let [found] = &manager.active("alert_test")[..] else {
        panic!("{:?}", manager.active("alert_test"));
    };
    let summary = found["annotations"]["summary"].as_str().unwrap();
    assert!(summary.contains("test of alertmanager"), "{found}");
}
