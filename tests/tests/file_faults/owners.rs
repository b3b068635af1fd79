//! Tests changes to an account's files, by root and by the account itself.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyway_tests::services::{OrSkip as _, Skip};

use crate::act::{DONE, Operation, program_for_all};

const ACCOUNT: u32 = 54_321;
/// A group that the account is not in.
const OTHER_GROUP: u32 = 777;

/// The folder of an account. A test chooses the group of the folder.
struct Home {
    _folder: tempfile::TempDir,
    path: PathBuf,
    program: PathBuf,
}

impl Home {
    fn new(group: u32) -> Result<Self, Skip> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let path = root.join("home");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        chown(&path, Some(ACCOUNT), Some(group))
            .map_err(|_| Skip::new("root", "only root can give files to others"))?;
        Ok(Self { program: program_for_all(&root), path, _folder: folder })
    }

    /// Carries the operation out as the account, which is only in its own group.
    fn run(&self, operation: Operation) -> String {
        let mut command = Command::new("env");
        command.uid(ACCOUNT).gid(ACCOUNT).current_dir("/");
        operation.run_in(command, &self.program, &self.path)
    }

    /// Returns owner, group and mode.
    fn rights(&self, name: &str) -> (u32, u32, u32) {
        let found = fs::metadata(self.path.join(name)).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    }

    fn give(&self, name: &str, group: u32, mode: u32) {
        let path: &Path = &self.path.join(name);
        chown(path, Some(ACCOUNT), Some(group)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn an_account_changes_its_file_although_it_is_not_in_the_group_of_it() {
    let Some(home) = Home::new(ACCOUNT).or_skip("files of a group that the host is not in") else { return };
    fs::write(home.path.join("authorized_keys"), "").unwrap();
    for (mode, without_group) in [(0o644, 0o604), (0o640, 0o600), (0o600, 0o600)] {
        home.give("authorized_keys", OTHER_GROUP, mode);
        assert_eq!(home.run(Operation::Authorize), DONE);
        assert_eq!(home.rights("authorized_keys"), (ACCOUNT, ACCOUNT, without_group));
    }
    assert_eq!(home.run(Operation::Initialize), DONE);
    home.give("s", OTHER_GROUP, 0o600);
    assert_eq!(home.run(Operation::Create), DONE);
    assert_eq!(home.rights("s"), (ACCOUNT, ACCOUNT, 0o600));
    // Root can keep the group of the file, and does so.
    home.give("authorized_keys", OTHER_GROUP, 0o640);
    assert_eq!(Operation::Authorize.run(&home.path), DONE);
    assert_eq!(home.rights("authorized_keys"), (ACCOUNT, OTHER_GROUP, 0o640));
}

#[test]
fn an_account_makes_files_although_it_is_not_in_the_group_of_its_folder() {
    let Some(home) = Home::new(OTHER_GROUP).or_skip("folders of a group that the host is not in") else {
        return;
    };
    for operation in [Operation::Authorize, Operation::Initialize, Operation::Create, Operation::Delete] {
        assert_eq!(home.run(operation), DONE, "{operation:?}");
    }
    assert_eq!(home.rights("authorized_keys"), (ACCOUNT, ACCOUNT, 0o600));
}

#[test]
fn one_run_as_root_does_not_lock_the_owner_out() {
    let Some(home) = Home::new(ACCOUNT).or_skip("files that root writes for an account") else { return };
    assert_eq!(Operation::Authorize.run(&home.path), DONE);
    assert_eq!(Operation::Initialize.run(&home.path), DONE);
    for name in ["authorized_keys", ".authorized_keys.keyway-lock", "s", ".s.keyway-lock"] {
        assert_eq!(home.rights(name), (ACCOUNT, ACCOUNT, 0o600), "{name}");
    }
    for operation in [Operation::Authorize, Operation::Create, Operation::Delete, Operation::Initialize] {
        assert_eq!(home.run(operation), DONE, "{operation:?}");
    }
    // If root also makes the folders of the store, these folders belong to the account.
    let inner = home.path.join("stores/convection");
    assert_eq!(Operation::Initialize.run(&inner), DONE);
    assert_eq!(home.rights("stores"), (ACCOUNT, ACCOUNT, 0o700));
    assert_eq!(home.rights("stores/convection"), (ACCOUNT, ACCOUNT, 0o700));
    let home = Home { path: inner, ..home };
    assert_eq!(home.run(Operation::Create), DONE);
}

#[test]
fn those_who_share_a_folder_by_its_group_share_its_lock() {
    let Some(home) = Home::new(ACCOUNT).or_skip("folders that a group writes in") else { return };
    chown(&home.path, Some(0), Some(ACCOUNT)).unwrap();
    fs::set_permissions(&home.path, fs::Permissions::from_mode(0o770)).unwrap();
    // The account cannot give its store file to root, which owns the folder. So the account keeps the file.
    assert_eq!(home.run(Operation::Initialize), DONE);
    assert_eq!(home.rights("s"), (ACCOUNT, ACCOUNT, 0o600));
    fs::remove_file(home.path.join(".s.keyway-lock")).unwrap();
    assert_eq!(Operation::Create.run(&home.path), DONE);
    assert_eq!(home.rights(".s.keyway-lock"), (0, ACCOUNT, 0o660));
    assert_eq!(home.rights("s"), (ACCOUNT, ACCOUNT, 0o600));
    assert_eq!(home.run(Operation::Delete), DONE);
}
