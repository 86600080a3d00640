//! What a warm-up found out about a server. Making one lives in `warm_up`.

/// Proof that a server was warm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WarmUpEvidence {
    /// Successes in a row; 0 when only a TCP connection was asked for.
    pub passed: u32,
    /// Requests or connections that failed before.
    pub failed: u32,
    /// The first attempt that was answered, milliseconds.
    pub first_ms: u32,
    /// The last one, milliseconds.
    pub last_ms: u32,
    /// All of it, milliseconds.
    pub took_ms: u32,
    /// Nobody tried: `replay` and observe mode assume that it passes.
    pub is_assumed: bool,
}

/// Why a warm-up gave up, by the last thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarmUpFailure {
    /// HAProxy gave no address to send a request to.
    NoAddress,
    /// Nothing listens there.
    Refused {
        /// How often it was tried.
        attempts: u32,
    },
    /// No answer within the time of one request.
    TimedOut {
        /// How often it was tried.
        attempts: u32,
    },
    /// It answered with a status that is not expected.
    Status {
        /// The status that came.
        status: u16,
        /// `expect_status`.
        expected: String,
    },
    /// Something else: a reset, not HTTP, TLS. The text says what.
    Broken(String),
    /// The scaler gave it up: no outcome came in time.
    NoOutcome,
}

/// A warm-up that goes on and does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmUpTrouble {
    /// The last thing that went wrong.
    pub why: WarmUpFailure,
    /// Requests or connections so far.
    pub attempts: u32,
}
