//! The two sections of a backend's reply that tell about servers: `show servers state` and
//! `show stat`. Pure; the process and the small replies are in `reply`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::reply::{ReplyError, odd_answer};
use super::table::{Column, take_line, take_record};
use crate::words::picture::{Balance, CheckRead, Crowded, ServerCounters, ServerRead};

/// `srv_check_state` bits of a server that has `check`, and of one whose checks run
/// (`CHK_ST_CONFIGURED`, `CHK_ST_ENABLED` in HAProxy's source).
const CHECK_CONFIGURED: u32 = 2;
const CHECK_ENABLED: u32 = 4;

/// HAProxy's default `rise` and `fall`, for a server whose checks are paused: its `show stat` row
/// leaves the real ones empty then.
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;

/// Types of rows in `show stat` (`management.txt` §9.1, field `type`).
const TYPE_FRONTEND: &str = "0";
const TYPE_BACKEND: &str = "1";
const TYPE_SERVER: &str = "2";

/// HAProxy's rate wavers below its limit: all but one of so many parts of it count as reached.
const RATE_PARTS: u32 = 10;

/// One row of `show servers state`.
pub(super) struct StateRow<'a> {
    pub(super) name: &'a str,
    address: Option<SocketAddr>,
    is_tls: bool,
    admin: u32,
    operational: u32,
    check_result: u32,
    check_health: u32,
    check_state: u32,
}

/// Takes the section of `show servers state` (`management.txt` §9.3): a version digit, a header,
/// one server a line, an empty line. The rows of the backends that are wanted, by backend.
pub(super) fn take_states<'a>(
    rest: &mut &'a str,
    wanted: &'a [String],
) -> Result<BTreeMap<&'a str, Vec<StateRow<'a>>>, ReplyError> {
    let version = take_line(rest)?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(odd_answer(version));
    }
    let header = take_line(rest)?;
    let Some(header) = header.strip_prefix("# ") else {
        return Err(odd_answer(header));
    };
    let header: Vec<&str> = header.split(' ').collect();
    let find = |name| Column::find(&header, name);
    let backend_name = find("be_name")?;
    let name = find("srv_name")?;
    let [ip, port] = [find("srv_addr")?, find("srv_port")?];
    let tls = find("srv_use_ssl")?;
    let [admin, operational] = [find("srv_admin_state")?, find("srv_op_state")?];
    let [result, health] = [find("srv_check_result")?, find("srv_check_health")?];
    let state = find("srv_check_state")?;
    let wanted = wanted.iter().map(|name| (name.as_str(), Vec::new()));
    let mut rows: BTreeMap<&str, Vec<StateRow<'a>>> = wanted.collect();
    loop {
        let line = take_line(rest)?;
        if line.is_empty() {
            return Ok(rows);
        }
        let row: Vec<&str> = line.split(' ').collect();
        let Some(rows) = rows.get_mut(backend_name.text(&row)?) else {
            continue;
        };
        rows.push(StateRow {
            name: name.text(&row)?,
            address: socket_address(ip.text(&row)?, port.text(&row)?),
            // -1 stands for an explicit `no-ssl` (measured on 2.6.12).
            is_tls: tls.text(&row)? == "1",
            admin: admin.gauge(&row)?,
            operational: operational.gauge(&row)?,
            check_result: result.gauge(&row)?,
            check_health: health.gauge(&row)?,
            check_state: state.gauge(&row)?,
        });
    }
}

/// `None` for `-` (a Unix socket, a name not resolved), for port 0 (none given) and for the
/// unspecified address, which to HAProxy means "where the client wanted to go".
fn socket_address(ip: &str, port: &str) -> Option<SocketAddr> {
    let ip: IpAddr = ip.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    (port != 0 && !ip.is_unspecified()).then_some(SocketAddr::new(ip, port))
}

/// What is needed of `show stat`.
pub(super) struct Stats<'a> {
    pub(super) backends: BTreeMap<&'a str, BackendStats<'a>>,
    /// Frontends whose connections are at their limit.
    pub(super) crowded: Vec<Crowded>,
}

/// The rows of one backend.
#[derive(Default)]
pub(super) struct BackendStats<'a> {
    pub(super) totals: Option<Totals>,
    pub(super) servers: BTreeMap<&'a str, StatRow>,
    /// Servers that another server, of any backend, follows.
    pub(super) tracked: BTreeSet<&'a str>,
}

/// The BACKEND row.
pub(super) struct Totals {
    pub(super) responses: u64,
    pub(super) sessions: u32,
    pub(super) queued: u32,
    pub(super) arrived: u64,
    pub(super) balance: Balance,
    pub(super) has_cookie: bool,
    pub(super) is_down: bool,
    /// `act`: servers that are no backups and can take traffic.
    pub(super) active: u32,
}

