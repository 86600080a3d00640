//! What `parse` prints about each line.

use std::io::{self, Write};

use haproxy_autoscale::log::line::{Parser, Reject};
use haproxy_autoscale::log::recorded::Reading;
use haproxy_autoscale::parse::{ParseError, REJECT_TEXT_BYTES, parse_logs, write_reject};

const MAX_LINE_BYTES: usize = 400;
const LOG: &str = "\
127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe~ be/s1 0/1/2/3/+9 200 +161 - - ---- 9/8/7/6/+1 4/5 \"GET / HTTP/1.1\"
Server be/s2 is UP/READY (leaving forced maintenance).
127.0.0.1:5 [21/Nov/2026:23:36:31.172] fe be/<NOSRV> 0/-1/-1/-1/0 -1 0 SESS=x - SC-- 9/8/7/6/0 0/0 \"GET\"
";

/// Everything that `parse` writes about one log.
fn output_of(log: &[u8], rejects: bool) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), log).unwrap();
    let sources = [file.path().to_str().unwrap().to_owned()];
    let mut out = Vec::new();
    parse_logs(
        &sources,
        &Parser::httplog("haproxy"),
        &Reading::all(MAX_LINE_BYTES),
        rejects,
        &mut out,
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

/// A pipe whose reader left after the first line, or a disk that is full.
struct Fails(io::ErrorKind, u32);

impl Write for Fails {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1 > 1 {
            Err(self.0.into())
        } else {
            Ok(bytes.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_request_is_one_object_with_the_promised_fields_in_their_order() {
    let expected = concat!(
        r#"{"frontend":"fe","backend":"be","server":"s1","accepted":"21/Nov/2026:23:36:31.172","#,
        r#""TR":0,"Tw":1,"Tc":2,"Tr":3,"Ta":9,"status":200,"bytes":161,"termination":"----","#,
        r#""srvconn":6,"retries":1,"srv_queue":4,"backend_queue":5}"#,
        "\n",
        r#"{"frontend":"fe","backend":"be","server":"<NOSRV>","accepted":"21/Nov/2026:23:36:31.172","#,
        r#""TR":0,"Tw":null,"Tc":null,"Tr":null,"Ta":0,"status":null,"bytes":0,"termination":null,"#,
        r#""srvconn":null,"retries":null,"srv_queue":null,"backend_queue":null}"#,
        "\n",
    );
    assert_eq!(output_of(LOG.as_bytes(), false), expected);
}

#[test]
fn rejected_lines_come_with_number_reason_and_text() {
    let mut log = LOG.as_bytes().to_vec();
    log.extend_from_slice(&[b'x'; MAX_LINE_BYTES + 1]);
    log.extend_from_slice(b"\n\"\xff\x1b");
    let start = "x".repeat(MAX_LINE_BYTES);
    let expected = [
        r#"{"line":2,"reason":"haproxy_message","text":"Server be/s2 is UP/READY (leaving forced maintenance)."}"#,
        &format!(r#"{{"line":4,"reason":"too_long","text":"{start}"}}"#),
        "{\"line\":5,\"reason\":\"unknown_head\",\"text\":\"\\\"\u{fffd}\\u001b\"}",
    ];
    assert_eq!(output_of(&log, true).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_text_of_a_rejected_line_is_bounded() {
    let mut out = Vec::new();
    write_reject(&mut out, 1, Reject::Empty, "x".repeat(100_000).as_bytes()).unwrap();
    assert!(out.len() < REJECT_TEXT_BYTES + 100, "{}", out.len());
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), LOG).unwrap();
    let sources = [file.path().to_str().unwrap().to_owned()];
    let outcome = |kind| {
        let parser = Parser::httplog("haproxy");
        parse_logs(
            &sources,
            &parser,
            &Reading::all(MAX_LINE_BYTES),
            false,
            &mut Fails(kind, 0),
        )
    };
    assert!(outcome(io::ErrorKind::BrokenPipe).is_ok());
    assert!(matches!(
        outcome(io::ErrorKind::StorageFull),
        Err(ParseError::Output(_))
    ));
}

#[test]
fn a_log_that_is_missing_is_said_after_those_before_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), LOG).unwrap();
    let sources = [
        file.path().to_str().unwrap().to_owned(),
        "/nonexistent/x.log".to_owned(),
    ];
    let mut out = Vec::new();
    let parser = Parser::httplog("haproxy");
    let error = parse_logs(
        &sources,
        &parser,
        &Reading::all(MAX_LINE_BYTES),
        false,
        &mut out,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read /nonexistent/x.log: no such file or directory"
    );
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
}
