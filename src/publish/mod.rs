//! Records shown: what the daemon and `replay` tell people of what the scaler decided and found, as
//! text. JSON, the daemon's log and `status` will live here, too. Nothing here decides, and nothing
//! here can slow what does.

mod text;
