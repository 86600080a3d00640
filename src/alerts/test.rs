//! `alerts test`: one message through each channel, at once, without a daemon.

use std::io::{self, Write};

use tokio::task::JoinSet;

use super::way::Way;
use crate::config::AlertConfig;
use crate::publish::alert::{Notice, Subject};

/// Sends one message through each and prints what came of it; whether all arrived.
///
/// # Errors
/// `out` takes no more.
pub async fn test(alerts: &[AlertConfig], out: &mut impl Write) -> io::Result<bool> {
    let mut sending = JoinSet::new();
    for (index, alert) in alerts.iter().enumerate() {
        let (way, name) = (Way::of(alert), alert.name.clone());
        sending.spawn(async move {
            let notice = Notice::now(Subject::Test(name));
            (index, way.shown(), way.send(&notice).await)
        });
    }
    let mut lines: Vec<Option<(bool, String)>> = vec![None; alerts.len()];
    while let Some(sent) = sending.join_next().await {
        let Ok((index, shown, outcome)) = sent else {
            continue;
        };
        let line = match outcome {
            Ok(answer) => (true, format!("ok: {shown}: {answer}")),
            Err(failure) => (false, format!("failed: {shown}: {}", failure.text)),
        };
        if let Some(place) = lines.get_mut(index) {
            *place = Some(line);
        }
    }
    let mut is_all_well = true;
    for (alert, line) in alerts.iter().zip(lines) {
        let (is_well, line) = line.unwrap_or_else(|| (false, "failed: it ended early".to_owned()));
        is_all_well &= is_well;
        writeln!(out, "{}: {line}", alert.name)?;
    }
    Ok(is_all_well)
}
