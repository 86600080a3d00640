//! What `simulate` and `tune` are told of servers: how long they take to come and to go, and what they
//! cost, for all tiers or for one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::{CONFIG_VARIABLE, complain};
use crate::config::{Config, MAX_TIER};
use crate::control;
use crate::scaler::memory::Memory;
use crate::simulate::supply::{ByTier, Terms};
use crate::state::{self, name};
use crate::words::time::Span;

/// Where nobody says it and nothing was measured.
pub(super) const BOOT_DEFAULT: Duration = Duration::from_secs(5);
/// Longer than this no server takes to come or to go.
const DELAY_MAX: Duration = Duration::from_secs(24 * 3600);
/// Of an hour of a server: more is a mistake, in every currency.
const PRICE_MAX: f64 = 1e9;

#[derive(Debug, Args)]
pub(super) struct SupplyArgs {
    /// From the wish for a spare until it answers, always the same; with a tier before it for spares
    /// of that tier: --boot 20s --boot 2=3m [default: 5s]
    #[arg(long, value_name = "[TIER=]DURATION", value_parser = delay)]
    boot: Vec<ForTier<Duration>>,
    /// For so long a server that has gone is paid for, and cannot be started again; also by tiers
    /// [default: 0s]
    #[arg(long, value_name = "[TIER=]DURATION", value_parser = delay)]
    stop_delay: Vec<ForTier<Duration>>,
    /// What an hour of a server costs, in whatever money, always-up ones included (tier 1); also by
    /// tiers: --price 0.02 --price 2=0.05
    #[arg(long, value_name = "[TIER=]PRICE", value_parser = price)]
    price: Vec<ForTier<f64>>,
}

/// A value, and the tier that it is said of; of no tier, it is said of all that have none of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForTier<T> {
    tier: Option<u32>,
    value: T,
}

impl SupplyArgs {
    /// Nothing is said of how long servers take in general: what was measured tells.
    pub(super) fn leaves_boots_open(&self) -> bool {
        self.boot.iter().all(|it| it.tier.is_some())
    }

    /// What was said; `spares` are those of each tier. Otherwise what is wrong with it.
    pub(super) fn terms(self, spares: Vec<(u32, u32)>) -> Result<Terms, String> {
        let mut counts = BTreeMap::new();
        for (tier, count) in spares {
            if counts.insert(tier, count).is_some() {
                return Err(twice("--tier", Some(tier)));
            }
        }
        Ok(Terms {
            spares: counts,
            boot: by_tier("--boot", self.boot)?,
            measured: BTreeMap::new(),
            stop_delay: by_tier("--stop-delay", self.stop_delay)?,
            price: by_tier("--price", self.price)?,
        })
    }
}

/// How long servers took to boot, as a daemon has measured it.
#[derive(Default)]
pub(super) struct Measured {
    /// By backend and server.
    pub(super) boots: BTreeMap<String, BTreeMap<String, Duration>>,
    /// The file in which the daemon keeps them, if it was looked at.
    file: Option<PathBuf>,
}

/// What the daemon of that configuration has measured. Where it cannot be read, that is said: nobody waits
/// for it.
pub(super) fn measured(config: &Config) -> Measured {
    let mut backends = config.backends.values();
    if backends.all(|it| it.scaler.machines.is_empty()) {
        return Measured::default();
    }
    let Some(dir) = &config.state_dir else {
        return Measured::default();
    };
    let name = name::file_name(&config.haproxy.socket, name::STATE);
    match state::peek(dir, &name) {
        Ok(memory) => Measured {
            boots: memory.map(boots_of).unwrap_or_default(),
            file: Some(dir.join(name)),
        },
        Err(why) => {
            complain(&format!(
                "boot times that the daemon has measured are not known: {why}; say them with --boot"
            ));
            Measured::default()
        }
    }
}

