//! One server of an HAProxy that obeys: what `set server … state` and its health checks make of the
//! numbers that HAProxy shows, with the habits of version 2.6. When a check is due, and what it
//! finds, is the owner's business.

use crate::words::picture::{AdminState, CheckRead, ServerRead};

/// `srv_admin_state`: in maintenance, and draining, because somebody said so.
const FMAINT: u32 = 0x01;
const FDRAIN: u32 = 0x08;
/// `disabled` in haproxy.cfg; a birthmark that no command takes away.
const CMAINT: u32 = 0x04;
/// `srv_op_state`.
const STOPPED: u32 = 0;
const RUNNING: u32 = 2;
/// `srv_check_result` of a failed and of a passed check.
const FAILED: u32 = 2;
pub(super) const PASSED: u32 = 3;
/// Checks in a row to be UP, and to be DOWN, where haproxy.cfg says nothing.
pub const RISE: u32 = 2;
/// See [`RISE`].
pub const FALL: u32 = 3;

/// A server without `check` as HAProxy starts it; a spare (`disabled`) in maint, any other takes
/// traffic.
pub fn configured(name: &str, is_disabled: bool) -> ServerRead {
    ServerRead {
        name: name.to_owned(),
        admin: if is_disabled { CMAINT | FMAINT } else { 0 },
        operational: if is_disabled { STOPPED } else { RUNNING },
        ..ServerRead::default()
    }
}

/// The same server with `check`; no check has ended yet.
#[must_use]
pub fn with_check(server: ServerRead) -> ServerRead {
    let check = CheckRead {
        result: 0,
        health: if server.is_maint() { 0 } else { RISE },
        rise: RISE,
        fall: FALL,
        is_enabled: true,
    };
    ServerRead {
        check: Some(check),
        ..server
    }
}

/// `set server … state`; whether that changed anything.
///
/// A server that leaves maintenance is UP at once, before any check: its health begins at `rise`.
/// That is what this product exists for.
pub fn set_state(server: &mut ServerRead, state: AdminState) -> bool {
    if server.forced_state() == state {
        return false;
    }
    let was_maint = server.is_maint();
    let forced = match state {
        AdminState::Ready => 0,
        AdminState::Drain => FDRAIN,
        AdminState::Maint => FMAINT,
    };
    server.admin = server.admin & !(FMAINT | FDRAIN) | forced;
    let health = match (was_maint, server.is_maint()) {
        (_, true) => 0,
        (true, false) => server.check.map_or(0, |check| check.rise),
        (false, false) => return true,
    };
    server.operational = if server.is_maint() { STOPPED } else { RUNNING };
    if let Some(check) = &mut server.check {
        check.health = health;
    }
    true
}

/// A health check ended; whether the server went UP or DOWN with it. In maintenance checks rest.
pub fn check_ended(server: &mut ServerRead, is_passed: bool) -> bool {
    if server.is_maint() {
        return false;
    }
    let Some(check) = &mut server.check else {
        return false;
    };
    check.result = if is_passed { PASSED } else { FAILED };
    check.health = match (is_passed, check.health) {
        (true, health) if health + 1 >= check.rise => full(check),
        (true, health) => health + 1,
        (false, health) if health > check.rise => health - 1,
        (false, _) => 0,
    };
    let was = server.operational;
    server.operational = if check.health < check.rise {
        STOPPED
    } else {
        RUNNING
    };
    server.operational != was
}

/// Its checks have passed for as long as matters, and it runs unless it is in maintenance.
pub fn pass_checks(server: &mut ServerRead) {
    if let Some(check) = &mut server.check {
        check.result = PASSED;
        check.health = full(check);
    }
    if !server.is_maint() {
        server.operational = RUNNING;
    }
}

const fn full(check: &CheckRead) -> u32 {
    (check.rise + check.fall).saturating_sub(1)
}
