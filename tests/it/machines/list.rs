//! The machines that programs list.

use std::time::Duration;

use haproxy_autoscale::machines::exec::Listed;
use haproxy_autoscale::machines::settings::{Options, Provider};
use haproxy_autoscale::words::machine::MachineFailure::{Failed, Refused, Unknown};
use haproxy_autoscale::words::machine::PowerState;
use haproxy_autoscale::words::names::ServerName;

use super::{LIMIT, Place};
use crate::support::run_within;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn each_command_is_asked_once_and_lists_its_machines() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script(
            "echo x >>\"$D/calls\"; [ \"$1-$HAS_VERB-$HAS_SERVER\" = list-list- ] || exit 1\n\
             echo '{\"machine\":\"i-1\",\"name\":\"web3\",\"state\":\"on\",\"address\":\"10.0.0.13\",\
             \"created\":\"2026-11-28T01:00:00Z\",\"tags\":[\"ours\"],\"more\":1}'\n\
             echo\necho '{\"machine\":\"i-2\"}'",
        );
        let provider = Provider::Exec {
            command: command.clone(),
        };
        let fence = Provider::Fence {
            agent: "fence_dummy".to_owned(),
            options: Options::default(),
        };
        let machines = place.machines([
            ("web3", provider.clone()),
            ("web4", provider),
            ("web5", fence),
        ]);
        let listings = machines.list(SOON).await;
        assert_eq!(listings.len(), 1);
        assert_eq!(place.text("calls"), "x\n");
        assert_eq!(listings[0].command, command);
        let servers = ["web3", "web4"].map(|name| ServerName::new("web", name));
        assert_eq!(listings[0].servers, servers);
        let whole = Listed {
            machine: "i-1".to_owned(),
            name: Some("web3".to_owned()),
            state: Some(PowerState::On),
            address: Some("10.0.0.13".parse().unwrap()),
            created: Some("2026-11-28T01:00:00Z".to_owned()),
            tags: vec!["ours".to_owned()],
        };
        let bare = Listed {
            machine: "i-2".to_owned(),
            name: None,
            state: None,
            address: None,
            created: None,
            tags: Vec::new(),
        };
        assert_eq!(listings[0].found, Ok(vec![whole, bare]));
    });
}

#[test]
fn a_list_that_cannot_be_read_is_none() {
    run_within(LIMIT, async {
        for (text, is_failed) in [
            ("exit 64", true),
            ("echo web3", false),
            ("echo '{\"name\":\"web3\"}'", false),
            ("echo '{\"machine\":\"m\",\"state\":\"up\"}'", false),
            ("printf '\\377'", false),
        ] {
            let place = Place::new();
            let listings = place.hook(text).list(SOON).await;
            let found = &listings[0].found;
            let is_right = match found {
                Err(Failed(_)) => is_failed,
                Err(Unknown(_)) => !is_failed,
                Ok(_) | Err(Refused(_)) => false,
            };
            assert!(is_right, "{text}: {found:?}");
        }
    });
}
