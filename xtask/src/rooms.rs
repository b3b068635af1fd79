//! Compares files for `cargo xtask arrows`: the arrows between the rooms inside `keyway-host`, and
//! the file names that crates share.
//!
//! ARCHITECTURE.md holds two more fenced blocks. In `rooms` each line names a room, which is a module at the root of
//! the crate, and the rooms and crates of the workspace that it uses. An item of a room can be named alone, and `*`
//! allows everything:
//!
//! ```text
//! grants -> keyway-core, plugin, records, work, host::Lent
//! host -> *
//! ```
//!
//! In `files` each line names a folder and the modules that it must have:
//!
//! ```text
//! crates/keyway-secrets/src -> error, lib, plugin
//! ```
//!
//! Tests may use every room.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::rust_paths::paths;

/// The sources whose rooms are compared.
const SOURCES: &str = "crates/keyway-host/src";
/// The prefix that the crates of the workspace have in code.
const CRATES: &str = "keyway_";

/// Maps each room, or folder, to everything that is listed for it.
pub(crate) type Lists = BTreeMap<String, BTreeSet<String>>;

/// Reads the lines of a block. `lines` has each line with its number.
pub(crate) fn lists(lines: &[(usize, &str)]) -> Result<Lists, Failure> {
    let mut lists = Lists::new();
    for (number, line) in lines {
        let at = |what: &str| format!("ARCHITECTURE.md, line {number}: {what}");
        let (name, list) = line.split_once("->").ok_or_else(|| at("expected `name -> name, name`"))?;
        let list = list.split(',').map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty());
        if lists.insert(name.trim().to_owned(), list.collect()).is_some() {
            return Err(at("this name has a line already"));
        }
    }
    Ok(lists)
}

/// Lists the differences between the lists and the sources below the root of the workspace, one
/// line each.
pub(crate) fn compare(root: &Path, rooms: &Lists, files: &Lists) -> Result<Vec<String>, Failure> {
    let sources = sources(&root.join(SOURCES))?;
    let mut faults = compare_rooms(rooms, &sources);
    faults.extend(missing(root, files));
    Ok(faults)
}

/// Lists the files that a folder must have and lacks.
fn missing(root: &Path, files: &Lists) -> Vec<String> {
    let mut faults = Vec::new();
    for (folder, names) in files {
        let is_there = |name: &str| {
            let folder = root.join(folder);
            folder.join(format!("{name}.rs")).is_file() || folder.join(name).join("mod.rs").is_file()
        };
        faults.extend(
            names.iter().filter(|name| !is_there(name)).map(|name| format!("{folder} has no `{name}.rs`")),
        );
    }
    faults
}

/// Reads all Rust files below a folder, with their paths inside it.
fn sources(folder: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let failed = |error| format!("{}: {error}", next.display());
        for entry in fs::read_dir(&next).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).map_err(failed)?;
                let inside = path.strip_prefix(folder).map_err(|error| error.to_string())?;
                sources.push((inside.to_owned(), text));
            }
        }
    }
    sources.sort();
    Ok(sources)
}

