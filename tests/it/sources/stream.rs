//! Connections: both framings cut at every byte, junk, liars, crowds.

use std::io::{Read, Write};
use std::net::TcpStream;

use haproxy_autoscale::log::source::framing::{FRAME_BYTES_MAX, Framing, Misframed};
use haproxy_autoscale::log::source::{
    CONNECTIONS_MAX, Counters, Item, Source, SourceNews, SourceState,
};
use proptest::prelude::*;

use super::{LIMIT, address, line, open, read, run, trouble, turn, until};

fn connect(source: &Source) -> TcpStream {
    let stream = TcpStream::connect(address(source)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// What comes of these pieces of one connection, and whether half a line is left at its end.
fn framed(pieces: &[&[u8]], max_line_bytes: usize) -> (Vec<String>, Result<bool, Misframed>) {
    let mut framing = Framing::new(max_line_bytes);
    let (mut lines, mut counters) = (Vec::new(), Counters::default());
    for piece in pieces {
        let fed = framing.feed(piece, &mut counters, &mut |item| match item {
            Item::Line(line) => lines.push(String::from_utf8_lossy(line).into_owned()),
            Item::TooLong => lines.push("TOO LONG".to_owned()),
        });
        if let Err(error) = fed {
            return (lines, Err(error));
        }
    }
    (lines, Ok(framing.end()))
}

#[test]
fn the_first_bytes_of_a_connection_say_how_its_lines_end() {
    let cases: [(&str, &[&str], Result<bool, Misframed>); 14] = [
        (
            "<142>1 - x\n<142>1 - y\n",
            &["<142>1 - x", "<142>1 - y"],
            Ok(false),
        ),
        ("127.0.0.1:5 [\nb\n", &["127.0.0.1:5 [", "b"], Ok(false)),
        (
            "2026-11-22T02:14:50.1+00:00 x\n",
            &["2026-11-22T02:14:50.1+00:00 x"],
            Ok(false),
        ),
        ("5 <1>ab3 <2>", &["<1>ab", "<2>"], Ok(false)),
        ("3 a\nb2 c\n", &["a\nb", "c"], Ok(false)),
        ("1 a\n1 b\n", &["a", "b"], Ok(false)),
        ("5 <1>ab10 <2>", &["<1>ab"], Ok(true)),
        ("5 <1>ab1", &["<1>ab"], Ok(true)),
        ("12", &[], Ok(true)),
        ("12\n", &["12"], Ok(false)),
        ("012 a\nb\n", &["012 a", "b"], Ok(false)),
        ("2 <1>ab", &["<1"], Err(Misframed::NoLength)),
        ("1 a0 b", &["a"], Err(Misframed::NoLength)),
        ("1048577 a", &[], Err(Misframed::TooLarge)),
    ];
    for (text, lines, end) in cases {
        let whole = framed(&[text.as_bytes()], 100);
        assert_eq!(
            whole,
            (lines.iter().map(ToString::to_string).collect(), end),
            "{text:?}"
        );
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(framed(&bytes, 100), whole, "{text:?}, byte by byte");
    }
    let digits = "9".repeat(40);
    let (lines, end) = framed(&[format!("{digits}\nb\n").as_bytes()], 100);
    assert_eq!((lines, end), (vec![digits, "b".to_owned()], Ok(false)));
    assert_eq!(framed(&[b"9999999999 a"], 100).1, Err(Misframed::TooLarge));
}

#[test]
fn a_counted_line_of_the_limit_is_whole_and_a_longer_one_is_passed_over() {
    let (at, above) = ("a".repeat(100), "b".repeat(101));
    let text = format!(
        "100 {at}101 {at}\n101 {above}50000 {}1 c",
        "d".repeat(50_000)
    );
    let (lines, end) = framed(&[text.as_bytes()], 100);
    assert_eq!(lines, [at.as_str(), &at, "TOO LONG", "TOO LONG", "c"]);
    assert_eq!(end, Ok(false));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same(
        bytes in prop::collection::vec(prop_oneof![
            4 => prop::sample::select(b"0123456789 \n\r\0<a".to_vec()),
            1 => any::<u8>(),
        ], 0..200),
        cuts in prop::collection::vec(0_usize..200, 0..8),
    ) {
        let whole = framed(&[&bytes], 20);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(framed(&pieces, 20), whole);
    }

    #[test]
    fn counted_lines_come_back_whatever_they_hold(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..20),
    ) {
        let mut bytes = Vec::new();
        for line in &lines {
            bytes.extend(format!("{} ", line.len()).into_bytes());
            bytes.extend(line);
        }
        let mut found = Vec::new();
        let mut framing = Framing::new(100);
        let fed = framing.feed(&bytes, &mut Counters::default(), &mut |item| {
            if let Item::Line(line) = item {
                found.push(line.to_vec());
            }
        });
        prop_assert_eq!(fed, Ok(()));
        let without_end = |line: &Vec<u8>| {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            line.strip_suffix(b"\r").unwrap_or(line).to_vec()
        };
        prop_assert_eq!(found, lines.iter().map(without_end).collect::<Vec<_>>());
    }
}

#[test]
fn several_connections_are_read_each_with_its_own_half_line() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        let mut senders: Vec<_> = (0..CONNECTIONS_MAX).map(|_| connect(&source)).collect();
        for sender in &mut senders {
            sender.write_all(b"ha").unwrap();
        }
        until(&mut source, |source| {
            source.counters().bytes == 2 * CONNECTIONS_MAX as u64
        })
        .await;
        for (number, sender) in senders.iter_mut().enumerate() {
            sender
                .write_all(format!("lf {number}\n").as_bytes())
                .unwrap();
        }
        let mut arrived = read(&mut source, CONNECTIONS_MAX).await;
        arrived.sort();
        let mut expected: Vec<_> = (0..CONNECTIONS_MAX)
            .map(|it| format!("half {it}"))
            .collect();
        expected.sort();
        assert_eq!(arrived, expected);
    });
}