/// One server's row.
#[allow(clippy::struct_excessive_bools)] // Columns, each with its own meaning.
pub(super) struct StatRow {
    sessions: u32,
    queued: u32,
    rise_fall: Option<(u32, u32)>,
    weight: u32,
    is_backup: bool,
    throttle: Option<u32>,
    maxconn: Option<u32>,
    is_by_agent: bool,
    has_agent: bool,
    tracks_another: bool,
    counters: ServerCounters,
}

/// The columns of `show stat` that are read.
struct Columns {
    proxy: Column,
    name: Column,
    kind: Column,
    sessions: Column,
    limit: Column,
    total: Column,
    queued: Column,
    rate: Column,
    rate_limit: Column,
    rise: Column,
    fall: Column,
    tracked: Column,
    status: Column,
    weight: Column,
    active: Column,
    backup: Column,
    throttle: Column,
    connect_errors: Column,
    response_errors: Column,
    server_errors: Column,
    /// `hrsp_*`, the 5xx ones included.
    responses: [Column; 6],
    /// Shown to operators and above only.
    balance: Option<Column>,
    cookie: Option<Column>,
    agent: Option<Column>,
}

impl Columns {
    fn find(header: &[&str]) -> Result<Self, ReplyError> {
        let find = |name| Column::find(header, name);
        Ok(Self {
            proxy: find("pxname")?,
            name: find("svname")?,
            kind: find("type")?,
            sessions: find("scur")?,
            limit: find("slim")?,
            total: find("stot")?,
            queued: find("qcur")?,
            rate: find("rate")?,
            rate_limit: find("rate_lim")?,
            rise: find("check_rise")?,
            fall: find("check_fall")?,
            tracked: find("tracked")?,
            status: find("status")?,
            weight: find("weight")?,
            active: find("act")?,
            backup: find("bck")?,
            throttle: find("throttle")?,
            connect_errors: find("econ")?,
            response_errors: find("eresp")?,
            server_errors: find("hrsp_5xx")?,
            responses: [
                find("hrsp_1xx")?,
                find("hrsp_2xx")?,
                find("hrsp_3xx")?,
                find("hrsp_4xx")?,
                find("hrsp_5xx")?,
                find("hrsp_other")?,
            ],
            balance: find("algo").ok(),
            cookie: find("cookie").ok(),
            agent: find("agent_status").ok(),
        })
    }

    fn responses(&self, row: &[&str]) -> Result<u64, ReplyError> {
        let mut sum = 0_u64;
        for class in &self.responses {
            sum = sum.saturating_add(class.number(row)?.unwrap_or(0));
        }
        Ok(sum)
    }

    fn server(&self, row: &[&str]) -> Result<StatRow, ReplyError> {
        let rise_fall = match (self.rise.number(row)?, self.fall.number(row)?) {
            (Some(_), Some(_)) => Some((self.rise.gauge(row)?, self.fall.gauge(row)?)),
            _ => None,
        };
        let count = |column: &Column| Ok(column.number(row)?.unwrap_or(0));
        let errors = count(&self.connect_errors)?.saturating_add(count(&self.response_errors)?);
        let optional = |column: &Column| -> Result<Option<u32>, ReplyError> {
            let is_given = column.number(row)?.is_some();
            Ok(if is_given {
                Some(column.gauge(row)?)
            } else {
                None
            })
        };
        Ok(StatRow {
            sessions: self.sessions.gauge(row)?,
            queued: self.queued.gauge(row)?,
            rise_fall,
            weight: self.weight.gauge(row)?,
            is_backup: self.backup.gauge(row)? > 0,
            throttle: optional(&self.throttle)?,
            maxconn: optional(&self.limit)?.filter(|limit| *limit > 0),
            is_by_agent: self.status.text(row)?.contains("(agent)"),
            tracks_another: !self.tracked.text(row)?.is_empty(),
            has_agent: match &self.agent {
                Some(agent) => !agent.text(row)?.is_empty(),
                None => false,
            },
            counters: ServerCounters {
                taken: count(&self.total)?,
                ended: self.responses(row)?.saturating_add(errors),
                failed: count(&self.server_errors)?.saturating_add(errors),
            },
        })
    }

    fn totals(&self, row: &[&str]) -> Result<Totals, ReplyError> {
        let text = |column: &Option<Column>| match column {
            Some(column) => column.text(row),
            None => Ok(""),
        };
        Ok(Totals {
            responses: self.responses(row)?,
            sessions: self.sessions.gauge(row)?,
            queued: self.queued.gauge(row)?,
            arrived: self.total.number(row)?.unwrap_or(0),
            balance: balance(text(&self.balance)?),
            has_cookie: !text(&self.cookie)?.is_empty(),
            is_down: self.status.text(row)?.starts_with("DOWN"),
            active: self.active.gauge(row)?,
        })
    }

