//! Who is slow: what each server of a window took. Whether the window is a breach is not asked
//! here, and nothing that is found here keeps a spare away: one server more takes load off a slow
//! one as well.

use super::breach::SlowServer;
use crate::words::short_name::Name;

/// Servers told apart in one window; the samples of further ones are nobody's.
const SERVERS_MAX: usize = 256;
/// A server with fewer samples than this in a window is not called slow.
const SAMPLES_MIN: u32 = 2;
/// A slow server takes at least so many times as long as the others.
const FACTOR_MIN: f64 = 2.0;

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    samples: u32,
    sum_ms: u64,
}

impl Tally {
    const fn add(&mut self, took_ms: u32) {
        self.samples = self.samples.saturating_add(1);
        self.sum_ms = self.sum_ms.saturating_add(took_ms as u64);
    }

    fn mean_ms(self) -> Option<f64> {
        (self.samples > 0).then(|| self.sum_ms as f64 / f64::from(self.samples))
    }
}

/// One server beside all others together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Contrast {
    /// The mean of its requests, milliseconds.
    pub(crate) mean_ms: f64,
    pub(crate) requests: u32,
    /// The mean of the others' requests, milliseconds.
    pub(crate) others_ms: f64,
    pub(crate) others_requests: u32,
}

impl Contrast {
    /// Both times together.
    pub(crate) fn and(self, more: Self) -> Self {
        let mean = |(one, of_one): (f64, u32), (two, of_two): (f64, u32)| {
            let (of_one, of_two) = (f64::from(of_one), f64::from(of_two));
            (one * of_one + two * of_two) / (of_one + of_two).max(1.0)
        };
        Self {
            mean_ms: mean((self.mean_ms, self.requests), (more.mean_ms, more.requests)),
            requests: self.requests.saturating_add(more.requests),
            others_ms: mean(
                (self.others_ms, self.others_requests),
                (more.others_ms, more.others_requests),
            ),
            others_requests: self.others_requests.saturating_add(more.others_requests),
        }
    }
}

/// Sums of the window that is filling, one for each server.
#[derive(Debug, Default)]
pub(crate) struct ByServer {
    /// By name; few enough, and one beside the other.
    tallies: Vec<(Name, Tally)>,
}

impl ByServer {
    /// Takes one sample.
    pub(crate) fn push(&mut self, server: &str, took_ms: u32) {
        if server.starts_with('<') {
            return;
        }
        let of_server = self.tallies.iter_mut().find(|(name, _)| name.is(server));
        if let Some((_, tally)) = of_server {
            tally.add(took_ms);
        } else if self.tallies.len() < SERVERS_MAX {
            let mut tally = Tally::default();
            tally.add(took_ms);
            self.tallies.push((Name::of(server), tally));
        }
    }

    /// The one server that was above `above_ms` while each of the others was not.
    pub(crate) fn slow_one(&self, above_ms: f64) -> Option<SlowServer> {
        let means = || {
            self.tallies
                .iter()
                .filter_map(|(name, tally)| Some((name, tally.mean_ms()?, tally)))
        };
        let mut slow = means().filter(|(_, mean_ms, _)| *mean_ms > above_ms);
        let (Some((server, mean_ms, tally)), None) = (slow.next(), slow.next()) else {
            return None;
        };
        let others = means().filter(|(name, ..)| *name != server).fold(
            (0_u32, Tally::default()),
            |(servers, sum), (_, _, tally)| {
                let sum = Tally {
                    samples: sum.samples.saturating_add(tally.samples),
                    sum_ms: sum.sum_ms.saturating_add(tally.sum_ms),
                };
                (servers + 1, sum)
            },
        );
        let (others, others_ms) = (others.0, others.1.mean_ms()?);
        let stands_out = tally.samples >= SAMPLES_MIN && mean_ms >= FACTOR_MIN * others_ms;
        stands_out.then(|| SlowServer {
            server: server.to_text(),
            mean_ms,
            others,
            others_ms,
        })
    }

    /// The mean of that server's requests, milliseconds, and how many they are.
    pub(crate) fn mean_ms(&self, server: &str) -> Option<(f64, u32)> {
        let (_, tally) = self.tallies.iter().find(|(name, _)| name.is(server))?;
        Some((tally.mean_ms()?, tally.samples))
    }

    /// That server beside all others together; `None` where one side has no sample.
    pub(crate) fn contrast(&self, server: &str) -> Option<Contrast> {
        let of_server = self.tallies.iter().find(|(name, _)| name.is(server));
        let (_, own) = of_server?;
        let mut others = Tally::default();
        for (_, tally) in self.tallies.iter().filter(|(name, _)| !name.is(server)) {
            others.samples = others.samples.saturating_add(tally.samples);
            others.sum_ms = others.sum_ms.saturating_add(tally.sum_ms);
        }
        Some(Contrast {
            mean_ms: own.mean_ms()?,
            requests: own.samples,
            others_ms: others.mean_ms()?,
            others_requests: others.samples,
        })
    }

    /// Begins with another window.
    pub(crate) fn clear(&mut self) {
        // The names stay, so that a window costs no memory; those that are gone leave here.
        self.tallies.retain(|(_, tally)| tally.samples > 0);
        for (_, tally) in &mut self.tallies {
            *tally = Tally::default();
        }
    }

    /// Names that are held.
    pub(crate) fn held(&self) -> usize {
        self.tallies.len()
    }
}
