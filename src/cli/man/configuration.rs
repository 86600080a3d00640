//! The page of the configuration file, out of the table of keys. What docs/configuration.md is for those who read
//! on a screen, this is for those on the host itself.

use std::collections::BTreeSet;

use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::super::CONFIG_DEFAULT;
use super::{NO_DATE, SOURCE, see_also};
use crate::config::key::{Key, Section};
use crate::config::keys::{DEFAULTS, TABLES};

/// Without its section.
pub(super) const NAME: &str = "haproxy-autoscale.toml";

/// Lines of an example are indented that much in the table.
const EXAMPLE: &str = "    ";

const SMALLEST: &str = "    [backend.web]
    always_up = [\"web1\"]
    response_time = \"500ms\"";

pub(super) fn page() -> String {
    let mut page = Roff::new();
    page.control("TH", [NAME, "5", NO_DATE, SOURCE]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!(
        "{NAME} - configuration of haproxy-autoscale"
    ))]);
    page.control("SH", ["DESCRIPTION"]);
    let intro = format!(
        "The default place of the file is `{CONFIG_DEFAULT}`; `-c FILE` names another. It is TOML. Relative \
         paths are relative to the file. `haproxy-autoscale check` finds every mistake in one go, with its \
         line.\n\nA duration is a string with a unit: `\"500ms\"`, `\"30s\"`, `\"5m\"`, `\"1h\"`. Names in \
         capitals stand for yours. The smallest file that works:\n\n{SMALLEST}"
    );
    paragraphs(&mut page, &intro, "PP");
    let mut told = BTreeSet::<*const Key>::new();
    for table in TABLES {
        section(&mut page, table, &mut told);
    }
    let also = see_also(&[("haproxy-autoscale", "1")]);
    // With quotes that can be copied.
    page.render() + &also.to_roff()
}

/// A table of the file; keys that were `told` in another one are left out.
fn section(page: &mut Roff, table: &Section, told: &mut BTreeSet<*const Key>) {
    let title = match table.header {
        "" => "OUTSIDE EVERY TABLE",
        header => header,
    };
    page.control("SH", [title]);
    paragraphs(page, table.text, "PP");
    let is_defaults = table.header == DEFAULTS.header;
    for group in table.groups.iter().filter(|_| !is_defaults) {
        if !told.insert(group.keys.as_ptr()) {
            continue;
        }
        paragraphs(page, group.text, "PP");
        for key in group.keys.iter().filter(|key| !key.is_table()) {
            page.control("TP", []);
            page.text([bold(key.name)]);
            let default = match key.default() {
                Some(default) => format!("default `{default}`"),
                None => format!("for example `{}`", key.shown()),
            };
            page.text(inline(&format!("{}; {default}", key.kind())));
            paragraphs(page, key.text, "IP");
        }
    }
}

/// Each begins with that macro; examples keep their lines.
fn paragraphs(page: &mut Roff, text: &str, begin: &str) {
    for paragraph in text.split("\n\n").filter(|it| !it.is_empty()) {
        page.control(begin, []);
        if paragraph.lines().all(|line| line.starts_with(EXAMPLE)) {
            page.control("nf", []);
            for line in paragraph.lines() {
                page.text([roman(line)]);
            }
            page.control("fi", []);
        } else {
            page.text(inline(&paragraph.replace('\n', " ")));
        }
    }
}

/// What stands in backticks is shown bold.
fn inline(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    let parts = parts.filter(|(_, part)| !part.is_empty());
    parts
        .map(|(index, part)| match index % 2 {
            0 => roman(part),
            _ => bold(part),
        })
        .collect()
}
