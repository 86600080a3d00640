//! Users: Poisson arrivals that do not wait for one another, each with a patience of his own.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use haproxy_autoscale::sim::dice::Dice;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until, timeout};

use crate::case::{Clients, Load};
use crate::seen::{Answer, Seen};

/// More requests are not sent in a case, whatever its curve says.
const MAX_REQUESTS: u32 = 60_000;
/// More users do not wait at a time.
const MAX_WAITING: usize = 4000;
/// A longer answer is not one of our servers'.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How often the long requests that the case asks for are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The same arrivals in every run.
const SEED: u64 = 20_261_127;

/// So many long requests to this path, each for so many milliseconds.
pub type Long = (usize, &'static str, u64);

/// The time to the next of independent arrivals, seconds.
fn gap(dice: &mut Dice, per_second: f64) -> f64 {
    -(1.0 - dice.unit()).ln() / per_second.max(0.01)
}

struct Crowd {
    load: Load,
    frontend: SocketAddr,
    seen: Arc<Seen>,
    /// Cookies of returning users, by user.
    cookies: RefCell<Vec<Option<String>>>,
    /// Connections of users who keep them.
    idle: RefCell<Vec<TcpStream>>,
    waiting: Cell<usize>,
}

/// Sends all users of a case from second `begin` on and returns when the last has his answer or left,
/// or it is `over`.
pub fn run(
    load: Load,
    begin: f64,
    frontend: SocketAddr,
    seen: &Arc<Seen>,
    long: &Receiver<Long>,
    over: impl Fn() -> bool + 'static,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let users = match load.clients {
        Clients::Returning(users) => users,
        Clients::New | Clients::KeepAlive => 0,
    };
    let crowd = Rc::new(Crowd {
        load,
        frontend,
        seen: Arc::clone(seen),
        cookies: RefCell::new(vec![None; users]),
        idle: RefCell::default(),
        waiting: Cell::new(0),
    });
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let end = begin + crowd.load.curve.iter().map(|(_, for_s)| for_s).sum::<f64>();
        let curve = tokio::task::spawn_local(send_curve(Rc::clone(&crowd), begin));
        let mut id = 1_000_000;
        loop {
            match long.try_recv() {
                Ok((count, path, ms)) => {
                    for _ in 0..count {
                        id += 1;
                        let path = format!("{path}?id={id}&long={ms}");
                        spawn_user(&crowd, id, crowd.seen.now(), path, true);
                    }
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => sleep(LOOK).await,
            }
            if over() {
                break;
            }
            if crowd.seen.now() > end && curve.is_finished() && crowd.waiting.get() == 0 {
                break;
            }
        }
    });
}

async fn send_curve(crowd: Rc<Crowd>, begin: f64) {
    let mut dice = Dice::new(SEED);
    let (mut id, mut phase_begin) = (0, begin);
    for (rate, seconds) in crowd.load.curve {
        let phase_end = phase_begin + seconds;
        let mut due = phase_begin + gap(&mut dice, *rate);
        while due < phase_end && id < MAX_REQUESTS {
            sleep_until(crowd.seen.instant(due).into()).await;
            id += 1;
            let path = format!("{}?id={id}", crowd.load.path);
            if crowd.waiting.get() < MAX_WAITING {
                spawn_user(&crowd, id, due, path, false);
            } else {
                crowd
                    .seen
                    .record()
                    .faults
                    .push(format!("{MAX_WAITING} users wait already"));
            }
            due += gap(&mut dice, *rate);
        }
        phase_begin = phase_end;
    }
    sleep_until(crowd.seen.instant(phase_begin).into()).await;
}

fn spawn_user(crowd: &Rc<Crowd>, id: u32, due: f64, path: String, long: bool) {
    let crowd = Rc::clone(crowd);
    crowd.waiting.set(crowd.waiting.get() + 1);
    tokio::task::spawn_local(async move {
        let mut due = due;
        for _ in 0..=crowd.load.retries {
            if !one_try(&crowd, id, due, &path, long).await.is_bad() {
                break;
            }
            due = crowd.seen.now();
        }
        crowd.waiting.set(crowd.waiting.get() - 1);
    });
}

async fn one_try(crowd: &Crowd, id: u32, due: f64, path: &str, long: bool) -> Answer {
    let sent = crowd.seen.now();
    let patience = if long { 60.0 } else { crowd.load.patience };
    let answered = timeout(Duration::from_secs_f64(patience), ask(crowd, id, path)).await;
    let answer = Answer {
        id,
        due,
        sent,
        ended: crowd.seen.now(),
        status: answered
            .as_ref()
            .map_or(0, |status| *status.as_ref().unwrap_or(&0)),
        gave_up: answered.is_err(),
        long,
    };
    crowd.seen.record().answers.push(answer);
    answer
}

async fn ask(crowd: &Crowd, id: u32, path: &str) -> io::Result<u16> {
    let users = crowd.cookies.borrow().len().max(1);
    // Spread over all users, and the same ones in every run.
    let user = usize::try_from(Dice::new(u64::from(id)).bits() % users as u64).unwrap_or(0);
    let cookie = crowd.cookies.borrow().get(user).cloned().flatten();
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    let keeps = crowd.load.clients == Clients::KeepAlive;
    let connection = if keeps { "keep-alive" } else { "close" };
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: {connection}\r\n{cookie}\r\n");
    let idle = crowd.idle.borrow_mut().pop();
    let mut answered = None;
    if let Some(stream) = idle {
        // HAProxy may have closed it meanwhile; every browser asks again then.
        answered = exchange(stream, &request).await.ok();
    }
    let (head, stream) = match answered {
        Some(answered) => answered,
        None => exchange(TcpStream::connect(crowd.frontend).await?, &request).await?,
    };
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    if let Some(slot) = crowd.cookies.borrow_mut().get_mut(user)
        && let Some(cookie) = header(&head, "set-cookie:")
    {
        *slot = Some(
            cookie
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        );
    }
    if keeps && header(&head, "connection:").is_none_or(|value| value.trim() != "close") {
        crowd.idle.borrow_mut().push(stream);
    }
    Ok(status)
}

async fn exchange(mut stream: TcpStream, request: &str) -> io::Result<(String, TcpStream)> {
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    let head = read_answer(&mut stream).await?;
    Ok((head, stream))
}

/// The head of an answer whose body came whole.
async fn read_answer(stream: &mut TcpStream) -> io::Result<String> {
    let mut buffer = Vec::new();
    let mut end = None;
    loop {
        if end.is_none() {
            end = buffer
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .map(|at| at + 4);
        }
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length =
                header(&head, "content-length:").and_then(|value| value.trim().parse().ok());
            if length.is_some_and(|length: usize| buffer.len() >= end + length) {
                return Ok(head);
            }
        }
        let read = stream.read_buf(&mut buffer).await?;
        if read == 0 || buffer.len() > MAX_ANSWER_BYTES {
            // HAProxy's own pages end with the connection.
            return match end {
                Some(end) => Ok(String::from_utf8_lossy(&buffer[..end]).into_owned()),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find(|line| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
        .map(|line| &line[name.len()..])
}
