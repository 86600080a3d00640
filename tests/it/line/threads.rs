//! Recorded logs on several threads.

use haproxy_autoscale::log::recorded::{Block, InputError, Line, Logs, in_order_on};

/// So many lines that they fill some blocks.
const LINES: u32 = 1_000_000;

#[test]
fn lines_come_in_order_from_any_number_of_threads_and_from_none() {
    for threads in [0, 1, 3] {
        let numbers: Vec<String> = (0..LINES).map(|number| number.to_string()).collect();
        let text = std::io::Cursor::new(numbers.join("\n").into_bytes());
        let logs = Logs::from_reader("numbers", text, 100).expect("lines");
        let mut next = 0;
        let parse = |(): &mut (), block: &Block| -> Vec<String> {
            let lines = block.lines().map(|line| match line {
                Line::Whole(text) | Line::TooLong(text) => {
                    String::from_utf8_lossy(text).into_owned()
                }
            });
            lines.collect()
        };
        let ended = in_order_on(
            threads,
            logs,
            || (),
            parse,
            |lines| {
                for line in lines {
                    assert_eq!(line, next.to_string(), "{threads} threads");
                    next += 1;
                }
                Ok::<(), InputError>(())
            },
        );
        ended.expect("an end");
        assert_eq!(next, LINES, "{threads} threads");
    }
}
