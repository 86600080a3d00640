//! Who is told what, over real connections: webhooks, mails, commands, probes and the heartbeat.

mod channels;
mod incidents;
mod place;
mod real;
mod receiver;
mod texts;
mod watched;
mod whole;
