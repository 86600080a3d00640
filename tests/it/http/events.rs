//! Server-sent events: numbered, none missing, none twice.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::client::{SOON, Served, alone, serve, serve_alone, web};
use crate::support::{
    Behaviour, DaemonConfig, HaproxyConfig, RealHaproxy, TinyServer, versions, wait_for,
};

pub(super) struct Listener(BufReader<TcpStream>);

impl Listener {
    fn start(served: &Served, query: &str, header: &str) -> Self {
        Self::on(served.connect(), query, header)
    }

    pub(super) fn on(mut stream: TcpStream, query: &str, header: &str) -> Self {
        let request =
            format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut listener = Self(BufReader::new(stream));
        assert_eq!(listener.line(), "HTTP/1.1 200 OK");
        while listener.line() != "retry: 2000" {}
        listener
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "it ended");
        line.trim_end().to_owned()
    }

    /// The next event; sizes of chunks are passed over.
    pub(super) fn next(&mut self) -> Value {
        let id = loop {
            let line = self.line();
            if let Some(id) = line.strip_prefix("id: ") {
                break id.to_owned();
            }
        };
        let data = self.line();
        let data = data.strip_prefix("data: ").expect("its data");
        let event: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(event["id"].to_string(), id);
        event
    }

    /// The next event with that code.
    fn next_of(&mut self, code: &str) -> Value {
        loop {
            let event = self.next();
            if event["code"] == code {
                return event;
            }
        }
    }
}

#[test]
fn fifty_listeners_hear_the_same_and_those_who_come_back_miss_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = alone();
    let served = serve(config.state_dir(folder.path()));
    let mut listeners: Vec<Listener> = (0..50).map(|_| Listener::start(&served, "", "")).collect();
    served.order("{\"order\":\"pause\",\"reason\":\"number one\"}");
    let heard: Vec<Value> = listeners.iter_mut().map(|it| it.next_of("order")).collect();
    assert!(heard.iter().all(|it| *it == heard[0]), "{heard:?}");
    let text = heard[0].to_string();
    assert!(
        text.contains("number one") && text.contains("ops (http 127.0.0.1)"),
        "{text}"
    );
    let id = heard[0]["id"].as_u64().expect("a number");
    drop(listeners);
    served.order("{\"order\":\"resume\"}");
    for (query, header) in [
        (format!("?since={id}"), String::new()),
        (String::new(), format!("Last-Event-ID: {id}\r\n")),
        ("?since=0".to_owned(), format!("Last-Event-ID: {id}\r\n")),
    ] {
        let mut back = Listener::start(&served, &query, &header);
        let resumed = back.next();
        assert_eq!(resumed["id"], id + 1, "{query} {header}");
        assert!(resumed["text"].to_string().contains("resume"), "{resumed}");
    }
    let mut all = Listener::start(&served, "?since=0", "");
    for number in 1..=id + 1 {
        assert_eq!(all.next()["id"], number);
    }
}

#[test]
fn what_happened_before_this_daemon_comes_from_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let web1 = TinyServer::start("web1", Behaviour::delay_ms(5));
    let config = HaproxyConfig::new(web(&[&web1]));
    let haproxy = RealHaproxy::start(&versions()[0], config);
    let config = DaemonConfig::new(&haproxy).state_dir(folder.path());
    let mut first = config.start();
    wait_for("a few events", SOON, || {
        first.text().contains("connected to")
    });
    first.terminate(SOON);
    let served = serve(config);
    let mut all = Listener::start(&served, "?since=0", "");
    let events: Vec<Value> = std::iter::repeat_with(|| all.next())
        .scan(0, |starts, event| {
            *starts += usize::from(event["code"] == "started");
            (*starts <= 2).then_some(event)
        })
        .take_while(|event| event["code"] != "http_listening")
        .collect();
    let ids: Vec<u64> = events.iter().filter_map(|it| it["id"].as_u64()).collect();
    assert_eq!(ids, (1..).take(ids.len()).collect::<Vec<u64>>());
    let starts = events.iter().filter(|it| it["code"] == "started").count();
    assert_eq!(starts, 2, "{events:?}");
}

#[test]
fn a_number_that_was_never_given_begins_with_the_oldest() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = serve(alone().state_dir(folder.path()));
    for since in [1_000_000, u64::MAX] {
        let mut all = Listener::start(&served, &format!("?since={since}"), "");
        assert_eq!(all.next()["id"], 1, "{since}");
    }
}

#[test]
fn asking_for_the_head_alone_starts_no_stream() {
    let served = serve_alone();
    let head = "HEAD /api/v1/events?since=0 HTTP/1.1\r\nHost: localhost\r\n";
    let answers = served.send(format!("{head}\r\n{head}Connection: close\r\n\r\n").as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("text/event-stream").count(), 2, "{answers}");
    let metrics = served.get("/metrics", &[]).body;
    let none = "haproxy_autoscale_http_event_streams 0";
    assert!(metrics.contains(none), "{metrics}");
}

#[test]
fn more_listeners_than_there_is_room_for_are_told() {
    let served = serve_alone();
    let listeners: Vec<Listener> = (0..56).map(|_| Listener::start(&served, "", "")).collect();
    let answer = served.get("/api/v1/events", &[]);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("56 others"), "{answer:?}");
    let metrics = served.get("/metrics", &[]);
    assert_eq!(metrics.status, 200, "who asks and goes finds a place");
    assert!(
        metrics
            .body
            .contains("haproxy_autoscale_http_event_streams 56"),
        "{}",
        metrics.body
    );
    drop(listeners);
    wait_for("room again", SOON, || {
        let metrics = served.get("/metrics", &[]).body;
        metrics.contains("haproxy_autoscale_http_event_streams 0")
    });
    let answer = served.get("/api/v1/events?since=x", &[]);
    assert_eq!(answer.status, 400, "{answer:?}");
}
