//! A log format in the first line, lines in that format behind it: any bytes give a refusal with a
//! place in the text, or a parser that reads any line to the end.

#![no_main]

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::Parser;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(Ok(given)) = lines.next().map(std::str::from_utf8) else {
        return;
    };
    match LogFormat::compile(given) {
        Ok(format) => {
            let parser = Parser::new(&format, "haproxy");
            for line in lines {
                // The zone of the first line may change the second reading, never the verdict.
                let is_record = parser.parse(line).is_ok();
                assert_eq!(parser.parse(line).is_ok(), is_record);
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(given.get(error.range.clone()).is_some(), "{error:?}");
            }
        }
    }
});
