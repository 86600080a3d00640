//! The programs that start and stop what spares run on: are they there, could others change them, and do they
//! know their machines?

use super::super::facts::{Facts, MachineFacts};
use super::super::finding::{Code, Finding, Fix};
use super::super::machines::address;
use crate::machines::Trouble;
use crate::machines::exec::LIST;
use crate::machines::settings::Provider;
use crate::machines::trust::Fault;
use crate::words::machine::MachineFailure;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for machine in &facts.machines {
        let found = match (&machine.trouble, &machine.answer) {
            (Some(trouble), _) => Some(of_trouble(facts, machine, trouble)),
            (None, Some(Err(failure))) => Some(of_answer(facts, machine, failure)),
            (None, Some(Ok(_)) | None) => {
                let failure = machine.list.as_ref();
                failure.map(|failure| of_list(facts, machine, failure))
            }
        };
        findings.extend(found);
    }
}

/// The table in our configuration.
fn place(facts: &Facts, machine: &MachineFacts) -> String {
    let (path, server) = (facts.config.path.display(), &machine.server);
    format!(
        "{path} [backend.{}.server.{}.machine]",
        server.backend, server.server
    )
}

fn of_trouble(facts: &Facts, machine: &MachineFacts, trouble: &Trouble) -> Finding {
    let (place, server) = (place(facts, machine), &machine.server);
    match trouble {
        Trouble::NoAgent(agent) => {
            let text = format!(
                "there is no fence agent {agent} on this host, so the machine of {server} can be neither \
                 started nor stopped"
            );
            Finding::new(
                Code::MachineProgram,
                place,
                text,
                Fix::run("sudo apt-get install fence-agents"),
            )
        }
        Trouble::Program(fault) => {
            let code = match fault {
                Fault::Missing { .. } | Fault::NotExecutable { .. } => Code::MachineProgram,
                Fault::Owner { .. } | Fault::Writable { .. } => Code::MachineOpen,
            };
            let what = fault.what();
            let text = format!(
                "{what}; it is not run, so the machine of {server} can be neither started nor stopped"
            );
            let fix = fault
                .fix()
                .map_or(Fix::None, |fix| Fix::run(format!("sudo {fix}")));
            Finding::new(code, place, text, fix)
        }
    }
}

fn of_answer(facts: &Facts, machine: &MachineFacts, failure: &MachineFailure) -> Finding {
    let (MachineFailure::Failed(why) | MachineFailure::Refused(why) | MachineFailure::Unknown(why)) =
        failure;
    let (asker, server) = (&facts.asker.name, &machine.server);
    let text = format!(
        "the machine of {server} was asked for its status, as {asker}, and nobody can tell: {why}. Until that \
         is known, it is neither started twice nor stopped"
    );
    let fix = match &machine.provider {
        Provider::Exec { .. } | Provider::Wol(_) => by_hand(facts, machine, "status"),
        // Its options may hold a password.
        Provider::Fence { agent, .. } => {
            Fix::run(format!("man {}", agent.rsplit('/').next().unwrap_or(agent)))
        }
    };
    Finding::new(Code::MachineAnswer, place(facts, machine), text, fix)
}

fn of_list(facts: &Facts, machine: &MachineFacts, failure: &MachineFailure) -> Finding {
    let (MachineFailure::Failed(why) | MachineFailure::Refused(why) | MachineFailure::Unknown(why)) =
        failure;
    let (asker, server) = (&facts.asker.name, &machine.server);
    let text = format!(
        "the program that starts the machine of {server} was asked for its `list`, as {asker}, and does not say \
         which machines there are: {why}. One that runs in no use is not noticed; a program that makes none \
         prints nothing and ends with 0"
    );
    let fix = by_hand(facts, machine, LIST);
    Finding::new(Code::MachineAnswer, place(facts, machine), text, fix)
}

/// The same question, asked at a terminal as the daemon asks it.
fn by_hand(facts: &Facts, machine: &MachineFacts, verb: &str) -> Fix {
    let command = machine.provider.command().unwrap_or_default();
    let Some((program, arguments)) = command.split_first() else {
        return Fix::None;
    };
    // At `list` no server is named.
    let named = (verb != LIST).then_some(&machine.server);
    let address = named.and_then(|server| address(facts, server));
    let text = |value: Option<String>| value.unwrap_or_default();
    let variables = [
        ("VERB", verb.to_owned()),
        ("BACKEND", text(named.map(|it| it.backend.clone()))),
        ("SERVER", text(named.map(|it| it.server.clone()))),
        ("MACHINE", text(named.map(|it| it.server.clone()))),
        ("ADDRESS", text(address.map(|it| it.ip().to_string()))),
        ("PORT", text(address.map(|it| it.port().to_string()))),
    ];
    let user = match (facts.reader.name.strip_prefix("uid "), facts.reader.uid) {
        (Some(_), Some(uid)) => format!("#{uid}"),
        (None, _) | (_, None) => facts.reader.name.clone(),
    };
    let mut words = vec!["sudo -u".to_owned(), quoted(&user), "env".to_owned()];
    let variables = variables.iter();
    words.extend(variables.map(|(name, value)| format!("HAS_{name}={}", quoted(value))));
    words.extend([always_quoted(program), verb.to_owned()]);
    words.extend(arguments.iter().map(|it| always_quoted(it)));
    Fix::run(words.join(" "))
}

/// One word of a shell.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-.:/".contains(it);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    always_quoted(word)
}

fn always_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