#[test]
fn half_a_line_at_the_end_of_a_connection_is_counted_and_never_read() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        for half in ["whole\nhalf", "5 whole4 ha"] {
            connect(&source).write_all(half.as_bytes()).unwrap();
        }
        let arrived = until(&mut source, |source| source.counters().dropped_partial == 2).await;
        assert_eq!(arrived, ["whole", "whole"]);
        connect(&source).write_all(b"next\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["next"]);
        assert_eq!(source.counters().dropped_partial, 2);
    });
}

#[test]
fn more_connections_than_allowed_are_refused_and_the_others_go_on() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        let mut senders: Vec<_> = (0..CONNECTIONS_MAX).map(|_| connect(&source)).collect();
        let (mut first, mut second) = (connect(&source), connect(&source));
        until(&mut source, |source| source.counters().refused == 2).await;
        assert_eq!(first.read(&mut [0]).unwrap(), 0, "closed");
        assert_eq!(second.read(&mut [0]).unwrap(), 0, "closed");
        let peer = first.local_addr().unwrap();
        let others = CONNECTIONS_MAX;
        assert_eq!(source.take_news(), [SourceNews::Crowded { peer, others }]);
        assert_eq!(source.take_news(), [], "taken once");
        for sender in &mut senders {
            sender.write_all(b"line\n").unwrap();
        }
        assert_eq!(
            read(&mut source, CONNECTIONS_MAX).await,
            vec!["line"; CONNECTIONS_MAX]
        );
        // One leaves, another may come.
        senders.pop().unwrap().write_all(b"half").unwrap();
        until(&mut source, |source| source.counters().dropped_partial == 1).await;
        let mut next = connect(&source);
        next.write_all(b"next\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["next"]);
    });
}

