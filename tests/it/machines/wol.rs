//! Wake-on-LAN: the packet as it is on the wire, and how often.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use haproxy_autoscale::machines::settings::{Mac, Provider, Wake, WolPassword};
use haproxy_autoscale::words::machine::MachineAnswer::{Done, Is, NotYet};
use haproxy_autoscale::words::machine::MachineFailure::Refused;
use haproxy_autoscale::words::machine::MachineVerb::{Start, Status, Stop};
use haproxy_autoscale::words::machine::PowerState::Off;
use haproxy_autoscale::words::machine::{MachineAnswer, MachineCall};

use super::{LIMIT, Place, call, of};
use crate::support::run_within;

const MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

/// A packet was sent; whether it has woken anybody is not known.
const SENT: MachineAnswer = NotYet { retry_after: None };

/// A network card that listens on loopback.
struct Card(UdpSocket);

impl Card {
    fn new() -> Self {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    /// All packets since the last time. On loopback what was sent is there.
    fn packets(&self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut bytes = [0; 1500];
        while let Ok(length) = self.0.recv(&mut bytes) {
            packets.push(bytes[..length].to_vec());
        }
        packets
    }

    /// Woken by a broadcast on loopback.
    fn wake(&self) -> Wake {
        Wake {
            mac: MAC,
            broadcast: SocketAddrV4::new(
                [127, 255, 255, 255].into(),
                self.0.local_addr().unwrap().port(),
            ),
            password: None,
            command: None,
        }
    }
}

fn start_at(address: Option<SocketAddr>) -> MachineCall {
    MachineCall {
        address,
        ..call(Start)
    }
}

#[test]
fn the_packet_is_six_ff_and_sixteen_times_the_address_to_all_and_to_the_server() {
    run_within(LIMIT, async {
        let (place, card) = (Place::new(), Card::new());
        let machines = place.machine(Provider::Wol(card.wake()));
        let server = Some("127.0.0.1:8080".parse().unwrap());
        assert_eq!(machines.call(start_at(server)).await, Ok(SENT));
        let mut expected = vec![0xff; 6];
        for _ in 0..16 {
            expected.extend([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
        }
        assert_eq!(expected.len(), 102);
        assert_eq!(card.packets(), [expected.clone(), expected]);
    });
}

#[test]
fn a_password_of_either_length_stands_behind_it() {
    run_within(LIMIT, async {
        let password = [
            WolPassword::Four([1, 2, 3, 4]),
            WolPassword::Six([1, 2, 3, 4, 5, 6]),
        ];
        for (password, length) in password.into_iter().zip([106, 108]) {
            let (place, card) = (Place::new(), Card::new());
            let mut wake = card.wake();
            wake.password = Some(password);
            let machines = place.machine(Provider::Wol(wake));
            assert_eq!(machines.call(start_at(None)).await, Ok(SENT));
            let packets = card.packets();
            assert_eq!(packets.len(), 1, "its address is not known: to all alone");
            assert_eq!(packets[0].len(), length);
            assert_eq!(&packets[0][102..], password.bytes());
        }
    });
}

/// The server's own address may be nobody's by now.
#[test]
fn a_broadcast_that_fails_is_told_even_where_the_server_was_sent_a_packet() {
    run_within(LIMIT, async {
        let (place, card) = (Place::new(), Card::new());
        let mut wake = card.wake();
        card.0.set_broadcast(true).unwrap();
        // A host without a network has no way there; one that has is no place to see this.
        let nowhere = [[240, 0, 0, 1], [255; 4], [192, 0, 2, 255]].into_iter();
        let mut nowhere =
            nowhere.filter(|ip| card.0.send_to(b"x", (Ipv4Addr::from(*ip), 9)).is_err());
        let Some(nowhere) = nowhere.next() else {
            return;
        };
        wake.broadcast.set_ip(nowhere.into());
        let wake_to = wake.broadcast;
        let machines = place.machine(Provider::Wol(wake));
        let server = Some("127.0.0.1:8080".parse().unwrap());
        assert_eq!(machines.call(start_at(server)).await, Ok(SENT));
        assert_eq!(card.packets().len(), 1);
        let said = place.said();
        assert!(
            said.len() == 1 && said[0].contains(&format!("cannot be sent to {wake_to}: ")),
            "{said:?}"
        );
    });
}

fn left(answer: MachineAnswer) -> Duration {
    let NotYet {
        retry_after: Some(left),
    } = answer
    else {
        panic!("{answer:?}");
    };
    left
}

#[tokio::test(start_paused = true)]
async fn one_machine_is_woken_at_most_once_a_minute_whatever_it_is_called() {
    let (place, card) = (Place::new(), Card::new());
    let other = Wake {
        mac: Mac([0x52, 0x54, 0, 0, 0, 1]),
        ..card.wake()
    };
    let wake = Provider::Wol(card.wake());
    let machines = place.machines([
        ("web3", wake.clone()),
        ("web4", wake),
        ("web5", Provider::Wol(other)),
    ]);
    assert_eq!(machines.call(start_at(None)).await, Ok(SENT));
    tokio::time::advance(Duration::from_secs(20)).await;
    let again = machines.call(start_at(None)).await.unwrap();
    assert!(left(again) > Duration::from_secs(39) && left(again) <= Duration::from_secs(40));
    let other_name = machines.call(of("web4", Start)).await.unwrap();
    assert!(left(other_name) <= Duration::from_secs(40));
    assert_eq!(card.packets().len(), 1);
    // Other settings do not make a minute shorter, another machine has its own.
    let machines = machines.with(
        [
            ("web3", card.wake()),
            (
                "web5",
                Wake {
                    mac: Mac([0x52, 0x54, 0, 0, 0, 1]),
                    ..card.wake()
                },
            ),
        ]
        .map(|(name, wake)| {
            (
                haproxy_autoscale::words::names::ServerName::new("web", name),
                Provider::Wol(wake),
            )
        })
        .into(),
    );
    left(machines.call(start_at(None)).await.unwrap());
    assert_eq!(
        machines
            .call(MachineCall {
                address: None,
                ..of("web5", Start)
            })
            .await,
        Ok(SENT)
    );
    assert_eq!(card.packets().len(), 1);
    tokio::time::advance(Duration::from_secs(41)).await;
    assert_eq!(machines.call(start_at(None)).await, Ok(SENT));
    assert_eq!(card.packets().len(), 1);
    // Whoever asks again and again wakes it again and again.
    for attempt in 2..6 {
        tokio::time::advance(Duration::from_secs(65)).await;
        let again = MachineCall {
            attempt,
            ..start_at(None)
        };
        assert_eq!(machines.call(again).await, Ok(SENT));
        assert_eq!(card.packets().len(), 1);
    }
}

#[test]
fn without_a_command_nothing_is_known_and_nothing_is_stopped() {
    run_within(LIMIT, async {
        let (place, card) = (Place::new(), Card::new());
        let machines = place.machine(Provider::Wol(card.wake()));
        let outcome = machines.call(call(Status)).await;
        assert_eq!(
            outcome,
            Ok(Done),
            "that says neither on nor off, and is no trouble"
        );
        let outcome = machines.call(call(Stop)).await;
        assert!(matches!(outcome, Err(Refused(_))), "{outcome:?}");
        assert_eq!(card.packets().len(), 0);
    });
}

#[test]
fn a_command_is_asked_to_stop_and_for_the_status_and_never_to_start() {
    run_within(LIMIT, async {
        let (place, card) = (Place::new(), Card::new());
        let mut wake = card.wake();
        wake.command = Some(place.script("echo $1 >>\"$D/verbs\"; [ $1 != status ] || exit 2"));
        let machines = place.machine(Provider::Wol(wake));
        assert_eq!(machines.call(call(Status)).await, Ok(Is(Off)));
        assert_eq!(machines.call(start_at(None)).await, Ok(SENT));
        assert_eq!(machines.call(call(Stop)).await, Ok(Done));
        assert_eq!(place.text("verbs"), "status\nstop\n");
        assert_eq!(card.packets().len(), 1);
    });
}
