//! The programs that start and stop what spares run on: are they there, could others change them, and do they
//! know their machines?

use super::super::facts::{Facts, MachineFacts};
use super::super::finding::{Code, Finding, Fix};
use crate::machines::Trouble;
use crate::machines::settings::Provider;
use crate::machines::trust::Fault;
use crate::words::machine::MachineFailure;

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    for machine in &facts.machines {
        let found = match (&machine.trouble, &machine.answer) {
            (Some(trouble), _) => Some(of_trouble(facts, machine, trouble)),
            (None, Some(Err(failure))) => Some(of_answer(facts, machine, failure)),
            (None, Some(Ok(_)) | None) => None,
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
        Provider::Exec { command } => by_hand(command),
        Provider::Wol(wake) => wake.command.as_deref().map_or(Fix::None, by_hand),
        // Its options may hold a password.
        Provider::Fence { agent, .. } => {
            Fix::run(format!("man {}", agent.rsplit('/').next().unwrap_or(agent)))
        }
    };
    Finding::new(Code::MachineAnswer, place(facts, machine), text, fix)
}

/// The same question, asked at a terminal.
fn by_hand(command: &[String]) -> Fix {
    let Some((program, arguments)) = command.split_first() else {
        return Fix::None;
    };
    let quoted = |word: &String| format!("'{}'", word.replace('\'', "'\\''"));
    let arguments = arguments.iter().map(quoted);
    let words: Vec<_> = [program.clone(), "status".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect();
    Fix::run(words.join(" "))
}