#[test]
fn a_length_that_lies_closes_the_connection_and_no_other() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        let mut good = connect(&source);
        good.write_all(b"one\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["one"]);
        let mut short = connect(&source);
        short.write_all(b"3 abcdef").unwrap();
        let mut huge = connect(&source);
        huge.write_all(format!("{} a", FRAME_BYTES_MAX + 1).as_bytes())
            .unwrap();
        assert_eq!(read(&mut source, 1).await, ["abc"]);
        good.write_all(b"two\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["two"]);
        for liar in [&mut short, &mut huge] {
            // Reset or closed: what it sent was not read to its end.
            while !matches!(liar.read(&mut [0]), Ok(0) | Err(_)) {}
        }
        let news = source.take_news();
        let is_closed = |it: &SourceNews| matches!(it, SourceNews::Closed { .. });
        assert!(news.len() == 2 && news.iter().all(is_closed), "{news:?}");
    });
}

#[test]
fn ten_megabytes_without_a_newline_are_one_long_line_in_little_memory() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        let mut sender = connect(&source);
        let thread = std::thread::spawn(move || {
            let chunk = vec![b'x'; 1024 * 1024];
            for _ in 0..10 {
                sender.write_all(&chunk).unwrap();
            }
            sender.write_all(b"\n\0\0\xff\xfe\n").unwrap();
            sender.write_all(line(1).as_bytes()).unwrap();
            sender.write_all(b"\n").unwrap();
            sender
        });
        let arrived = read(&mut source, 3).await;
        assert_eq!(arrived[0], "TOO LONG");
        assert_eq!(arrived[2], line(1));
        assert_eq!(source.counters().too_long, 1);
        drop(thread.join().unwrap());
    });
}

#[test]
fn a_thousand_connections_that_come_and_go_leave_nothing_behind() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        let mut good = connect(&source);
        good.write_all(b"one\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["one"]);
        let target = address(&source);
        let thread = std::thread::spawn(move || {
            for number in 0..1000 {
                let mut stream = TcpStream::connect(&target).unwrap();
                if number % 2 == 0 {
                    let _ = stream.write_all(b"junk");
                }
            }
        });
        while !thread.is_finished() {
            source.wait().await;
            turn(&mut source);
        }
        thread.join().unwrap();
        good.write_all(b"two\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["two"]);
        // Of the crowd nobody holds a place any more.
        let mut others: Vec<_> = (1..CONNECTIONS_MAX).map(|_| connect(&source)).collect();
        for other in &mut others {
            other.write_all(b"three\n").unwrap();
        }
        read(&mut source, others.len()).await;
    });
}

#[test]
fn a_flood_on_one_connection_keeps_nobody_out() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        let mut flood = connect(&source);
        let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let over = std::sync::Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let chunk = "flood\n".repeat(20_000);
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                flood.write_all(chunk.as_bytes()).unwrap();
            }
        });
        until(&mut source, |source| source.counters().lines > 100_000).await;
        let mut other = connect(&source);
        other.write_all(b"other\n").unwrap();
        while !read(&mut source, 1).await.contains(&"other".to_owned()) {}
        is_over.store(true, std::sync::atomic::Ordering::SeqCst);
        while !thread.is_finished() {
            source.wait().await;
            turn(&mut source);
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_source_that_nobody_is_connected_to_says_so() {
    run(async {
        let mut source = open("tcp:127.0.0.1:0");
        assert_eq!(
            source.state(),
            &SourceState::Reading,
            "some seconds are no news"
        );
        until(&mut source, |source| !trouble(source).is_empty()).await;
        let said = trouble(&source).to_owned();
        assert!(said.contains(&format!("nobody is connected to tcp:{}", address(&source))));
        assert!(said.contains("log ring@NAME"), "{said}");
        let mut sender = connect(&source);
        sender.write_all(b"line\n").unwrap();
        assert_eq!(read(&mut source, 1).await, ["line"]);
        assert_eq!(source.state(), &SourceState::Reading);
    });
}
