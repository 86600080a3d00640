//! README.md and `docs/`: short where they must be, every link leads somewhere, every closed list that an
//! operator meets is on its page, whole.
//! What the pages say about the configuration is tested elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use haproxy_autoscale::doctor::Code;
use haproxy_autoscale::log::line::Reject;
use haproxy_autoscale::publish::record::codes;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::seen::{NoHelp, ProblemCode, ReasonCode};
use haproxy_autoscale::status::DaemonProblem;
use haproxy_autoscale::words::order::Verb;

use super::{code, files, none, root, rust_files};
use crate::support::program::run;

/// Longest README.md.
const MAX_README_LINES: usize = 150;
/// All that somebody types who has just cloned the repository.
const SETUP_COMMANDS: [&str; 2] = ["cargo run --release -- demo", "tests/run"];

#[test]
fn the_readme_stays_short_and_begins_with_two_commands() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let lines = readme.lines().count();
    assert!(lines <= MAX_README_LINES, "README.md: {lines} lines");
    let (_, blocks) = readme.split_once("```sh\n").expect("a block of commands");
    let (first, _) = blocks.split_once("```").expect("the end of the block");
    let commands = first.lines().map(|line| {
        let (command, _comment) = line.split_once('#').unwrap_or((line, ""));
        command.trim()
    });
    assert_eq!(commands.collect::<Vec<_>>(), SETUP_COMMANDS);
}

/// README.md and the pages of `docs/`.
fn pages() -> Vec<(PathBuf, String)> {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut pages = vec![(PathBuf::from("README.md"), readme)];
    pages.extend(files("docs"));
    pages.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "md"));
    pages
}

/// The lines of a page that are not in a block of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What `[…](…)` leads to, outside the repository left out.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = prose(page).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://"))
}

/// The anchors that GitHub makes of a page's headings.
fn anchors(page: &str) -> Vec<String> {
    let headings = prose(page).filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn every_link_of_the_readme_and_the_docs_leads_somewhere() {
    let mut faults = Vec::new();
    for (path, page) in pages() {
        for link in links(&page) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = path.parent().expect("a folder");
            let target = if file.is_empty() {
                path.clone()
            } else {
                folder.join(file)
            };
            let target = root().join(target);
            let is_there = match anchor {
                "" => target.exists(),
                anchor => fs::read_to_string(target)
                    .is_ok_and(|page| anchors(&page).iter().any(|it| it == anchor)),
            };
            if !is_there {
                faults.push(format!("{}: {link}", path.display()));
            }
        }
    }
    none("a link leads to a file, and to a heading of it", &faults);
}

#[test]
fn what_the_pages_in_a_package_link_to_is_in_the_package() {
    let build = fs::read_to_string(root().join("packaging/build")).expect("packaging/build");
    let lists = build
        .lines()
        .filter_map(|line| line.trim().strip_prefix("for page in "));
    let list = lists
        .map(|it| it.trim_end_matches("; do"))
        .collect::<Vec<_>>()
        .join(" ");
    let packed: Vec<&str> = list.split_whitespace().collect();
    assert!(packed.contains(&"docs/*.md"), "{list}");
    // The changelog is in both packages under the name that each of them gives it.
    let is_packed =
        |page: &str| page == "CHANGELOG.md" || page.starts_with("docs/") || packed.contains(&page);
    let others = ["PROMISES.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| {
        let page = fs::read_to_string(root().join(name)).expect(name);
        (PathBuf::from(name), page)
    });
    let mut faults = Vec::new();
    for (path, page) in pages().into_iter().chain(others) {
        for link in links(&page) {
            let file = link.split('#').next().unwrap_or_default();
            let file = match file.strip_prefix("../") {
                Some(file) => file.to_owned(),
                None => path.with_file_name(file).display().to_string(),
            };
            if Path::new(&file).extension().is_some_and(|it| it == "md") && !is_packed(&file) {
                faults.push(format!("{}: {link}", path.display()));
            }
        }
    }
    none("a page of a package links to pages of it", &faults);
}

#[test]
fn every_page_of_the_docs_is_in_their_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).expect("docs/README.md");
    let linked: Vec<_> = links(&index).collect();
    let mut faults = Vec::new();
    for (path, _) in files("docs") {
        let name = path
            .strip_prefix("docs")
            .expect("below docs")
            .display()
            .to_string();
        if name != "README.md" && !linked.contains(&name.as_str()) {
            faults.push(name);
        }
    }
    none("docs/README.md leads to every page", &faults);
}

