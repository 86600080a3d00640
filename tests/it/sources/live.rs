//! The daemon on sources that listen: what it says of losses, and what hostile senders cost it.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::line;
use crate::support::{Daemon, DaemonConfig, wait_for};

const LIMIT: Duration = Duration::from_secs(20);
/// Of a debug build, for everything below.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// A daemon without a HAProxy, which reads its log all the same.
fn daemon(source: &str) -> (Daemon, String) {
    let nowhere = Path::new("/nonexistent/admin.sock");
    let daemon = DaemonConfig::at(nowhere, nowhere)
        .log("source", &format!("\"{source}\""))
        .argument("--observe") // Two that act must not name the same HAProxy.
        .start();
    let named = daemon.status()["log"]["source"].clone();
    let (_, address) = named.as_str().unwrap().split_once(':').unwrap();
    let address = address.to_owned();
    (daemon, address)
}

fn lines(daemon: &Daemon) -> u64 {
    daemon.status()["log"]["lines"].as_u64().unwrap()
}

fn signal(daemon: &Daemon, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The most memory that it has ever used.
fn peak_kib(daemon: &Daemon) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let row = text.lines().find_map(|row| row.strip_prefix("VmHWM:"));
    let number = row.and_then(|row| row.split_ascii_whitespace().next());
    number.unwrap().parse().unwrap()
}

#[test]
fn lines_that_the_kernel_dropped_are_said_and_shown() {
    const SENT: u64 = 60_000;
    let (daemon, address) = daemon("udp:127.0.0.1:0");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(&address).unwrap();
    sender.send(line(1).as_bytes()).unwrap();
    wait_for("the first line", LIMIT, || lines(&daemon) == 1);
    // While it sleeps the socket's buffer fills.
    signal(&daemon, Signal::STOP);
    let text = line(1);
    for _ in 1..SENT {
        sender.send(text.as_bytes()).unwrap();
    }
    signal(&daemon, Signal::CONT);
    let lost = || daemon.status()["log"]["lost"].as_u64().unwrap();
    wait_for("losses", LIMIT, || lost() > 0);
    // What a busy machine loses before it reaches the socket is in no counter of the socket.
    assert!(lines(&daemon) + lost() <= SENT);
    let problems = daemon.status()["problems"].to_string();
    let told = format!("lines sent to udp:{address} were lost: the socket's buffer was full");
    assert!(problems.contains(&told), "{problems}");
    wait_for(&told, LIMIT, || daemon.text().contains(&told));
    let shown = daemon.ask(&["status"]).out;
    assert!(shown.contains(" lost, "), "{shown}");
    let shown = daemon.ask(&["status", "--json"]).out;
    assert!(
        !shown.contains("\"lost\""),
        "scripts are promised four names: {shown}"
    );
}

#[test]
fn hostile_senders_cost_little_memory_and_hide_no_good_line() {
    let (mut daemon, address) = daemon("tcp:127.0.0.1:0");
    let mut good = TcpStream::connect(&address).unwrap();
    writeln!(good, "{}", line(1)).unwrap();
    wait_for("the first line", LIMIT, || lines(&daemon) == 1);
    let before = peak_kib(&daemon);
    let hostile: Vec<_> = (0..15)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                if number % 2 == 0 {
                    // A line that never ends, or one of a great length that never comes.
                    stream.write_all(b"1000000 ").unwrap();
                }
                for _ in 0..10 {
                    // Closed in its face where that is due.
                    let _ = stream.write_all(&vec![b'x'; 1_000_000]);
                }
                stream
            })
        })
        .collect();
    let hostile: Vec<_> = hostile.into_iter().map(|it| it.join().unwrap()).collect();
    for _ in 0..1000 {
        drop(TcpStream::connect(&address).unwrap());
    }
    drop(hostile);
    let read = lines(&daemon);
    writeln!(good, "{}", line(2)).unwrap();
    wait_for("the next good line", LIMIT, || lines(&daemon) > read);
    let grown = peak_kib(&daemon).saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB");
    assert!(daemon.is_running());
    assert!(!daemon.text().contains("panicked"), "{}", daemon.text());
}
