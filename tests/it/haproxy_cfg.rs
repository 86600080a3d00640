//! haproxy.cfg as data: words and quotes, sections and what they inherit, servers, log lines, and lines with
//! a word more or less.

use std::path::PathBuf;

use haproxy_autoscale::haproxy_cfg::words::{Variables, words};
use haproxy_autoscale::haproxy_cfg::{Cfg, Destination, Kind, LogFormatSaid, Proxy};
use proptest::prelude::*;

fn read(text: &str) -> Cfg {
    Cfg::parse(
        &[(PathBuf::from("haproxy.cfg"), text.to_owned())],
        Variables::new(),
    )
}

fn texts(line: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (found, _) = words(line, &variables.collect());
    found.into_iter().map(|it| it.text).collect()
}

#[test]
fn quotes_escapes_comments_and_variables_are_read_as_haproxy_reads_them() {
    let known = [("NET", "10.0.0"), ("EMPTY", "")];
    for (line, expected) in [
        (
            "  server  web1\t10.0.0.1:80 # the first",
            vec!["server", "web1", "10.0.0.1:80"],
        ),
        (
            r#"log-format "%ci [%tr] \"x\"""#,
            vec!["log-format", r#"%ci [%tr] "x""#],
        ),
        (
            r"log-format %ci\ [%tr]\ %b\#",
            vec!["log-format", "%ci [%tr] %b#"],
        ),
        ("a 'single $NET \\n' b", vec!["a", "single $NET \\n", "b"]),
        (
            r#"bind "$NET.1:80" "${NET}.2""#,
            vec!["bind", "10.0.0.1:80", "10.0.0.2"],
        ),
        (
            r#"x "${GONE-fallback}" "${GONE}""#,
            vec!["x", "fallback", "${GONE}"],
        ),
        (r"tab\tx\x41", vec!["tab\txA"]),
        ("half \"open", vec!["half", "open"]),
        ("# nothing", vec![]),
    ] {
        assert_eq!(texts(line, &known), expected, "{line}");
    }
}

#[test]
fn settings_come_from_defaults_above_or_by_name_and_are_overruled() {
    let cfg = read(
        "global\n log /dev/log local0 notice\n log 127.0.0.1:5514 len 512 format rfc5424 sample 1:2 local1\n\
         defaults\n mode http\n option httplog\n log global\n balance leastconn\n\
         defaults other from nothing\n mode tcp\n\
         frontend a\n default_backend b\n\
         backend b from other\n server s 192.0.2.1:80 check\n\
         listen c from web\n mode http\n no log\n option httplog clf\n server s :80 weight 0\n",
    );
    let [a, b, c] = &cfg.proxies[..] else {
        panic!("{:?}", cfg.proxies);
    };
    // Unnamed ones take the last defaults, whatever their name.
    assert_eq!((a.kind, a.is_http()), (Kind::Frontend, false));
    assert!(!b.is_http());
    assert!(c.is_http() && c.settings.format == LogFormatSaid::Clf && !c.settings.logs_global);
    assert_eq!(cfg.frontends_of(b).len(), 1);
    let [first, second] = &cfg.global.logs[..] else {
        panic!("two targets");
    };
    assert!(!first.takes_requests() && second.takes_requests());
    assert_eq!(second.destination(), Destination::Local { port: 5514 });
    assert_eq!(
        (second.len, second.sample.as_deref()),
        (Some(512), Some("1:2"))
    );
}

#[test]
fn conditions_take_the_branch_that_is_known_to_hold() {
    let text = "global\n setenv A 1\n.if defined(A)\n nbthread 1\n.else\n nbthread 8\n.endif\n\
                .if !defined(A)\n maxconn 1\n.elif defined(B)\n maxconn 2\n.else\n maxconn 3\n.endif\n";
    let global = read(text).global;
    assert_eq!(global.nbthread, Some(1));
    assert_eq!(global.maxconn.map(|it| it.0), Some(3));
}

fn web(lines: &str) -> Proxy {
    let cfg = read(&format!("backend web\n mode http\n{lines}\n"));
    cfg.backend("web").cloned().expect("web")
}

#[test]
fn servers_have_their_own_flags_and_those_of_default_server() {
    let web = web(
        " default-server check inter 2s fall 1\n server a 10.0.0.1:80 maxconn 20 cookie check\n \
         default-server no-check\n server b 10.0.0.2:80 disabled track x/y\n server-template t 2-4 pool:80 backup",
    );
    let names: Vec<&str> = web.servers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "t2", "t3", "t4"]);
    let a = web.server("a").unwrap();
    // `cookie check` is a cookie of that name.
    assert_eq!((a.number("fall"), a.number("maxconn")), (Some(1), Some(20)));
    assert_eq!(a.flags.get("cookie").map(String::as_str), Some("check"));
    assert!(a.has("check"));
    let b = web.server("b").unwrap();
    assert!(b.has("disabled") && !b.has("check") && b.has("track"));
    assert!(web.server("t3").unwrap().has("backup"));
}