fn compare_rooms(planned: &Lists, sources: &[(PathBuf, String)]) -> Vec<String> {
    let rooms: BTreeSet<String> =
        sources.iter().filter_map(|(file, _)| module(file).into_iter().next()).collect();
    let lib = sources.iter().find(|(file, _)| file.as_os_str() == "lib.rs").map(|(_, text)| text.as_str());
    let names = exported(lib.unwrap_or_default(), &rooms);
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for (file, text) in sources {
        let module = module(file);
        let Some(room) = module.first() else { continue };
        let Some(plan) = planned.get(room) else { continue };
        let name = module.last().map(String::as_str).unwrap_or_default();
        if plan.contains("*") || name.ends_with("tests") || module.iter().any(|part| part == "tests") {
            continue;
        }
        for target in targets(&paths(text, CRATES), module.len(), &rooms, &names) {
            let (Target::Room(whole, _) | Target::Crate(whole) | Target::Unknown(whole)) = &target;
            let item = if let Target::Room(_, Some(item)) = &target {
                format!("{whole}::{item}")
            } else {
                whole.clone()
            };
            if whole == room {
                continue;
            }
            match [whole, &item].into_iter().find(|name| plan.contains(*name)) {
                Some(name) => drop(used.insert((room.clone(), name.clone()))),
                None => faults.push(format!("{} uses {item}, which {room} does not list", file.display())),
            }
        }
    }
    for room in rooms.iter().filter(|room| !planned.contains_key(*room)) {
        faults.push(format!("{room} is a room and has no line"));
    }
    for (room, plan) in planned {
        if !rooms.contains(room) {
            faults.push(format!("{room} has a line and is not a room"));
        }
        for name in
            plan.iter().filter(|name| *name != "*" && !used.contains(&(room.clone(), (*name).clone())))
        {
            faults.push(format!("{room} uses {name} in the list only"));
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// Returns the module of a file, without its crate; empty for `lib.rs`.
fn module(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// Maps each item that the root exports to the room of the item.
fn exported(lib: &str, rooms: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let code: String = lib.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    for (_, exported) in code.split(';').filter_map(|statement| statement.split_once("pub use ")) {
        for path in paths(&format!("crate::{exported}"), CRATES) {
            if let [_, room, .., item] = path.as_slice()
                && rooms.contains(room)
            {
                names.insert(item.clone(), room.clone());
            }
        }
    }
    names
}

/// The target of a path.
enum Target {
    /// A room, or one item of it.
    Room(String, Option<String>),
    /// A crate of the workspace.
    Crate(String),
    /// A name that is neither a room nor exported by the root.
    Unknown(String),
}

/// Resolves the paths of a file whose module is at this depth.
fn targets(
    paths: &[Vec<String>],
    depth: usize,
    rooms: &BTreeSet<String>,
    names: &BTreeMap<String, String>,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for path in paths {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let from_root = match path[0].as_str() {
            "crate" => &path[1..],
            // A path with as many `super` as its module has levels begins at the root.
            "super" if ups >= depth => &path[ups..],
            "super" | "keyway_host" => continue,
            name => {
                targets.push(Target::Crate(name.replace('_', "-")));
                continue;
            }
        };
        match from_root {
            // A path that is only `crate`, as in `pub(crate)`, names no item.
            [] => {}
            [room, item @ ..] if rooms.contains(room) => {
                let item = item.first().filter(|item| *item != "self");
                targets.push(Target::Room(room.clone(), item.cloned()));
            }
            [name, ..] => targets.push(match names.get(name) {
                Some(room) => Target::Room(room.clone(), Some(name.clone())),
                None => Target::Unknown(format!("crate::{name}")),
            }),
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Lists, compare_rooms, lists, missing};
    use crate::cargo;

    const RIGHT: &str = "engine -> keyway-core, records, work, host::Health\nother -> work\nwork -> records\nrecords ->\nhost -> *";

    fn plan(text: &str) -> Lists {
        let lines: Vec<_> = text.lines().enumerate().map(|(number, line)| (number + 1, line)).collect();
        lists(&lines).expect("a block")
    }

    fn sources() -> Vec<(PathBuf, String)> {
        let files = [
            ("engine/mod.rs", "mod api;\nuse crate::records::Record;"),
            (
                "engine/deep/api.rs",
                "use super::super::super::work::Step;\nuse super::Own;\nfn f() { keyway_core::g(crate::Health) }",
            ),
            ("engine/machine_tests.rs", "use crate::other::Anything;"),
            ("other.rs", "use crate::{other::Own, work};"),
            ("work/mod.rs", "use crate::records;"),
            ("records.rs", "// crate::host"),
            ("host/mod.rs", "use crate::{engine, other};"),
            ("lib.rs", "pub mod engine;\npub use host::{Health, Host};\nmod work;"),
        ];
        files.map(|(file, text)| (PathBuf::from(file), text.to_owned())).into()
    }

    fn faults(file: &str, text: &str) -> Vec<String> {
        let mut sources = sources();
        sources.push((file.into(), text.to_owned()));
        compare_rooms(&plan(RIGHT), &sources)
    }

    #[test]
    fn agreement_has_no_fault() {
        assert_eq!(compare_rooms(&plan(RIGHT), &sources()), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_goes_up_or_from_one_engine_to_another() {
        let uses = |text| faults("work/step.rs", text);
        assert_eq!(
            uses("use crate::engine::Api;"),
            ["work/step.rs uses engine::Api, which work does not list"]
        );
        assert_eq!(
            uses("fn f() { crate::Host::g() }"),
            ["work/step.rs uses host::Host, which work does not list"]
        );
        assert_eq!(uses("use super::super::engine;"), ["work/step.rs uses engine, which work does not list"]);
        assert_eq!(
            uses("use keyway_seal::Key;"),
            ["work/step.rs uses keyway-seal, which work does not list"]
        );
        assert_eq!(uses("use crate::gone::A;"), ["work/step.rs uses crate::gone, which work does not list"]);
        assert_eq!(
            faults("engine/b.rs", "use crate::other::{A, B};"),
            [
                "engine/b.rs uses other::A, which engine does not list",
                "engine/b.rs uses other::B, which engine does not list"
            ]
        );
    }

    #[test]
    fn a_room_itself_is_more_than_an_item() {
        let text = "use crate::host::{self, Health};";
        assert_eq!(faults("engine/b.rs", text), ["engine/b.rs uses host, which engine does not list"]);
    }

    #[test]
    fn an_item_allows_no_other_of_its_room() {
        assert_eq!(
            faults("engine/b.rs", "use crate::host::{Health, Host};"),
            ["engine/b.rs uses host::Host, which engine does not list"]
        );
    }

    #[test]
    fn lines_and_rooms_that_one_side_lacks() {
        let with = |from: &str, to: &str| compare_rooms(&plan(&RIGHT.replace(from, to)), &sources());
        assert_eq!(with("records ->", "records -> host"), ["records uses host in the list only"]);
        assert_eq!(with("other -> work\n", ""), ["other is a room and has no line"]);
        assert_eq!(with("records ->", "records ->\nattic ->"), ["attic has a line and is not a room"]);
        assert!(lists(&[(3, "work: records")]).unwrap_err().contains("line 3"));
        assert!(lists(&[(3, "work ->"), (4, "work ->")]).unwrap_err().contains("line 4"));
    }

    #[test]
    fn a_file_name_that_a_folder_has_to_have() {
        let files = plan("xtask/src -> arrows, main, nothing\ncrates/keyway-host/src -> lib, work");
        let faults = missing(&cargo::workspace_root(), &files);
        assert_eq!(faults, ["xtask/src has no `nothing.rs`"]);
    }
}