/// The words in backticks in those columns of a section's tables that list words.
fn listed(page: &str, heading: &str) -> BTreeSet<String> {
    let start = page.find(&format!("\n## {heading}\n")).expect(heading) + 4;
    let section = page[start..].split("\n## ").next().unwrap_or_default();
    let (mut words, mut columns) = (BTreeSet::new(), Vec::new());
    for line in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let is_heading =
            |cell: &&str| ["code", "command", "event", "order", "reason"].contains(cell);
        if cells.iter().any(is_heading) {
            columns = cells.iter().map(is_heading).collect();
        }
        for (cell, _) in cells.iter().zip(&columns).filter(|(_, lists)| **lists) {
            words.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_page_of_messages_lists_every_code_and_no_other() {
    let page = fs::read_to_string(root().join("docs/messages.md")).expect("docs/messages.md");
    let helpless = NoHelp::ALL.into_iter();
    let helpless = helpless.flat_map(|why| [ProblemCode::Slow(why), ProblemCode::Short(why)]);
    let problems = helpless.chain(ProblemCode::OTHERS).map(ProblemCode::as_str);
    let problems = problems.chain(DaemonProblem::ALL.map(DaemonProblem::as_str));
    let mut mistakes = BTreeSet::new();
    for (_, text) in rust_files("src/config") {
        for (_, line) in code(&text) {
            let codes = line.split('"').filter(|it| is_mistake(it));
            mistakes.extend(codes.map(str::to_owned));
        }
    }
    let owned = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
    let tables: [(&str, BTreeSet<String>); 4] = [
        ("Problems", problems.map(str::to_owned).collect()),
        ("Reasons", owned(&ReasonCode::ALL.map(ReasonCode::as_str))),
        ("Mistakes in the configuration", mistakes),
        (
            "Why a line is rejected",
            owned(&Reject::ALL.map(Reject::as_str)),
        ),
    ];
    for (heading, words) in tables {
        assert!(words.len() > 5, "{heading}: {words:?}");
        assert_eq!(listed(&page, heading), words, "{heading}");
    }
}

#[test]
fn the_page_of_doctor_lists_every_code_with_its_level_and_no_other() {
    let page = fs::read_to_string(root().join("docs/doctor.md")).expect("docs/doctor.md");
    let rows = page.lines().filter_map(|line| {
        let (code, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((code, rest.split(" |").next()?))
    });
    let listed: BTreeSet<(&str, &str)> = rows.collect();
    let known = Code::ALL.map(|it| (it.as_str(), it.level().as_str()));
    assert_eq!(listed, BTreeSet::from(known));
}

#[test]
fn every_subcommand_is_on_the_page_of_commands() {
    let page = fs::read_to_string(root().join("docs/commands.md")).expect("docs/commands.md");
    let (intro, _) = page.split_once("\n## ").expect("a heading");
    let listed = listed(&format!("\n## Commands\n{intro}"), "Commands");
    let help = run(&["--help"]).succeeded();
    let (_, commands) = help.split_once("Commands:\n").expect("its commands");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let words = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let words: BTreeSet<&str> = words.filter(|word| !["", "help"].contains(word)).collect();
    assert!(words.len() > 8, "{words:?}");
    let listed = listed.iter().map(String::as_str);
    let listed = listed.filter(|word| !word.starts_with("tests/"));
    assert_eq!(listed.collect::<BTreeSet<_>>(), words);
}

#[test]
fn every_order_is_a_subcommand_on_its_page_and_in_a_test() {
    let page = fs::read_to_string(root().join("docs/operating.md")).expect("docs/operating.md");
    let listed = listed(&page, "Manual control");
    let listed = listed.iter().filter_map(|row| row.split(' ').next());
    let verbs = Verb::ALL.map(Verb::as_str);
    assert_eq!(listed.collect::<BTreeSet<_>>(), BTreeSet::from(verbs));
    let tests = rust_files("tests/it");
    let mut faults = Vec::new();
    for verb in Verb::ALL {
        run(&[verb.as_str(), "--help"]).succeeded();
        let given = [format!("(Verb::{verb:?}, "), format!("\"{verb}\"")];
        let is_given = |text: &str| given.iter().any(|given| text.contains(given));
        if !tests.iter().any(|(_, text)| is_given(text)) {
            faults.push(verb.to_string());
        }
    }
    none("a test gives every order", &faults);
}

#[test]
fn every_code_of_an_event_is_in_its_table_and_the_table_has_no_other() {
    let page = fs::read_to_string(root().join("docs/messages.md")).expect("docs/messages.md");
    let events = page.split("\n## ").find(|it| it.starts_with("Events"));
    let rows = events.expect("Events").lines().filter_map(|line| {
        let row = line.strip_prefix("| `")?;
        Some(row.split(" | ").next().unwrap_or_default().to_owned())
    });
    let listed: BTreeSet<String> = rows
        .flat_map(|row| {
            row.split('`')
                .filter(|it| is_code(it))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    // What the log calls an order, and what the log itself says of its reader.
    let beside = ["operator", "records_lost"];
    let known: BTreeSet<String> = codes().chain(beside).map(str::to_owned).collect();
    assert!(known.len() > 40, "{known:?}");
    let faults: Vec<_> = known.symmetric_difference(&listed).cloned().collect();
    none(
        "codes of events, in docs/messages.md and in the code",
        &faults,
    );
}

#[test]
fn the_list_of_codes_has_each_code_that_news_can_have() {
    let changes: BTreeSet<_> = Change::ALL.into_iter().map(Change::code).collect();
    let list: BTreeSet<&str> = codes().filter(|it| !changes.contains(it)).collect();
    let mut given = BTreeSet::new();
    for file in ["src/publish/news.rs", "src/log/source/news.rs"] {
        let text = fs::read_to_string(root().join(file)).expect(file);
        for (_, line) in code(&text) {
            let words = ["Info", "Warning", "Error"].map(|level| format!(": {level} \""));
            let row = words.iter().find_map(|word| line.split_once(word.as_str()));
            let word = row.and_then(|(_, code)| code.strip_suffix("\","));
            given.extend(word.filter(|it| is_code(it)).map(str::to_owned));
        }
    }
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    assert_eq!(list, given);
}

fn is_code(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `E0001`, `W0020`.
fn is_mistake(word: &str) -> bool {
    let digits = word.strip_prefix(['E', 'W']).unwrap_or_default();
    digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit())
}

#[test]
fn anchors_are_those_that_github_makes() {
    let page = "# Where: a `queue`, per-server?\n```sh\n# no heading\n```\n## stats and parse\n";
    assert_eq!(
        anchors(page),
        ["where-a-queue-per-server", "stats-and-parse"]
    );
    let page = "[one](a.md#b) and [two](https://example.com/)\n```\n[no](link)\n```\n";
    assert_eq!(links(page).collect::<Vec<_>>(), ["a.md#b"]);
}