    fn crowded(&self, row: &[&str]) -> Result<Option<Crowded>, ReplyError> {
        let name = self.proxy.text(row)?;
        let (open, limit) = (self.sessions.gauge(row)?, self.limit.gauge(row)?);
        if limit > 0 && open >= limit {
            let name = name.to_owned();
            return Ok(Some(Crowded::Frontend { name, limit }));
        }
        let (rate, limit) = (self.rate.gauge(row)?, self.rate_limit.gauge(row)?);
        let is_crowded =
            limit > 0 && rate.saturating_mul(RATE_PARTS) >= limit.saturating_mul(RATE_PARTS - 1);
        let name = name.to_owned();
        Ok(is_crowded.then_some(Crowded::Rate { name, limit }))
    }
}

/// HAProxy's names of its algorithms (`backend_lb_algo_str` in its source).
fn balance(algorithm: &str) -> Balance {
    match algorithm {
        "roundrobin" | "static-rr" => Balance::InTurn,
        "leastconn" | "random" => Balance::ByLoad,
        "first" => Balance::First,
        "source" | "uri" | "url_param" | "hdr" | "rdp-cookie" | "hash" => Balance::ByHash,
        _ => Balance::Unknown,
    }
}

/// Takes the section of `show stat` (`management.txt` §9.1): `# pxname,…`, then one row a line. What is
/// wanted of it: the rows of those backends, and frontends that are full.
pub(super) fn take_stats<'a>(
    rest: &mut &'a str,
    wanted: &'a [String],
) -> Result<Stats<'a>, ReplyError> {
    let Some(after) = rest.strip_prefix("# ") else {
        return Err(odd_answer(take_line(rest)?));
    };
    *rest = after;
    let mut fields = Vec::new();
    take_record(rest, &mut fields)?;
    let columns = Columns::find(&fields)?;
    let wanted = wanted.iter();
    let mut stats = Stats {
        backends: wanted
            .map(|name| (name.as_str(), BackendStats::default()))
            .collect(),
        crowded: Vec::new(),
    };
    while take_record(rest, &mut fields)? {
        let kind = columns.kind.text(&fields)?;
        if kind == TYPE_FRONTEND {
            stats.crowded.extend(columns.crowded(&fields)?);
            continue;
        }
        if kind == TYPE_SERVER {
            // Shown as `web/web1` in the row of the server that follows it (measured on 2.6.12).
            if let Some((of, followed)) = columns.tracked.text(&fields)?.split_once('/')
                && let Some(backend) = stats.backends.get_mut(of)
            {
                backend.tracked.insert(followed);
            }
        }
        let Some(backend) = stats.backends.get_mut(columns.proxy.text(&fields)?) else {
            continue;
        };
        if kind == TYPE_SERVER {
            let row = columns.server(&fields)?;
            backend.servers.insert(columns.name.text(&fields)?, row);
        } else if kind == TYPE_BACKEND {
            backend.totals = Some(columns.totals(&fields)?);
        }
    }
    Ok(stats)
}

/// One server from both of its rows.
pub(super) fn server(state: &StateRow<'_>, stat: &StatRow, is_tracked: bool) -> ServerRead {
    let is_enabled = state.check_state & CHECK_ENABLED != 0;
    let check = (state.check_state & CHECK_CONFIGURED != 0).then(|| match stat.rise_fall {
        Some((rise, fall)) => CheckRead {
            result: state.check_result,
            health: state.check_health,
            rise: bounded(rise),
            fall: bounded(fall),
            is_enabled,
        },
        // Checks do not run (maint, `disable health`), so an old result proves nothing now.
        None => CheckRead {
            result: 0,
            health: state.check_health,
            rise: DEFAULT_RISE,
            fall: DEFAULT_FALL,
            is_enabled,
        },
    });
    ServerRead {
        name: state.name.to_owned(),
        address: state.address,
        is_tls: state.is_tls,
        admin: state.admin,
        operational: state.operational,
        check,
        sessions: stat.sessions,
        queued: stat.queued,
        is_tracked,
        tracks_another: stat.tracks_another,
        weight: stat.weight,
        is_backup: stat.is_backup,
        is_passed_over: false,
        throttle: stat.throttle,
        maxconn: stat.maxconn,
        is_by_agent: stat.is_by_agent,
        has_agent: stat.has_agent,
        counters: Some(stat.counters),
    }
}

/// Marks the servers that get nothing whatever their own rows say. Beside an active server no
/// backup gets anything; without one only the first does (`option allbackups` cannot be seen here,
/// and one counted too few is the safe side); a backend that is DOWN has none that does.
pub(super) fn pass_over(servers: &mut [ServerRead], totals: &Totals) {
    let mut has_backup = false;
    for server in servers {
        let is_behind = server.is_backup && (totals.active > 0 || has_backup);
        server.is_passed_over = totals.is_down || is_behind;
        has_backup |= server.is_backup && server.is_in_balance();
    }
}

/// Keeps `rise + fall` far from the end of `u32`.
fn bounded(count: u32) -> u32 {
    count.min(u32::MAX / 4)
}
