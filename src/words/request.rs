//! One finished request, as HAProxy logged it. How a line becomes one lives in `log`.

/// One finished request as HAProxy logged it, in the words of its httplog format
/// (`configuration.txt` §8.2.3). Timers are milliseconds, `None` where HAProxy wrote `-1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// `%b`: the backend, or the frontend when none was chosen.
    pub backend: &'a str,
    /// `%s`: the server; a name in `<>` is not a server.
    pub server: &'a str,
    /// `%TR`: until the whole request had arrived.
    pub request_ms: Option<u32>,
    /// `%Tw`: in the queues.
    pub queue_ms: Option<u32>,
    /// `%Tc`: until the server had accepted the connection.
    pub connect_ms: Option<u32>,
    /// `%Tr`: until the server's response headers.
    pub response_ms: Option<u32>,
    /// `%Ta`: from the request's first byte to the end of the response; includes `%TR`.
    pub total_ms: Option<u32>,
    /// `%ST`: the status sent to the client; `None` where HAProxy wrote `-1` or `0`.
    pub status: Option<u16>,
    /// What stands right of the cookies; `None` where a captured cookie makes it untrusted.
    pub tail: Option<Tail>,
}

/// The fields right of the cookies. They are read only when both cookies are literally `-`, which
/// no client can forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// `%tsc`: the four termination flags.
    pub termination: [u8; 4],
    /// `%sc`: connections on the server.
    pub server_connections: u32,
    /// `%rc`: retries, without the `+` of a redispatch.
    pub retries: u32,
    /// `%sq`: requests ahead in the server's queue.
    pub server_queue: u32,
    /// `%bq`: requests ahead in the backend's queue.
    pub backend_queue: u32,
}
