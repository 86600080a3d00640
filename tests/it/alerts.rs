//! Who is told what, over real connections: webhooks, mails, commands, probes and the heartbeat.

mod channels;
mod client;
mod incidents;
mod mail;
mod place;
mod real;
mod receiver;
mod repeats;
mod texts;
mod watched;
mod whole;
