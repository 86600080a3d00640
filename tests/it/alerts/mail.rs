//! Mails to several recipients, and a pretend mail server that takes them for some.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::place::{Place, TOLD, alert};
use crate::support::wait_for;

/// A mail as it came.
#[derive(Clone, Debug)]
struct Mail {
    to: Vec<String>,
    data: String,
}

impl Mail {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.data.lines();
        let value = lines.find_map(|line| line.strip_prefix(name));
        value.unwrap_or_else(|| panic!("{name}: {}", self.data))
    }
}

#[derive(Clone, Debug, Default)]
struct Shared {
    mails: Arc<Mutex<Vec<Mail>>>,
    /// So many mails are put off first.
    put_off: Arc<Mutex<usize>>,
    /// From a mail to the answer to it.
    answers_after: Duration,
}

/// Without TLS. Takes nothing for `bad@…`.
struct Server {
    address: SocketAddr,
    shared: Shared,
}

impl Server {
    fn start(put_off: usize, answers_after: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            answers_after,
            ..Shared::default()
        };
        *shared.put_off.lock().unwrap() = put_off;
        let ours = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = ours.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    fn mails(&self) -> Vec<Mail> {
        let mails = self.shared.mails.lock();
        mails.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn channel(&self, to: &str) -> String {
        alert(&format!(
            "kind = \"email\"\nname = \"post\"\nsmtp = \"{}\"\ntls = \"none\"\n\
             from = \"haproxy@example.com\"\nto = [{to}]\non = [\"problem\"]",
            self.address
        ))
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    out.write_all(b"220 pretend\r\n").ok()?;
    while let Some(Ok(line)) = lines.next() {
        let answer = match line.get(..4)? {
            "EHLO" => "250 pretend",
            "RCPT" if line.contains("bad@") => "550 5.1.1 nobody of that name",
            "RCPT" => {
                to.push(line);
                "250 taken"
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n").ok()?;
                let data = lines.by_ref().map_while(Result::ok);
                let data: Vec<_> = data.take_while(|line| line != ".").collect();
                shared.mails.lock().unwrap().push(Mail {
                    to: std::mem::take(&mut to),
                    data: data.join("\n"),
                });
                std::thread::sleep(shared.answers_after);
                let mut put_off = shared.put_off.lock().unwrap();
                let is_put_off = *put_off > 0;
                *put_off = put_off.saturating_sub(1);
                if is_put_off { "451 later" } else { "250 taken" }
            }
            "QUIT" => "221 bye",
            _ => "250 well",
        };
        out.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
    Some(())
}

#[test]
fn a_recipient_that_is_refused_keeps_a_mail_from_nobody_else() {
    let place = Place::new();
    let server = Server::start(0, Duration::ZERO);
    let to = "\"bad@example.com\", \"ops@example.com\", \"more@example.com\"";
    let daemon = place.config(&server.channel(to)).start();
    place.silence(true);
    wait_for("the beginning", TOLD, || server.mails().len() == 1);
    wait_for("a word about the other", TOLD, || {
        let text = daemon.text();
        text.contains("alerts do not reach post: ") && text.contains("not for bad@example.com: ")
    });
    place.silence(false);
    wait_for("the end", TOLD, || server.mails().len() == 2);
    for mail in server.mails() {
        assert_eq!(mail.to.len(), 2, "{mail:?}");
        assert!(mail.to.iter().all(|to| !to.contains("bad@")), "{mail:?}");
    }
}

#[test]
fn a_mail_that_is_tried_again_is_the_same_mail() {
    let place = Place::new();
    let server = Server::start(2, Duration::ZERO);
    let _daemon = place.config(&server.channel("\"ops@example.com\"")).start();
    place.silence(true);
    wait_for("three tries", TOLD, || server.mails().len() == 3);
    let mails = server.mails();
    for name in ["Message-ID: ", "Date: "] {
        let values: Vec<_> = mails.iter().map(|it| it.header(name)).collect();
        assert!(values.windows(2).all(|two| two[0] == two[1]), "{values:?}");
    }
}

#[test]
fn a_server_that_looks_for_spam_for_a_while_is_sent_the_mail_once() {
    let place = Place::new();
    let server = Server::start(0, Duration::from_secs(12));
    let daemon = place.config(&server.channel("\"ops@example.com\"")).start();
    place.silence(true);
    wait_for("the mail", TOLD, || server.mails().len() == 1);
    place.silence(false);
    wait_for("the next mail", TOLD * 2, || server.mails().len() == 2);
    let mails = server.mails();
    let [first, second] = [&mails[0], &mails[1]].map(|it| it.header("Message-ID: "));
    assert_ne!(first, second, "it is another one: {}", daemon.text());
}
