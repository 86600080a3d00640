//! Paths of the configuration: relative ones are relative to its file, whatever folder a command is
//! started in.

use std::path::{Path, PathBuf};

use super::{Channel, Config, EmailConfig};
use crate::runtime_api::Address;
use crate::words::listen::Listen;

/// The folder of that file, from the root.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    // What has no working directory has no relative paths either.
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    file.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Puts the folder before every path of the configuration that does not begin at the root.
pub(super) fn begin_at(folder: &Path, config: &mut Config) {
    let put = |path: &mut PathBuf| *path = folder.join(&*path);
    match &mut config.haproxy.socket {
        Address::Unix(path) => put(path),
        Address::Tcp(_) => {}
    }
    if let Some(path) = config.log.source.path_mut() {
        put(path);
    }
    put(&mut config.control_socket);
    let kept = [&mut config.state_dir, &mut config.events.file];
    kept.into_iter().flatten().for_each(put);
    if let Listen::Unix(path) = &mut config.http.listen {
        put(path);
    }
    if let Some(file) = &mut config.http.token_file {
        put(file);
    }
    for alert in &mut config.alerts {
        match &mut alert.channel {
            Channel::Webhook { ca_file, .. } => ca_file.iter_mut().for_each(put),
            Channel::Email(EmailConfig { login, ca_file, .. }) => {
                let password = login.iter_mut().map(|(_, file)| file);
                password.chain(ca_file).for_each(put);
            }
            Channel::Exec { .. } => {}
        }
    }
    let probes = config.probes.iter_mut().map(|probe| &mut probe.ca_file);
    let others = probes.chain([&mut config.heartbeat.ca_file]);
    others.flatten().for_each(put);
}
