//! Who is told what, over real connections: webhooks, mails, commands, probes and the heartbeat.

mod incidents;
mod place;
mod receiver;
mod whole;