#[test]
fn a_line_keeps_its_form_when_a_word_comes_or_goes() {
    let web = web("\tserver  web3 \"10.0.0.3:80\"   check  weight 0 # a comment");
    let line = &web.servers[0].line;
    assert_eq!(
        line.with("disabled"),
        "\tserver  web3 \"10.0.0.3:80\"   check  weight 0 disabled"
    );
    assert_eq!(
        line.without(3, 1),
        "\tserver  web3 \"10.0.0.3:80\"   weight 0"
    );
    assert_eq!(line.without(4, 2), "\tserver  web3 \"10.0.0.3:80\"   check");
    assert_eq!(
        line.replacing(5, "1"),
        "\tserver  web3 \"10.0.0.3:80\"   check  weight 1"
    );
    assert_eq!(
        line.with_behind(3, "fall 3"),
        "\tserver  web3 \"10.0.0.3:80\"   check fall 3  weight 0"
    );
}

#[test]
fn the_path_of_haproxys_own_checks_is_known_in_both_languages() {
    for (lines, path, host) in [
        (" option httpchk", "/", None),
        (" option httpchk GET /up", "/up", None),
        (
            " option httpchk\n http-check send meth GET uri /x hdr Host a.example",
            "/x",
            Some("a.example"),
        ),
        (
            " option httpchk GET /x HTTP/1.1\\r\\nHost:\\ a.example",
            "/x",
            Some("a.example"),
        ),
        (
            " option httpchk OPTIONS /x \"HTTP/1.0\\r\\nUser-Agent: y\\r\\nhost: b.example\"",
            "/x",
            Some("b.example"),
        ),
        (
            " option httpchk GET /x HTTP/1.1 c.example",
            "/x",
            Some("c.example"),
        ),
    ] {
        let web = web(&format!("{lines}\n server a :80"));
        assert_eq!(web.settings.check_path.as_deref(), Some(path), "{lines}");
        assert_eq!(web.settings.check_host.as_deref(), host, "{lines}");
    }
}

#[test]
fn a_backend_that_checks_otherwise_has_no_path_of_its_defaults() {
    for line in [
        "option tcp-check",
        "no option httpchk",
        "option redis-check",
    ] {
        let cfg = read(&format!(
            "defaults\n mode http\n option httpchk GET /up HTTP/1.1\\r\\nHost:\\ a\n\
             backend web\n {line}\n server a :80\nbackend b\n server a :80\n"
        ));
        let web = &cfg.backend("web").expect("web").settings;
        assert_eq!((&web.check_path, &web.check_host), (&None, &None), "{line}");
        let other = &cfg.backend("b").expect("b").settings;
        assert_eq!(other.check_host.as_deref(), Some("a"));
    }
}

#[test]
fn the_default_backend_of_defaults_is_that_of_their_frontends() {
    let cfg = read(
        "defaults\n mode http\n default_backend web\nfrontend a\n bind :80\n use_backend api if x\n\
         frontend b\n bind :81\n default_backend other\nbackend web\n server s :80\n",
    );
    let leads = |index: usize| cfg.proxies.get(index).map(|it| it.leads_to.join(" "));
    assert_eq!(leads(0).as_deref(), Some("api web"));
    assert_eq!(leads(1).as_deref(), Some("other"));
    assert_eq!(leads(2).as_deref(), Some(""));
    let web = cfg.backend("web").expect("web");
    assert_eq!(cfg.frontends_of(web).len(), 1);
}

#[test]
fn a_directory_is_read_in_the_order_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("20-web.cfg", "backend web\n server a :80\n"),
        (
            "10-global.cfg",
            "global\n nbthread 2\ndefaults\n mode http\n",
        ),
        (".hidden.cfg", "global\n nbthread 9\n"),
        ("notes.txt", "global\n nbthread 9\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let cfg = Cfg::read(folder.path()).unwrap();
    assert_eq!(cfg.files.len(), 2);
    assert_eq!(cfg.global.nbthread, Some(2));
    let web = cfg.backend("web").unwrap();
    assert!(web.is_http());
    assert!(cfg.file(web.header).ends_with("20-web.cfg"));
    assert!(Cfg::read(&folder.path().join("none")).is_err());
    let both = [
        folder.path().join("10-global.cfg"),
        folder.path().join("20-web.cfg"),
    ];
    assert_eq!(Cfg::read_all(&both).unwrap().files, both);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_file_it_is_read(text in "(?s).{0,400}") {
        read(&text);
    }

    #[test]
    fn whatever_stands_behind_known_words_it_is_read_and_can_be_changed(
        words in prop::collection::vec(
            "(global|defaults|backend|listen|server|server-template|log|stats|socket|option|from|check|no|1-3|\\.if|[\"'\\\\$#{}a-z 0-9é]{1,6}|\n)",
            0..60,
        )
    ) {
        let cfg = read(&words.join(" "));
        for server in cfg.backends().flat_map(|it| &it.servers) {
            for index in 0..server.line.words.len() + 2 {
                let _ = server.line.without(index, 2);
                let _ = server.line.replacing(index, "x");
                let _ = server.line.with_behind(index, "x");
            }
        }
    }
}

#[test]
fn of_several_sockets_a_file_of_level_admin_is_the_best() {
    let cfg = read(
        "global\n stats socket /var/lib/haproxy/stats\n stats socket *:1999 level admin\n \
         stats socket unix@/run/haproxy.sock mode 600 level admin\n",
    );
    let best = cfg.global.best_socket().expect("a socket");
    assert_eq!(best.address, "/run/haproxy.sock");
    assert_eq!((best.is_tcp, best.mode_bits()), (false, Some(0o600)));
}
