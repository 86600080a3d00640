//! What is kept on disk for the next daemon, and when: the scaler's memory before the first command
//! of a change, and where reading the log ended. How it is written lives in `state`, what it means in
//! `scaler`.

use super::Daemon;
use crate::config::{Config, Mode};
use crate::log::file::checkpoint::{CheckpointFile, Owner};
use crate::publish::record::News;
use crate::scaler::event::Event;
use crate::scaler::memory::Memory;
use crate::state::{self, Found, Keeper, name};

/// Where the end of reading the log is kept; `None` when nothing is to be kept. One that observes
/// keeps nothing: it may stand beside one that acts, and neither may use the other's.
pub(super) fn checkpoint_file(config: &Config) -> Option<CheckpointFile> {
    if config.mode == Mode::Observe {
        return None;
    }
    let haproxy = &config.haproxy.socket;
    let owner = Owner {
        log: config.log.source.resumes_as()?,
        haproxy: haproxy.to_string(),
    };
    let name = name::file_name(haproxy, name::LOG_CHECKPOINT);
    Some(CheckpointFile::new(
        config.state_dir.as_ref()?,
        &name,
        owner,
    ))
}

impl Daemon {
    /// Takes what an earlier daemon kept, and begins to keep. An observing one has nothing to keep:
    /// the file is that of the acting one beside it.
    pub(super) fn recall(&mut self) {
        let now = self.clock.now();
        let mut is_found = false;
        if let (Mode::Act, Some(dir)) = (self.config.mode, &self.config.state_dir) {
            let name = name::file_name(&self.config.haproxy.socket, name::STATE);
            let memory = match state::load(dir, &name, now, state::wall_ms()) {
                Found::Nothing => None,
                Found::Memory(memory) => Some(memory),
                Found::Lost(text) => {
                    self.tell(News::StateLost(text));
                    Some(Memory {
                        is_lost: true,
                        ..Memory::default()
                    })
                }
            };
            if let Some(memory) = memory {
                is_found = true;
                for order in memory.orders(now) {
                    let order = Box::new(order);
                    self.tell(if order.is_pause() {
                        News::Paused(order)
                    } else {
                        News::Remembered(order)
                    });
                }
                self.event(now, Event::Remembered(&memory));
            }
        }
        self.start_keeper();
        if let Some(keeper) = self.keeper.as_mut().filter(|_| is_found) {
            keeper.replace_file();
        }
        self.remember();
    }

    /// Keeps the file that the configuration asks for.
    pub(super) fn start_keeper(&mut self) {
        self.keeper_problem = None;
        self.keeper = None;
        let (Mode::Act, Some(dir)) = (self.config.mode, &self.config.state_dir) else {
            return;
        };
        let name = name::file_name(&self.config.haproxy.socket, name::STATE);
        match Keeper::start(dir.clone(), name) {
            Ok(keeper) => self.keeper = Some(keeper),
            Err(error) => {
                let text = format!("cannot keep the state: no thread: {error}");
                self.tell(News::StateNotKept(text.clone()));
                self.keeper_problem = Some(text);
            }
        }
    }

    /// Has what is known now written, if that is another thing than before.
    pub(super) fn remember(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let now = self.clock.now();
            keeper.keep(now, self.scaler.memory(now));
        }
    }

    /// Ends when what is to be kept so far is on disk, or cannot be.
    pub(super) fn written(&self) -> state::Written {
        self.keeper
            .as_ref()
            .map_or_else(state::Written::at_once, Keeper::written)
    }

    /// Waits for the last write of all.
    pub(super) async fn keep_last(&mut self, written: state::Written) {
        if let Some(text) = written.wait().await
            && self.keeper_problem.as_ref() != Some(&text)
        {
            self.tell(News::StateNotKept(text));
        }
    }

    /// A write has ended: says once that it failed, and once that it works again.
    pub(super) fn watch_keeper(&mut self) {
        let problem = self.keeper.as_ref().and_then(Keeper::problem);
        if problem == self.keeper_problem {
            return;
        }
        if let Some(text) = &problem {
            self.tell(News::StateNotKept(text.clone()));
        } else {
            self.tell(News::StateKept);
        }
        self.keeper_problem = problem;
    }
}
