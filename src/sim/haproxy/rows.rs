//! What `show stat` and `show servers state` print about a server, as version 2.6 writes it. What
//! a server does is in `sim::server`.

use super::{BACKEND, Server, texts};
use crate::sim::server::PASSED;
use crate::words::picture::{CheckRead, ServerRead};

/// `srv_check_result` where no check has ended yet.
const NONE_YET: u32 = 0;

/// The status column of `show stat`: `UP`, `UP 1/3`, `DRAIN 1/3`, `DOWN 1/2`, `MAINT`.
pub fn status(read: &ServerRead) -> String {
    if read.is_maint() {
        return "MAINT".to_owned();
    }
    let word = if read.is_drain() { "DRAIN" } else { "UP" };
    match read.check {
        Some(CheckRead {
            health, rise, fall, ..
        }) => match health {
            0 => "DOWN".to_owned(),
            passed if passed < rise => format!("DOWN {passed}/{rise}"),
            _ if health + 1 >= rise + fall => word.to_owned(),
            _ => format!("{word} {}/{fall}", health - rise + 1),
        },
        None => word.to_owned(),
    }
}

impl Server {
    fn check(&self) -> CheckRead {
        self.read.check.unwrap_or_default()
    }

    /// Its row of `show servers state`.
    pub(super) fn state_row(&self, id: u32, now_us: u64) -> String {
        let since_s = now_us.saturating_sub(self.changed_us) / 1_000_000;
        let check = self.check();
        let status = match check.result {
            NONE_YET => 1, // INI
            PASSED => 6,   // L4OK
            _ => 8,        // L4CON
        };
        let check_state = if self.read.is_maint() { 14 } else { 6 };
        format!(
            "3 {BACKEND} {id} {} {} {} {} 1 1 {since_s} {status} {} {} {check_state} 0 0 0 - {} - 0 \
             0 - - 0",
            self.read.name,
            self.address.ip(),
            self.read.operational,
            self.read.admin,
            check.result,
            check.health,
            self.address.port(),
        )
    }

    /// Its row of `show stat`.
    pub(super) fn stat_row(&self, id: u32, now_us: u64) -> String {
        let since_s = now_us.saturating_sub(self.changed_us) / 1_000_000;
        let given = self.traffic.given.to_string();
        let mut cells = vec![
            ("svname", self.read.name.clone()),
            ("sid", id.to_string()),
            ("addr", self.address.to_string()),
            ("status", status(&self.read)),
            ("lastchg", since_s.to_string()),
            ("scur", self.traffic.open.to_string()),
            ("stot", given.clone()),
            ("lbtot", given.clone()),
            ("req_tot", given),
            ("hrsp_2xx", self.traffic.answered.to_string()),
        ];
        // In maintenance checks are paused, and 2.6 leaves their columns empty.
        if !self.read.is_maint() {
            let check = self.check();
            let (status, text, took) = match check.result {
                NONE_YET => ("INI", "Initializing", ""),
                PASSED => ("L4OK", "Layer4 check passed", "0"),
                _ => ("L4CON", "Layer4 connection problem", "0"),
            };
            cells.extend([
                ("check_status", status.to_owned()),
                ("check_desc", text.to_owned()),
                ("check_rise", check.rise.to_string()),
                ("check_fall", check.fall.to_string()),
                ("check_health", check.health.to_string()),
                ("check_duration", took.to_owned()),
            ]);
        }
        filled(texts::SERVER_ROW, &cells)
    }
}

/// A recorded row with some of its cells replaced, by column name.
pub(super) fn filled(row: &str, cells: &[(&str, String)]) -> String {
    let header = texts::STAT_HEADER.trim_start_matches("# ");
    let columns = header.split(',').zip(row.split(','));
    let values: Vec<&str> = columns
        .map(|(column, recorded)| {
            let replaced = cells.iter().find(|(name, _)| *name == column);
            replaced.map_or(recorded, |(_, value)| value.as_str())
        })
        .collect();
    values.join(",")
}
