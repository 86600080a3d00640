//! The hands of those who only say how many servers they want: servers start, serve, end what they have
//! and go, each at its own pace. Those of the lowest tier come first; those of the highest go first, and of
//! these the last one that came.

use crate::simulate::engine::{Backend, NEVER_NS, Server};
use crate::simulate::measure::{Move, Tally};
use crate::words::picture::AdminState;

/// A server as these hands know it.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    /// The higher, the later it comes and the earlier it goes.
    pub tier: u32,
    /// From the wish for it until it serves.
    pub boot_ns: u64,
    /// From maint until it can be started again.
    pub stop_ns: u64,
    /// It takes traffic from the start.
    pub is_ready: bool,
}

/// A backend's servers, of which the first `min` always serve.
#[derive(Debug)]
pub(super) struct Fleet {
    min: usize,
    hands: Vec<Hand>,
    stages: Vec<Stage>,
    /// When each can be started.
    startable_ns: Vec<u64>,
    /// Spares that start or serve, in the order in which they came.
    used: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Off,
    Starting { until_ns: u64 },
    Serving,
    Leaving,
}

impl Fleet {
    /// The first `min` of these serve always.
    pub(super) fn new(min: usize, hands: Vec<Hand>) -> Self {
        let stage = |hand: &Hand| {
            if hand.is_ready {
                Stage::Serving
            } else {
                Stage::Off
            }
        };
        let used = hands.iter().enumerate().skip(min);
        Self {
            min,
            stages: hands.iter().map(stage).collect(),
            startable_ns: vec![0; hands.len()],
            used: used
                .filter(|(_, it)| it.is_ready)
                .map(|(index, _)| index)
                .collect(),
            hands,
        }
    }

    /// Servers that serve.
    pub(super) fn serving(&self) -> usize {
        self.count(|it| it == Stage::Serving)
    }

    /// Servers that serve or start.
    pub(super) fn asked_for(&self) -> usize {
        self.count(|it| matches!(it, Stage::Serving | Stage::Starting { .. }))
    }

    /// All that there are.
    pub(super) const fn servers(&self) -> usize {
        self.stages.len()
    }

    /// The least that there may be.
    pub(super) const fn min(&self) -> usize {
        self.min
    }

    fn count(&self, is: impl Fn(Stage) -> bool) -> usize {
        self.stages.iter().filter(|it| is(**it)).count()
    }

    /// When the next one has started.
    pub(super) fn due_ns(&self) -> u64 {
        let starting = self.stages.iter().filter_map(|it| match it {
            Stage::Starting { until_ns } => Some(*until_ns),
            Stage::Off | Stage::Serving | Stage::Leaving => None,
        });
        starting.min().unwrap_or(NEVER_NS)
    }

    /// Those that have started serve from now on.
    pub(super) fn started(&mut self, now_ns: u64, backend: &mut Backend, tally: &mut Tally) {
        for (index, stage) in self.stages.iter_mut().enumerate() {
            if matches!(stage, Stage::Starting { until_ns } if *until_ns <= now_ns) {
                *stage = Stage::Serving;
                backend.set_state(index, AdminState::Ready, now_ns);
                tally.moved(index, Move::Serves, now_ns);
            }
        }
    }

    /// So many servers are wanted.
    pub(super) fn want(
        &mut self,
        wanted: usize,
        now_ns: u64,
        backend: &mut Backend,
        tally: &mut Tally,
    ) {
        let wanted = wanted.clamp(self.min, self.stages.len());
        while self.asked_for() < wanted && self.bring_one(now_ns, backend, tally) {}
        while self.asked_for() > wanted {
            let Some(index) = self.dearest() else {
                break;
            };
            self.send_away(index, now_ns, backend, tally);
        }
    }

    /// The next to go, which is not among those that are used any more.
    fn dearest(&mut self) -> Option<usize> {
        let used = self.used.iter().enumerate();
        let (place, _) = used.max_by_key(|(place, index)| (self.tier(**index), *place))?;
        Some(self.used.remove(place))
    }

    fn tier(&self, index: usize) -> u32 {
        self.hands.get(index).map_or(0, |it| it.tier)
    }

    /// The first of the lowest tier in that stage that can be started now.
    fn cheapest(&self, stage: Stage, now_ns: u64) -> Option<usize> {
        let servers = self.stages.iter().zip(&self.startable_ns).enumerate();
        let found = servers.filter(|(_, (it, at_ns))| **it == stage && **at_ns <= now_ns);
        found
            .map(|(index, _)| index)
            .min_by_key(|index| self.tier(*index))
    }

    /// One that leaves comes back at once; another one has to start.
    fn bring_one(&mut self, now_ns: u64, backend: &mut Backend, tally: &mut Tally) -> bool {
        let find = |stage: Stage| self.cheapest(stage, now_ns);
        let (index, stage) = match (find(Stage::Leaving), find(Stage::Off)) {
            (Some(index), _) => {
                backend.set_state(index, AdminState::Ready, now_ns);
                // Or it would get nothing of a queue, and these have nobody who looks after that.
                let maxconn = backend.servers.get(index).and_then(Server::maxconn);
                backend.set_maxconn(index, maxconn.unwrap_or(0), false, now_ns);
                tally.moved(index, Move::Serves, now_ns);
                (index, Stage::Serving)
            }
            (None, Some(index)) => {
                tally.moved(index, Move::Asked, now_ns);
                backend.start_cold(index);
                let boot_ns = self.hands.get(index).map_or(0, |it| it.boot_ns);
                let until_ns = now_ns.saturating_add(boot_ns);
                (index, Stage::Starting { until_ns })
            }
            (None, None) => return false,
        };
        if let Some(place) = self.stages.get_mut(index) {
            *place = stage;
        }
        self.used.push(index);
        true
    }

    fn send_away(&mut self, index: usize, now_ns: u64, backend: &mut Backend, tally: &mut Tally) {
        let Some(stage) = self.stages.get_mut(index) else {
            return;
        };
        if *stage == Stage::Serving {
            *stage = Stage::Leaving;
            backend.set_state(index, AdminState::Drain, now_ns);
            tally.moved(index, Move::Leaves, now_ns);
            self.ended_one(index, now_ns, backend, tally);
        } else {
            self.gone(index, now_ns, tally);
        }
    }

    fn gone(&mut self, index: usize, now_ns: u64, tally: &mut Tally) {
        tally.moved(index, Move::Gone, now_ns);
        let stop_ns = self.hands.get(index).map_or(0, |it| it.stop_ns);
        if let (Some(stage), Some(startable_ns)) =
            (self.stages.get_mut(index), self.startable_ns.get_mut(index))
        {
            *stage = Stage::Off;
            *startable_ns = now_ns.saturating_add(stop_ns);
        }
    }

    /// A server has ended a request: if it was leaving and this was the last, it is gone.
    pub(super) fn ended_one(
        &mut self,
        index: usize,
        now_ns: u64,
        backend: &mut Backend,
        tally: &mut Tally,
    ) {
        let is_leaving = self.stages.get(index) == Some(&Stage::Leaving);
        if is_leaving && backend.servers.get(index).is_some_and(|it| it.open() == 0) {
            backend.set_state(index, AdminState::Maint, now_ns);
            self.gone(index, now_ns, tally);
        }
    }
}
