//! Wake-on-LAN: a packet that a sleeping machine's network card waits for. It is sent to everybody on the
//! network and to the server's own address. Nobody answers it, so nothing is known afterwards.
//!
//! The packet is six bytes FF and then the card's address sixteen times, with a password of four or six bytes
//! behind it for cards that want one.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::program::Ear;
use super::settings::{Mac, Wake};
use crate::words::machine::{MachineAnswer, MachineFailure};
use crate::words::os_words::plain;

/// One packet for one machine within this time: it needs longer to answer, and two that wake it for each
/// other must not keep it awake.
const PAUSE: Duration = Duration::from_secs(60);
const REPETITIONS: usize = 16;
/// Where a card listens, unless the configuration says otherwise.
pub const PORT: u16 = 9;

/// When each machine was woken.
#[derive(Debug, Default)]
pub(super) struct Wakes(Mutex<BTreeMap<Mac, Instant>>);

impl Wakes {
    /// Sends a packet, if the last one is not too new. Whether it was or not, the answer is `NotYet`: that a packet
    /// was sent does not make a machine run.
    pub(super) async fn wake(
        &self,
        wake: &Wake,
        address: Option<SocketAddr>,
        now: Instant,
        ear: &mut Ear<'_>,
    ) -> Result<MachineAnswer, MachineFailure> {
        if let Some(left) = self.take(wake.mac, now) {
            return Ok(MachineAnswer::NotYet {
                retry_after: Some(left),
            });
        }
        let unsent = |error: &io::Error| {
            let (mac, to, why) = (wake.mac, wake.broadcast, plain(error));
            format!("the packet for {mac} cannot be sent to {to}: {why}")
        };
        let sent = MachineAnswer::NotYet { retry_after: None };
        match send(wake, address).await {
            Ok(Sent::All) => Ok(sent),
            Ok(Sent::Alone(error)) => {
                let text = unsent(&error);
                ear.hear(&format!(
                    "{text}; only the server's own address was sent it, where nobody listens once it has \
                     slept for a while: is `broadcast` right?"
                ));
                Ok(sent)
            }
            Err(error) => {
                self.give_back(wake.mac);
                Err(MachineFailure::Failed(unsent(&error)))
            }
        }
    }

    /// It is woken now; or how long that has to wait.
    fn take(&self, mac: Mac, now: Instant) -> Option<Duration> {
        let mut wakes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wakes.retain(|_, at| now.saturating_duration_since(*at) < PAUSE);
        if let Some(at) = wakes.get(&mac) {
            return Some(PAUSE.saturating_sub(now.saturating_duration_since(*at)));
        }
        wakes.insert(mac, now);
        None
    }

    fn give_back(&self, mac: Mac) {
        let mut wakes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wakes.remove(&mac);
    }
}

/// Who was sent a packet.
enum Sent {
    All,
    /// The server itself; why not everybody.
    Alone(io::Error),
}

/// To everybody, and to the server itself, if it has an address. One of the two is enough: a router does
/// not pass the first on, and nobody knows the way to the second once it has slept for a while.
async fn send(wake: &Wake, address: Option<SocketAddr>) -> io::Result<Sent> {
    let packet = packet(wake);
    let broadcast = SocketAddr::V4(wake.broadcast);
    let everybody = send_to(&packet, broadcast).await;
    let alone = address.map(|it| SocketAddr::new(it.ip(), wake.broadcast.port()));
    let alone = match alone.filter(|alone| *alone != broadcast) {
        Some(alone) => send_to(&packet, alone).await.is_ok(),
        None => false,
    };
    match everybody {
        Ok(()) => Ok(Sent::All),
        Err(error) if alone => Ok(Sent::Alone(error)),
        Err(error) => Err(error),
    }
}

async fn send_to(packet: &[u8], to: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.set_broadcast(true)?;
    socket.send_to(packet, to).await.map(|_| ())
}

fn packet(wake: &Wake) -> Vec<u8> {
    let mut packet = vec![0xff; 6];
    packet.extend(wake.mac.0.repeat(REPETITIONS));
    if let Some(password) = &wake.password {
        packet.extend(password.bytes());
    }
    packet
}