/// Says which configuration is taken, and from where boot times come.
pub(super) fn tell_sources(config: Option<&Path>, measured: &Measured) {
    let Some(path) = config else {
        return complain(
            &"no configuration is named, so the built-in defaults hold; name one with -c",
        );
    };
    // Whoever has forgotten the variable sees where the file comes from.
    let is_of_environment = std::env::var_os(CONFIG_VARIABLE).is_some_and(|it| it == path);
    let whence = if is_of_environment {
        format!(" ({CONFIG_VARIABLE})")
    } else {
        String::new()
    };
    complain(&format!("the configuration is {}{whence}", path.display()));
    let Some(file) = &measured.file else {
        return;
    };
    let file = file.display();
    complain(&if measured.boots.values().all(BTreeMap::is_empty) {
        format!(
            "no boot time of a machine has been measured so far ({file}); say them with --boot, or they are {}",
            Span(BOOT_DEFAULT)
        )
    } else {
        format!("measured boot times are those of {file}")
    });
}

/// Those that a daemon remembers.
fn boots_of(memory: Memory) -> BTreeMap<String, BTreeMap<String, Duration>> {
    let backends = memory.backends.into_iter().map(|(name, backend)| {
        let servers = backend.servers.into_iter();
        let boots = servers.filter_map(|(server, it)| Some((server, it.machine?.boot?)));
        (name, boots.collect())
    });
    backends.collect()
}

fn by_tier<T>(option: &str, said: Vec<ForTier<T>>) -> Result<ByTier<T>, String> {
    let mut by_tier = ByTier::default();
    for ForTier { tier, value } in said {
        let before = match tier {
            Some(tier) => by_tier.of.insert(tier, value),
            None => by_tier.all.replace(value),
        };
        if before.is_some() {
            return Err(twice(option, tier));
        }
    }
    Ok(by_tier)
}

fn twice(option: &str, tier: Option<u32>) -> String {
    let of = tier.map_or("all tiers".to_owned(), |it| format!("tier {it}"));
    format!("{option} is given twice for {of}; remove one of them")
}

fn for_tier<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<ForTier<T>, String> {
    let (tier, value) = match text.split_once('=') {
        Some((tier, value)) => (Some(tier_of(tier)?), value),
        None => (None, text),
    };
    Ok(ForTier {
        tier,
        value: read(value)?,
    })
}

fn tier_of(text: &str) -> Result<u32, String> {
    let tier = u32::from_str(text.trim()).ok();
    let tier = tier.filter(|it| (1..=MAX_TIER).contains(it));
    tier.ok_or_else(|| format!("before the = stands a tier, 1 to {MAX_TIER}, such as 2=…"))
}

fn delay(text: &str) -> Result<ForTier<Duration>, String> {
    for_tier(text, |text| {
        let delay = control::duration(text)?;
        if delay <= DELAY_MAX {
            Ok(delay)
        } else {
            Err("at most 24h".to_owned())
        }
    })
}

fn price(text: &str) -> Result<ForTier<f64>, String> {
    for_tier(text, |text| {
        let price = f64::from_str(text.trim()).ok();
        let price = price.ok_or("write what an hour of a server costs, such as 0.02 or 2=0.05")?;
        if price > 0.0 && price <= PRICE_MAX {
            Ok(price)
        } else if price == 0.0 {
            Err("servers without a price cost nothing: leave their tier out, as --price 2=0.05 does".to_owned())
        } else {
            Err(format!("above 0 and at most {PRICE_MAX}"))
        }
    })
}

/// How many spares are of a tier.
pub(super) fn spares_of_tier(text: &str) -> Result<(u32, u32), String> {
    let form = || format!("write TIER=COUNT, such as 2=3 (tiers 2 to {MAX_TIER})");
    let (tier, count) = text.split_once('=').ok_or_else(form)?;
    let tier = tier_of(tier)?;
    let count = u32::from_str(count.trim()).map_err(|_| form())?;
    if tier == 1 {
        return Err("spares that no --tier speaks of are of tier 1".to_owned());
    }
    if count == 0 || count > crate::simulate::SERVERS_MAX {
        return Err(form());
    }
    Ok((tier, count))
}

/// A share of 0 to 1, out of a percentage.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let form = || "write a percentage from 0% to below 100%, such as 1%".to_owned();
    let number = text.trim().strip_suffix('%').ok_or_else(form)?;
    let number = f64::from_str(number.trim()).map_err(|_| form())?;
    if (0.0..100.0).contains(&number) {
        Ok(number / 100.0)
    } else {
        Err(form())
    }
}
