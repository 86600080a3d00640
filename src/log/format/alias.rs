//! HAProxy's log items: what each one means to us, and what it can look like.
//!
//! From `configuration.txt` §8.2.6 of 2.4 to 3.2, and from lines of 2.6, 3.0 and 3.2. Which items a
//! format needs, and in which order, is decided elsewhere.

use super::sample;

/// What an item tells us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Backend,
    Server,
    Frontend,
    /// `%TR`: from the request's first byte until all of it had arrived.
    RequestTime,
    /// `%Tq`: the same from the accepted connection on (all there was before 1.7).
    AcceptRequestTime,
    QueueTime,
    ConnectTime,
    ResponseTime,
    /// `%Ta`: from the request's first byte to the end.
    TotalTime,
    /// `%Tt`: from the accepted connection to the end.
    AcceptTotalTime,
    Status,
    Bytes,
    /// `%tr`, `%trg`, `%trl`: of the request's first byte.
    RequestDate,
    /// `%t`, `%T`, `%Tl`: of the accepted connection.
    AcceptDate,
    /// `%Ts`: the same, seconds since 1970.
    AcceptSeconds,
    /// `%ms`: its milliseconds.
    AcceptMillis,
    /// `%Th`: of the connection's handshakes.
    Handshake,
    /// `%Ti`: from then to the request's first byte.
    Idle,
    Termination,
    ServerConnections,
    Retries,
    ServerQueue,
    BackendQueue,
    /// Passed over.
    Other,
}

/// What an item can look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A name of HAProxy's configuration, or one in `<>`.
    Name,
    /// The same with `~` behind it where the frontend speaks TLS.
    FrontendName,
    /// The same, or `<NOSRV>` as a container's runtime escapes it.
    ServerName,
    /// A signed number, `+` in front with `option logasap`.
    Timer,
    /// A number, `+` in front of the retries of a redispatch and the bytes of `option logasap`.
    Count,
    Status,
    /// A number that `+X` writes in hexadecimal digits.
    Number,
    /// The same, or `-`.
    Port,
    /// An address, `unix`, or `-`; `+X` writes it in hexadecimal digits.
    Address,
    /// `21/Nov/2026:23:36:31.172`.
    DateMs,
    /// `21/Nov/2026:23:36:31 +0000`.
    DateZone,
    /// Three digits.
    Millis,
    /// As many letters or `-`.
    Flags(usize),
    /// What only a sample can look like.
    Sampled(Sampled),
    /// A client, or a server's answer, chooses what stands there.
    Chosen(Chosen),
}

/// What a sample can look like besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampled {
    /// A word that nobody outside chooses, or `-`.
    Word,
    /// A whole number, with `-` in front or alone; `true` and `false` in JSON.
    Integer,
    /// Hexadecimal digits, or `-`.
    Hex,
    /// Base64, for URLs or not, or `-`.
    Base64,
    /// What a URL's parameter may hold: letters, digits, `%`, or `-`.
    UrlEncoded,
    /// A date as the operator writes it, or `-`.
    Stamp,
}

/// How HAProxy writes what somebody outside chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// With `#22` for a double quote.
    Encoded,
    /// With a backslash before quotes and backslashes.
    Escaped,
    /// As it came, but with `+E`.
    Plain,
}

/// One `%NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) shape: Shape,
}

const fn alias(name: &'static str, role: Role, shape: Shape) -> Alias {
    Alias { name, role, shape }
}

const fn other(name: &'static str, shape: Shape) -> Alias {
    alias(name, Role::Other, shape)
}

const fn chosen(name: &'static str, how: Chosen) -> Alias {
    other(name, Shape::Chosen(how))
}

/// Every item but `%o`.
const ALIASES: &[Alias] = &[
    alias("b", Role::Backend, Shape::Name),
    alias("s", Role::Server, Shape::ServerName),
    alias("f", Role::Frontend, Shape::Name),
    alias("ft", Role::Frontend, Shape::FrontendName),
    alias("TR", Role::RequestTime, Shape::Timer),
    alias("Tq", Role::AcceptRequestTime, Shape::Timer),
    alias("Tw", Role::QueueTime, Shape::Timer),
    alias("Tc", Role::ConnectTime, Shape::Timer),
    alias("Tr", Role::ResponseTime, Shape::Timer),
    alias("Ta", Role::TotalTime, Shape::Timer),
    alias("Tt", Role::AcceptTotalTime, Shape::Timer),
    alias("ST", Role::Status, Shape::Status),
    alias("B", Role::Bytes, Shape::Count),
    alias("tr", Role::RequestDate, Shape::DateMs),
    alias("trg", Role::RequestDate, Shape::DateZone),
    alias("trl", Role::RequestDate, Shape::DateZone),
    alias("t", Role::AcceptDate, Shape::DateMs),
    alias("T", Role::AcceptDate, Shape::DateZone),
    alias("Tl", Role::AcceptDate, Shape::DateZone),
    alias("Ts", Role::AcceptSeconds, Shape::Number),
    alias("ms", Role::AcceptMillis, Shape::Millis),
    alias("tsc", Role::Termination, Shape::Flags(4)),
    alias("ts", Role::Termination, Shape::Flags(2)),
    alias("sc", Role::ServerConnections, Shape::Count),
    alias("rc", Role::Retries, Shape::Count),
    alias("sq", Role::ServerQueue, Shape::Count),
    alias("bq", Role::BackendQueue, Shape::Count),
    other("ac", Shape::Count),
    other("fc", Shape::Count),
    other("bc", Shape::Count),
    other("U", Shape::Count),
    other("lc", Shape::Number),
    other("rt", Shape::Number),
    other("pid", Shape::Number),
    alias("Th", Role::Handshake, Shape::Timer),
    alias("Ti", Role::Idle, Shape::Timer),
    other("Td", Shape::Timer),
    other("Tu", Shape::Timer),
    other("ci", Shape::Address),
    other("fi", Shape::Address),
    other("bi", Shape::Address),
    other("si", Shape::Address),
    other("cp", Shape::Port),
    other("fp", Shape::Port),
    other("bp", Shape::Port),
    other("sp", Shape::Port),
    other("H", Shape::Sampled(Sampled::Word)),
    other("sslv", Shape::Sampled(Sampled::Word)),
    other("sslc", Shape::Sampled(Sampled::Word)),
    chosen("r", Chosen::Encoded),
    chosen("HM", Chosen::Encoded),
    chosen("HP", Chosen::Encoded),
    chosen("HPO", Chosen::Encoded),
    chosen("HQ", Chosen::Encoded),
    chosen("HU", Chosen::Encoded),
    chosen("HV", Chosen::Encoded),
    chosen("CC", Chosen::Plain),
    chosen("CS", Chosen::Plain),
    chosen("hr", Chosen::Encoded),
    chosen("hs", Chosen::Encoded),
    chosen("hrl", Chosen::Encoded),
    chosen("hsl", Chosen::Encoded),
    // Anything that `unique-id-format` says.
    chosen("ID", Chosen::Plain),
];

/// The item called so.
pub(super) fn find(name: &str) -> Option<Alias> {
    ALIASES.iter().find(|alias| alias.name == name).copied()
}

/// The item that stands for a sample expression.
pub(super) fn sample(expression: &str) -> Alias {
    other("[…]", sample::shape(expression))
}
