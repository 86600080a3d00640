//! The command `status`: asks a running daemon, and shows its answer as text or as JSON. What is in the
//! answer lives in `wire`, how people see it in `text`.

use std::path::Path;

use super::text;
use super::wire::Status;
use crate::control;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody answers on the control socket.
    #[error(
        "no daemon answers on {path}: {error}; start one with `haproxy-autoscale run`, or check \
         that the configuration names the same [control] socket"
    )]
    NotRunning { path: String, error: std::io::Error },
    /// Only its owner and group may ask.
    #[error(
        "you may not talk to the daemon on {path}: use sudo, or join group haproxy-autoscale \
         (`usermod -aG haproxy-autoscale NAME`, then log in again)"
    )]
    Forbidden { path: String },
    /// Something answered that is not our daemon.
    #[error("what answers on {path} is not this program's daemon: {error}")]
    NotOurs {
        path: String,
        /// What is wrong with the answer.
        error: serde_json::Error,
    },
}

impl StatusError {
    /// What that failure to ask on `path` means.
    pub fn unanswered(path: &Path, error: std::io::Error) -> Self {
        let path = path.display().to_string();
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            Self::Forbidden { path }
        } else {
            Self::NotRunning { path, error }
        }
    }
}

/// What `status` has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// JSON with the contract's names, or text for people.
    pub text: String,
    /// Nothing keeps it from working.
    pub is_well: bool,
}

/// What the running daemon sees, does and will do next.
///
/// # Errors
/// No daemon runs there, or the caller may not ask it.
pub fn look(control_socket: &Path) -> Result<Status, StatusError> {
    let answer = control::ask_status(control_socket)
        .map_err(|error| StatusError::unanswered(control_socket, error))?;
    serde_json::from_str(&answer).map_err(|error| not_ours(control_socket, error))
}

/// The same as text for people, or as JSON with the contract's names.
///
/// # Errors
/// No daemon runs there, or the caller may not ask it.
pub fn status(control_socket: &Path, as_json: bool) -> Result<Shown, StatusError> {
    let status = look(control_socket)?;
    let is_well = status.count_problems() == 0;
    let text = if as_json {
        let json = serde_json::to_string(&status.promised());
        json.map_err(|error| not_ours(control_socket, error))? + "\n"
    } else {
        text::text(&status)
    };
    Ok(Shown { text, is_well })
}

fn not_ours(control_socket: &Path, error: serde_json::Error) -> StatusError {
    let path = control_socket.display().to_string();
    StatusError::NotOurs { path, error }
}
