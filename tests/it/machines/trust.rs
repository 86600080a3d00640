//! Programs that are not run: those that are not there, and those that others could change.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use haproxy_autoscale::machines::settings::Provider;
use haproxy_autoscale::words::machine::MachineAnswer::Done;
use haproxy_autoscale::words::machine::MachineFailure::Refused;
use haproxy_autoscale::words::machine::MachineVerb::Start;

use super::{LIMIT, Place, call};
use crate::support::run_within;

const SOMEBODY: u32 = 54321;

/// What is said of the program after `change`, and whether it ran.
fn refused(change: impl FnOnce(&Place)) -> String {
    let place = Place::new();
    let machines = place.hook("touch \"$D/ran\"");
    change(&place);
    let mut said = String::new();
    run_within(LIMIT, async {
        let outcome = machines.call(call(Start)).await;
        let Err(Refused(text)) = outcome else {
            panic!("{outcome:?}");
        };
        said = text;
    });
    assert!(!place.path("ran").exists());
    said.replace(&place.folder.path().display().to_string(), "FOLDER")
}

fn mode(place: &Place, name: &str, mode: u32) {
    fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_program_that_is_not_there_or_no_program_is_refused() {
    let said = refused(|it| fs::remove_file(it.path("hook")).unwrap());
    assert_eq!(said, "FOLDER/hook cannot be run: no such file or directory");
    let said = refused(|it| {
        fs::remove_file(it.path("hook")).unwrap();
        fs::create_dir(it.path("hook")).unwrap();
    });
    assert_eq!(said, "FOLDER/hook cannot be run: it is no file");
    let said = refused(|it| mode(it, "hook", 0o644));
    assert_eq!(
        said,
        "FOLDER/hook is no program that we may run; `chmod 0755 FOLDER/hook`"
    );
    let said = refused(|it| fs::write(it.path("hook"), "touch ran\n").unwrap());
    assert!(said.contains("#!/bin/sh"), "{said}");
    let said = refused(|it| fs::write(it.path("hook"), "#!/no/such/shell\n").unwrap());
    assert!(said.starts_with("cannot run FOLDER/hook"), "{said}");
}

#[test]
fn a_program_that_others_could_change_is_refused() {
    let said = refused(|it| mode(it, "hook", 0o757));
    assert_eq!(
        said,
        "others than its owner could change FOLDER/hook (mode 0757); `chmod go-w FOLDER/hook`"
    );
    let said = refused(|it| mode(it, "", 0o777));
    assert!(
        said.contains("`chmod go-w FOLDER/`") || said.contains("`chmod go-w FOLDER`"),
        "{said}"
    );
    // Neither end of a link.
    let said = refused(|it| {
        fs::create_dir(it.path("open")).unwrap();
        fs::rename(it.path("hook"), it.path("open/real")).unwrap();
        symlink(it.path("open/real"), it.path("hook")).unwrap();
        mode(it, "open", 0o777);
    });
    assert!(said.contains("`chmod go-w FOLDER/open`"), "{said}");
}

#[test]
fn a_program_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let said = refused(|it| chown(it.path("hook"), Some(SOMEBODY), None).unwrap());
    assert_eq!(
        said,
        "FOLDER/hook belongs to user 54321, who could change what is run; `chown root:root FOLDER/hook`"
    );
    let said = refused(|it| chown(it.path(""), Some(SOMEBODY), None).unwrap());
    assert!(said.contains("belongs to user 54321"), "{said}");
    let said = refused(|it| {
        chown(it.path("hook"), None, Some(SOMEBODY)).unwrap();
        mode(it, "hook", 0o775);
    });
    assert!(
        said.contains("others than its owner could change"),
        "{said}"
    );
}

#[test]
fn a_link_in_a_folder_of_ours_to_a_program_of_the_system_is_run() {
    run_within(LIMIT, async {
        let place = Place::new();
        symlink("/bin/true", place.path("hook")).unwrap();
        let command = vec![place.path("hook").display().to_string()];
        let machines = place.machine(Provider::Exec { command });
        assert_eq!(machines.call(call(Start)).await, Ok(Done));
    });
}
