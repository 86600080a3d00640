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
        "FOLDER/hook belongs to user 54321, who could change what is run: read it before it becomes root's; `chown root:root FOLDER/hook`"
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

/// A folder in which `web/machine` is, with the rights of the folder above it.
fn below(mode_of_top: u32, owner: Option<u32>) -> Result<(), String> {
    let place = Place::new();
    fs::create_dir_all(place.path("top/web")).unwrap();
    let command = place.program("top/web/machine", "#!/bin/sh\nexit 0\n");
    mode(&place, "top", mode_of_top);
    if let Some(owner) = owner {
        chown(place.path("top"), Some(owner), None).unwrap();
    }
    let machines = place.machine(Provider::Exec { command });
    let mut outcome = Ok(());
    run_within(LIMIT, async {
        outcome = match machines.call(call(Start)).await {
            Ok(_) => Ok(()),
            Err(Refused(text)) => Err(text),
            Err(other) => panic!("{other:?}"),
        };
    });
    outcome
}

#[test]
fn nobody_else_may_exchange_a_folder_far_above_a_program() {
    assert_eq!(below(0o755, None), Ok(()));
    // As /tmp: what is in it is ours.
    assert_eq!(below(0o1777, None), Ok(()));
    let said = below(0o777, None).unwrap_err();
    assert!(
        said.contains("could change") && said.contains("/top"),
        "{said}"
    );
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let said = below(0o755, Some(SOMEBODY)).unwrap_err();
    assert!(said.contains("belongs to user 54321"), "{said}");
}

/// Whoever may write the folder of a link may let it lead elsewhere, wherever in the path it stands.
#[test]
fn a_link_of_a_folder_through_a_folder_that_everybody_can_write_is_refused() {
    for mode_of_open in [0o777, 0o755] {
        let place = Place::new();
        fs::create_dir(place.path("real")).unwrap();
        fs::create_dir(place.path("open")).unwrap();
        place.program("real/machine", "#!/bin/sh\nexit 0\n");
        symlink("../real", place.path("open/hop")).unwrap();
        symlink("open/hop", place.path("way")).unwrap();
        mode(&place, "open", mode_of_open);
        let command = vec![place.path("way/machine").display().to_string()];
        let machines = place.machine(Provider::Exec { command });
        run_within(LIMIT, async {
            let outcome = machines.call(call(Start)).await;
            let open = place.path("open").display().to_string();
            match outcome {
                Ok(Done) => assert_eq!(mode_of_open, 0o755),
                Err(Refused(text)) => assert!(
                    mode_of_open == 0o777 && text.ends_with(&format!("`chmod go-w {open}`")),
                    "{text}"
                ),
                other => panic!("{other:?}"),
            }
        });
    }
}

#[test]
fn links_that_lead_to_each_other_are_no_program() {
    let said = refused(|it| {
        fs::remove_file(it.path("hook")).unwrap();
        symlink("other", it.path("hook")).unwrap();
        symlink("hook", it.path("other")).unwrap();
    });
    assert!(said.starts_with("FOLDER/hook cannot be run: "), "{said}");
}

#[test]
fn a_sticky_folder_protects_nothing_that_is_somebody_elses() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let said = refused(|it| {
        fs::create_dir(it.path("open")).unwrap();
        fs::rename(it.path("hook"), it.path("real")).unwrap();
        symlink(it.path("real"), it.path("open/link")).unwrap();
        std::os::unix::fs::lchown(it.path("open/link"), Some(SOMEBODY), None).unwrap();
        mode(it, "open", 0o1777);
        symlink(it.path("open/link"), it.path("hook")).unwrap();
    });
    assert!(said.contains("FOLDER/open"), "{said}");
}

/// Fence agents are many names of one program, which goes by the one that it is called.
#[test]
fn a_program_is_called_by_the_name_of_the_link() {
    run_within(LIMIT, async {
        let place = Place::new();
        let folder = place.folder.path().display().to_string();
        place.program(
            "real",
            &format!("#!/bin/sh\nbasename \"$0\" >{folder}/name\n"),
        );
        symlink(place.path("real"), place.path("hook")).unwrap();
        let command = vec![place.path("hook").display().to_string()];
        let machines = place.machine(Provider::Exec { command });
        assert_eq!(machines.call(call(Start)).await, Ok(Done));
        assert_eq!(place.text("name"), "hook\n");
    });
}
