//! `top`: what `status` shows, live in a terminal, with orders. Here the three that speak are joined: the
//! keys, the daemon (`feed`), and signals. What is on the screen is `screen`'s, how it looks `draw`'s; what an
//! order does is the daemon's.

mod confirm;
mod draw;
mod feed;
mod keys;
mod levels;
mod rows;
mod screen;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use self::feed::Feed;
use crate::status::{StatusError, look};

pub use self::draw::draw;
pub use self::feed::{Ask, Told};
pub use self::levels::LastHour;
pub use self::screen::{Do, Screen};

/// Keys and answers that wait to be shown; a reader that is slower holds up who sends.
const WAITING_MAX: usize = 64;

/// How `top` was called.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often the daemon is asked; at least [`INTERVAL_MIN`].
    pub interval: Duration,
    /// No key gives an order.
    pub read_only: bool,
    /// Only this backend.
    pub backend: Option<String>,
    /// Colours beside words; nothing is said by colour alone.
    pub color: bool,
}

/// The daemon is not asked more often: an answer costs its loop a part of a millisecond.
pub const INTERVAL_MIN: Duration = Duration::from_millis(200);
/// A screen that is asked for less often looks dead.
pub const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// It is not a terminal.
    #[error("top needs a terminal; `status` prints the same once, `events -f` as it happens")]
    NoTerminal,
    /// The daemon does not answer.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// There is no such backend.
    #[error("no backend {name} is looked after; there is {known}")]
    UnknownBackend { name: String, known: String },
    /// The terminal does not obey.
    #[error("cannot draw on this terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Shows the daemon that listens at `control_socket` until `q` is pressed or a signal comes. A daemon that goes
/// away later is waited for.
///
/// # Errors
/// There is no terminal or no daemon; the terminal is left as it was.
pub fn top(control_socket: &Path, options: Options) -> Result<(), TopError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(TopError::NoTerminal);
    }
    let status = look(control_socket)?;
    if let Some(name) = &options.backend
        && !status.backends.iter().any(|backend| backend.name == *name)
    {
        let known: Vec<_> = status.backends.iter().map(|it| it.name.as_str()).collect();
        return Err(TopError::UnknownBackend {
            name: name.clone(),
            known: known.join(", "),
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (feed, told) = Feed::start(control_socket.to_owned(), options.interval);
    let mut screen = Screen::new(options);
    screen.take(Told::Looked(Box::new(status)));
    let mut terminal = ratatui::try_init()?;
    let shown = runtime.block_on(show(&mut terminal, &mut screen, &feed, told));
    ratatui::restore();
    Ok(shown?)
}

async fn show(
    terminal: &mut DefaultTerminal,
    screen: &mut Screen,
    feed: &Feed,
    mut told: mpsc::Receiver<Told>,
) -> io::Result<()> {
    let mut keys = keys_of_terminal();
    let mut term = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut curve_of = None;
    loop {
        terminal.draw(|frame| draw(frame, screen))?;
        let looked_at = screen.backend();
        if looked_at.is_some() && looked_at != curve_of.as_deref() {
            curve_of = looked_at.map(str::to_owned);
            feed.ask(Ask::Curve(curve_of.clone().unwrap_or_default()));
        }
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            news = told.recv() => match news {
                Some(news) => screen.take(news),
                None => return Ok(()),
            },
            event = keys.recv() => match event {
                None => return Ok(()),
                Some(Event::Key(key)) if key.kind == KeyEventKind::Press => match screen.key(key) {
                    Do::Nothing => {}
                    Do::Quit => return Ok(()),
                    Do::Ask(ask) => feed.ask(ask),
                },
                // Another size, most likely: it is drawn anew.
                Some(_) => {}
            },
        }
    }
}

/// What the terminal sends, read in a thread of its own: reading blocks, and ends with the process.
fn keys_of_terminal() -> mpsc::Receiver<Event> {
    let (sender, keys) = mpsc::channel(WAITING_MAX);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    keys
}
