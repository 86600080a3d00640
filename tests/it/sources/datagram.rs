//! Datagrams: hostile ones, lost ones, and sockets that cannot be had.

use std::net::UdpSocket;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;

use haproxy_autoscale::log::line::{Parser, Reject};
use haproxy_autoscale::log::source::{Source, SourceState};

use super::{address, line, open, read, run, trouble, turn, unix, until};

fn sender(source: &Source) -> UdpSocket {
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(address(source)).unwrap();
    sender
}

#[test]
fn one_datagram_is_one_line_without_its_end() {
    run(async {
        let mut source = open("udp:127.0.0.1:0");
        let sender = sender(&source);
        for text in [
            "a", "b\n", "c\r\n", "d\0", "e\n\0", "f\n\n", "\0g", "\n", "",
        ] {
            sender.send(text.as_bytes()).unwrap();
        }
        let arrived = read(&mut source, 9).await;
        assert_eq!(arrived, ["a", "b", "c", "d", "e", "f\n", "\0g", "", ""]);
    });
}

#[test]
fn a_newline_inside_a_datagram_begins_no_second_line() {
    run(async {
        let mut source = open("udp:127.0.0.1:0");
        let sender = sender(&source);
        let parser = Parser::httplog("haproxy");
        // What a client chose, unescaped, with a whole line of its own behind a newline.
        let forged = format!("<142>Nov 22 02:14:50 haproxy[42]: /x\n{}\n", line(1));
        sender.send(forged.as_bytes()).unwrap();
        // Behind the fields that are read, it changes nothing.
        let genuine = format!("{}\n{}\n", line(2), line(3));
        sender.send(genuine.as_bytes()).unwrap();
        let arrived = read(&mut source, 2).await;
        assert_eq!(
            parser.parse(arrived[0].as_bytes()).unwrap_err(),
            Reject::NotHttplog
        );
        let record = parser.parse(arrived[1].as_bytes()).unwrap();
        assert_eq!(record.request.response_ms, Some(2));
    });
}

#[test]
fn junk_is_rejected_and_the_next_good_line_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.sock");
    let junk: [Vec<u8>; 5] = [
        vec![b'x'; 65_507],
        vec![b'<'; 16 * 1024 + 3],
        vec![0; 3000],
        Vec::new(),
        b"\xff\xfe\x80 \xc3\x28".to_vec(),
    ];
    run(async {
        let mut source = open("udp:127.0.0.1:0");
        let udp = sender(&source);
        for (number, junk) in junk.iter().enumerate() {
            udp.send(junk).unwrap();
            udp.send(line(number).as_bytes()).unwrap();
            let arrived = read(&mut source, 2).await;
            assert_eq!(arrived[0] == "TOO LONG", number < 2, "{number}");
            assert_eq!(arrived[1], line(number));
        }
        let mut source = open(&unix(&path));
        let unix = UnixDatagram::unbound().unwrap();
        unix.connect(&path).unwrap();
        let longer = [vec![b'y'; 65_537], vec![b'y'; 100_000]];
        for (number, junk) in longer.iter().chain(&junk).enumerate() {
            unix.send(junk).unwrap();
            unix.send(line(number).as_bytes()).unwrap();
            let arrived = read(&mut source, 2).await;
            assert_eq!(arrived[0] == "TOO LONG", number < 4, "{number}");
            assert_eq!(arrived[1], line(number));
        }
        assert_eq!(source.counters().too_long, 4);
    });
}

#[test]
fn datagrams_for_which_the_kernel_has_no_room_are_counted() {
    const SENT: u64 = 40_000;
    run(async {
        let mut source = open("udp:127.0.0.1:0");
        let sender = sender(&source);
        let text = "x".repeat(1000);
        for _ in 0..SENT {
            // Loopback delivers or drops it before this returns.
            sender.send(text.as_bytes()).unwrap();
        }
        until(&mut source, |source| source.counters().lost > 0).await;
        let counters = source.counters();
        // What a busy machine loses before it reaches the socket is in no counter of the socket.
        assert!(counters.lines + counters.lost <= SENT, "{counters:?}");
        assert!(source.loss_advice().contains("rmem_max"));
    });
}

#[test]
fn a_port_that_is_taken_is_said_and_tried_again() {
    run(async {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let name = format!("udp:{}", taken.local_addr().unwrap());
        let mut source = open(&name);
        let said = trouble(&source).to_owned();
        assert!(said.contains(&format!("cannot listen on {name}: address already in use")));
        assert!(said.contains("another program listens there"), "{said}");
        assert_eq!(source.describe(), name);
        source.wait().await;
        turn(&mut source);
        assert_eq!(trouble(&source), said, "said once, for it stays the same");
        drop(taken);
        until(&mut source, |source| {
            source.state() == &SourceState::Reading
        })
        .await;
        sender(&source).send(b"line").unwrap();
        assert_eq!(read(&mut source, 1).await, ["line"]);
    });
}

#[test]
fn an_address_that_is_not_ours_is_said() {
    run(async {
        for scheme in ["udp", "tcp"] {
            let source = open(&format!("{scheme}:192.0.2.1:5514"));
            assert!(
                trouble(&source).contains("no interface"),
                "{}",
                trouble(&source)
            );
        }
    });
}

#[test]
fn a_unix_socket_is_made_for_owner_and_group_and_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.sock");
    run(async {
        let source = open(&unix(&path));
        let found = std::fs::symlink_metadata(&path).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o660);
        assert_eq!(source.describe(), unix(&path));
        drop(source);
        assert!(!path.exists());
    });
}

#[test]
fn a_unix_socket_that_was_left_behind_is_replaced_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.sock");
    run(async {
        drop(UnixDatagram::bind(&path).unwrap());
        assert!(path.exists(), "left behind");
        let mut source = open(&unix(&path));
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"line", &path).unwrap();
        assert_eq!(read(&mut source, 1).await, ["line"]);

        let other = open(&unix(&path));
        assert!(trouble(&other).contains("another program listens there"));
        drop(other);
        sender.send_to(b"still there", &path).unwrap();
        assert_eq!(read(&mut source, 1).await, ["still there"]);
        drop(source);

        let stream = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(trouble(&open(&unix(&path))).contains("another program listens there"));
        drop(stream);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "text").unwrap();
        assert!(trouble(&open(&unix(&path))).contains("not a socket already exists"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        let missing = folder.path().join("none/log.sock");
        assert!(trouble(&open(&unix(&missing))).contains("its directory must be there"));
    });
}

#[test]
fn a_unix_socket_whose_name_was_taken_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.sock");
    run(async {
        let mut source = open(&unix(&path));
        std::fs::remove_file(&path).unwrap();
        until(&mut source, |_| path.exists()).await;
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"line", &path).unwrap();
        assert_eq!(read(&mut source, 1).await, ["line"]);
        // Somebody else's by now: it is not ours to remove.
        std::fs::remove_file(&path).unwrap();
        let theirs = UnixDatagram::bind(&path).unwrap();
        drop(source);
        assert!(path.exists());
        drop(theirs);
    });
}

#[test]
fn a_wait_that_is_dropped_loses_no_datagram() {
    run(async {
        let mut source = open("udp:127.0.0.1:0");
        let sender = sender(&source);
        let mut lines = Vec::new();
        for number in 0..50 {
            sender.send(number.to_string().as_bytes()).unwrap();
            let _ = tokio::time::timeout(std::time::Duration::ZERO, source.wait()).await;
            lines.extend(turn(&mut source));
        }
        while lines.len() < 50 {
            lines.extend(read(&mut source, 1).await);
        }
        let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        assert_eq!(lines, expected);
    });
}
