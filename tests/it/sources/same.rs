//! The same lines arrive whole, whatever way they take.

use std::fs::OpenOptions;
use std::io::{Cursor, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;

use haproxy_autoscale::log::source::{LogSource, Source};

use crate::support::program::run as run_program;

use super::{MAX_LINE_BYTES, address, line, open, read, run, turn, unix};

const LINES: usize = 2000;
/// Sent before the reader gets its turn: fewer than the smallest queue (ten datagrams of a Unix
/// socket) holds.
const BURST: usize = 8;

/// Sends in bursts, and reads each before the next.
async fn through(source: &mut Source, lines: &[String], mut send: impl FnMut(&str)) -> Vec<String> {
    let mut arrived = turn(source);
    assert!(arrived.is_empty());
    for burst in lines.chunks(BURST) {
        for line in burst {
            send(line);
        }
        arrived.extend(read(source, burst.len()).await);
    }
    arrived
}

#[test]
fn the_same_2000_lines_arrive_whole_through_every_source() {
    let lines: Vec<String> = (0..LINES).map(line).collect();
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let path = folder.path().join("haproxy.log");
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .unwrap();
        let mut source = open(path.to_str().unwrap());
        let send = |line: &str| file.write_all(format!("{line}\n").as_bytes()).unwrap();
        assert_eq!(through(&mut source, &lines, send).await, lines, "file");

        let text = lines.join("\n") + "\n";
        let mut source = Source::reading(Cursor::new(text), "standard input", MAX_LINE_BYTES);
        let arrived = read(&mut source, LINES).await;
        assert_eq!(arrived, lines, "standard input");

        let mut source = open("udp:127.0.0.1:0");
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(address(&source)).unwrap();
        // As HAProxy sends it.
        let send = |line: &str| {
            sender.send(format!("{line}\n").as_bytes()).unwrap();
        };
        assert_eq!(through(&mut source, &lines, send).await, lines, "UDP");

        let path = folder.path().join("log.sock");
        let mut source = open(&unix(&path));
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&path).unwrap();
        let send = |line: &str| {
            sender.send(format!("{line}\n").as_bytes()).unwrap();
        };
        let arrived = through(&mut source, &lines, send).await;
        assert_eq!(arrived, lines, "Unix datagrams");

        let mut source = open("tcp:127.0.0.1:0");
        let mut newlines = TcpStream::connect(address(&source)).unwrap();
        let send = |line: &str| newlines.write_all(format!("{line}\n").as_bytes()).unwrap();
        let arrived = through(&mut source, &lines, send).await;
        assert_eq!(arrived, lines, "TCP, newlines");

        let mut counted = TcpStream::connect(address(&source)).unwrap();
        let send = |line: &str| {
            let frame = format!("{} {line}", line.len());
            counted.write_all(frame.as_bytes()).unwrap();
        };
        let arrived = through(&mut source, &lines, send).await;
        assert_eq!(arrived, lines, "TCP, octet counts");
        assert_eq!(source.counters().lines, 2 * LINES as u64);
    });
}

/// How the name of such a source begins.
fn scheme(source: &LogSource) -> &'static str {
    match source {
        LogSource::File(_) => "/",
        LogSource::Stdin => "-",
        LogSource::Udp(_) => "udp:",
        LogSource::Tcp(_) => "tcp:",
        LogSource::Unix(_) => "unix:",
        LogSource::Journal(_) => "journal:",
    }
}

#[test]
fn every_source_is_in_messages_help_the_example_and_on_its_page() {
    let names = [
        "/haproxy.log",
        "-",
        "udp:[::1]:5",
        "tcp:[::1]:5",
        "unix:/log",
        "journal:haproxy",
    ];
    let forms: Vec<&str> = LogSource::FORMS.split('"').skip(1).step_by(2).collect();
    assert_eq!(forms.len() + 1, names.len(), "a form without a name here");
    let help = run_program(&["parse", "--help"]).succeeded();
    let help: Vec<&str> = help.split_whitespace().collect();
    assert!(help.join(" ").contains(LogSource::LIVE_FORMS));
    let live: Vec<&str> = LogSource::LIVE_FORMS.split([',', ' ']).collect();
    let page = include_str!("../../../docs/log-formats.md");
    let example = include_str!("../../../config.example.toml");
    for name in names {
        let source = LogSource::parse(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scheme = scheme(&source);
        assert!(name.starts_with(scheme), "{name} is read as {source:?}");
        let is_form = forms.iter().any(|form| form.starts_with(scheme));
        assert!(is_form || source.file().is_some(), "{scheme} is no form");
        let is_live_form = live.iter().any(|form| form.starts_with(scheme));
        assert_eq!(is_live_form, source.is_live(), "{scheme} in --help");
        for (text, place) in [
            (page, "docs/log-formats.md"),
            (example, "config.example.toml"),
        ] {
            let is_there = text.contains(&format!("\"{scheme}")) || source.file().is_some();
            assert!(is_there, "{scheme} is not in {place}");
        }
    }
}
