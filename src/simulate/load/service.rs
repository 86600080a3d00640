//! How long a worker works on a request: one of a few distributions, or what a log has shown.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use crate::sim::dice::Dice;
use crate::words::duration;

/// The largest coefficient of variation of a log-normal service time.
const CV_MAX: f64 = 20.0;

/// `--service`.
#[derive(Clone, Debug, PartialEq)]
pub enum Service {
    /// Exponential, of this mean.
    Exponential(Duration),
    /// Always the same.
    Constant(Duration),
    /// Log-normal: mean, and coefficient of variation (standard deviation by mean).
    LogNormal(Duration, f64),
    /// As the log has it: the lower envelope of Tr.
    Log,
}

/// Why a text is no service time.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "write exp:60ms, const:60ms, lognormal:60ms,1.2 (mean and coefficient of variation) or log"
)]
pub struct NotService;

impl Service {
    /// Reads `exp:60ms`, `const:60ms`, `lognormal:60ms,1.2`, `log`.
    ///
    /// # Errors
    /// [`NotService`].
    pub fn parse(text: &str) -> Result<Self, NotService> {
        if text == "log" {
            return Ok(Self::Log);
        }
        let (kind, rest) = text.split_once(':').ok_or(NotService)?;
        let span = |text: &str| {
            let span = duration::parse(text).map_err(|_| NotService)?;
            let is_possible = !span.is_zero() && span <= Duration::from_secs(3600);
            if is_possible {
                Ok(span)
            } else {
                Err(NotService)
            }
        };
        match kind {
            "exp" => Ok(Self::Exponential(span(rest)?)),
            "const" => Ok(Self::Constant(span(rest)?)),
            "lognormal" => {
                let (mean, cv) = rest.split_once(',').ok_or(NotService)?;
                let cv: f64 = cv.trim().parse().map_err(|_| NotService)?;
                if !(0.0..=CV_MAX).contains(&cv) {
                    return Err(NotService);
                }
                Ok(Self::LogNormal(span(mean)?, cv))
            }
            _ => Err(NotService),
        }
    }

    /// As it is written.
    pub fn text(&self) -> String {
        let span = |it: &Duration| humantime::format_duration(*it).to_string().replace(' ', "");
        match self {
            Self::Exponential(mean) => format!("exp:{}", span(mean)),
            Self::Constant(mean) => format!("const:{}", span(mean)),
            Self::LogNormal(mean, cv) => format!("lognormal:{},{cv}", span(mean)),
            Self::Log => "log".to_owned(),
        }
    }
}

/// Service times, each drawn in the order of arrival: the same in every run of the same seed.
#[derive(Clone, Debug)]
pub enum Sampler {
    Exponential {
        mean_ns: f64,
    },
    Constant {
        ns: u64,
    },
    /// Of the logarithm: mean and standard deviation.
    LogNormal {
        mu: f64,
        sigma: f64,
        mean_ns: f64,
    },
    /// One of these at random, in ascending order.
    Seen(Arc<[u64]>),
}

impl Sampler {
    /// Draws of that distribution; `seen` is what the log has shown, in nanoseconds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn of(service: &Service, seen: &Arc<[u64]>) -> Self {
        let ns = |mean: &Duration| mean.as_secs_f64() * 1e9;
        match service {
            Service::Exponential(mean) => Self::Exponential { mean_ns: ns(mean) },
            Service::Constant(mean) => Self::Constant {
                ns: ns(mean) as u64,
            },
            Service::LogNormal(mean, cv) => {
                let variance = (1.0 + cv * cv).ln();
                Self::LogNormal {
                    mu: ns(mean).ln() - variance / 2.0,
                    sigma: variance.sqrt(),
                    mean_ns: ns(mean),
                }
            }
            Service::Log => Self::Seen(Arc::clone(seen)),
        }
    }

    /// The next one, nanoseconds; at least 1, so that time moves on.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn draw(&self, dice: &mut Dice) -> u64 {
        match self {
            Self::Exponential { mean_ns } => (exponential(dice) * mean_ns) as u64 + 1,
            Self::Constant { ns } => (*ns).max(1),
            Self::LogNormal { mu, sigma, .. } => (mu + sigma * normal(dice)).exp() as u64 + 1,
            Self::Seen(seen) => {
                let index = (dice.unit() * seen.len() as f64) as usize;
                seen.get(index).copied().unwrap_or(1).max(1)
            }
        }
    }

    /// Mean, nanoseconds.
    pub fn mean_ns(&self) -> f64 {
        match self {
            Self::Exponential { mean_ns } | Self::LogNormal { mean_ns, .. } => *mean_ns,
            Self::Constant { ns } => *ns as f64,
            Self::Seen(seen) => {
                seen.iter().map(|ns| *ns as f64).sum::<f64>() / (seen.len().max(1)) as f64
            }
        }
    }

    /// Squared coefficient of variation: variance by the square of the mean.
    pub fn squared_cv(&self) -> f64 {
        match self {
            Self::Exponential { .. } => 1.0,
            Self::Constant { .. } => 0.0,
            Self::LogNormal { sigma, .. } => (sigma * sigma).exp() - 1.0,
            Self::Seen(seen) => {
                let mean = self.mean_ns().max(1.0);
                let squares = seen.iter().map(|ns| (*ns as f64 / mean - 1.0).powi(2));
                squares.sum::<f64>() / (seen.len().max(1)) as f64
            }
        }
    }
}

/// Exponential of mean 1.
pub(super) fn exponential(dice: &mut Dice) -> f64 {
    -(1.0 - dice.unit()).ln()
}

/// Normal of mean 0 and standard deviation 1 (Box and Muller 1958).
fn normal(dice: &mut Dice) -> f64 {
    let radius = (2.0 * exponential(dice)).sqrt();
    radius * (TAU * dice.unit()).cos()
}
