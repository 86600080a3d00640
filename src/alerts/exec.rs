//! A command of the operator's: it gets the event as JSON on its standard input.

use std::path::Path;
use std::time::Duration;

use super::way::{Failure, FailureKind};
use crate::child::{self, Environment, Task};
use crate::publish::alert::Notice;
use crate::words::os_words::plain;

/// It is killed, with all that it started, after this time.
const LIMIT: Duration = Duration::from_secs(10);
/// What it complains about, as far as it is shown.
const ERRORS_BYTES_MAX: usize = 1024;

pub(super) async fn send(
    command: &[String],
    notice: &Notice,
    host: &str,
) -> Result<String, Failure> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::passing("there is no program to run"))?;
    let event = format!("{}\n", notice.json(host));
    let task = Task {
        program: Path::new(program),
        arguments,
        environment: Environment::Ours,
        input: event.as_bytes(),
        output_bytes_max: None,
        limit: LIMIT,
        grace: Duration::ZERO,
    };
    let mut said = String::new();
    let complain = |line: &str| {
        if said.len() < ERRORS_BYTES_MAX {
            said.push_str(if said.is_empty() { ": " } else { " " });
            let words: Vec<_> = line.split_whitespace().collect();
            said.push_str(&words.join(" "));
        }
    };
    match child::run(task, complain).await {
        Ok(ended) if ended.status.success() => Ok("ended with 0".to_owned()),
        Ok(ended) => Err(Failure::passing(format!("{}{said}", ended.status))),
        Err(child::Failure::TooLong) => {
            let limit = humantime::format_duration(LIMIT);
            Err(Failure {
                text: format!("it was not done after {limit} and was killed"),
                kind: FailureKind::Unanswered,
            })
        }
        Err(child::Failure::NotStarted(error)) => Err(Failure::passing(format!(
            "cannot run it: {}",
            plain(&error)
        ))),
        Err(child::Failure::Lost(error)) => Err(Failure::passing(format!(
            "cannot wait for it: {}",
            plain(&error)
        ))),
    }
}
