//! Implements `cargo xtask arrows`: compares the arrows in ARCHITECTURE.md with the output of
//! cargo.
//!
//! ARCHITECTURE.md holds one fenced block whose language is `arrows`. Each line names a package of
//! the workspace and the workspace packages that it depends on. Packages that only its tests depend
//! on follow after `; tests:`, and `*` allows everything:
//!
//! ```text
//! keyway-core ->
//! keyway-host -> keyway-core, keyway-storage; tests: keyway-generic
//! keyway-tests -> *
//! ```
//!
//! An arrow that cargo reports and the block lacks is a failure, and so is an arrow that cargo does
//! not report. The arrows between the rooms inside `keyway-host` and the names of files are
//! compared, too; see [`rooms`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;

use crate::{Failure, cargo, expect_no_more, rooms};

/// The packages that one package depends on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arrows {
    /// Whether everything is allowed. Then nothing is compared.
    anything: bool,
    library: BTreeSet<String>,
    tests: BTreeSet<String>,
}

type House = BTreeMap<String, Arrows>;

/// Runs the task.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    let file = cargo::workspace_root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let planned = parse(&text)?;
    let output = cargo::output(
        cargo::cargo(&["metadata"])
            .args(["--format-version=1", "--no-deps"])
            .stderr(std::process::Stdio::inherit()),
    )?;
    if !output.status.success() {
        return Err("cargo metadata failed".to_owned());
    }
    let metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
    let built = from_metadata(&metadata)?;
    let mut faults = compare(&planned, &built);
    let rooms = rooms::lists(&block(&text, "rooms")?)?;
    let files = rooms::lists(&block(&text, "files")?)?;
    faults.extend(rooms::compare(&cargo::workspace_root(), &rooms, &files)?);
    if faults.is_empty() {
        let (packages, rooms) = (built.len(), rooms.len());
        println!(
            "ARCHITECTURE.md: the arrows of {packages} packages and {rooms} rooms agree with cargo and the sources"
        );
        Ok(())
    } else {
        Err(format!("ARCHITECTURE.md disagrees with cargo, or with the sources:\n  {}", faults.join("\n  ")))
    }
}

/// Reads the arrows between packages.
fn parse(text: &str) -> Result<House, Failure> {
    let mut house = House::new();
    for (number, line) in block(text, "arrows")? {
        let at = |what: &str| format!("ARCHITECTURE.md, line {number}: {what}");
        let (package, arrows) = parse_line(line).map_err(|what| at(&what))?;
        if house.insert(package, arrows).is_some() {
            return Err(at("this package has a line already"));
        }
    }
    Ok(house)
}

/// Reads the lines of the block of a language, with their numbers. The text must have exactly one such block.
fn block<'a>(text: &'a str, language: &str) -> Result<Vec<(usize, &'a str)>, Failure> {
    let mut lines = Vec::new();
    let mut inside = false;
    let mut blocks = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if inside && line == "```" {
            inside = false;
        } else if !inside && line.strip_prefix("```") == Some(language) {
            inside = true;
            blocks += 1;
        } else if inside && !line.is_empty() {
            lines.push((index + 1, line));
        }
    }
    match (blocks, inside) {
        (1, false) => Ok(lines),
        (_, true) => Err(format!("ARCHITECTURE.md: the block of {language} does not end")),
        _ => Err(format!("ARCHITECTURE.md has {blocks} fenced blocks ```{language}, expected one")),
    }
}

fn parse_line(line: &str) -> Result<(String, Arrows), String> {
    let (package, rest) = line.split_once("->").ok_or("expected `package -> package, package`")?;
    let (library, tests) = match rest.split_once(';') {
        Some((library, tests)) => {
            (library, tests.trim().strip_prefix("tests:").ok_or("expected `tests:` after `;`")?)
        }
        None => (rest, ""),
    };
    let package = name(package)?;
    if library.trim() == "*" {
        return Ok((package, Arrows { anything: true, ..Arrows::default() }));
    }
    Ok((package, Arrows { anything: false, library: names(library)?, tests: names(tests)? }))
}

fn names(list: &str) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    if list.trim().is_empty() {
        return Ok(names);
    }
    for part in list.split(',') {
        if !names.insert(name(part)?) {
            return Err(format!("{} stands twice", part.trim()));
        }
    }
    Ok(names)
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if fits { Ok(text.to_owned()) } else { Err(format!("`{text}` is not the name of a package")) }
}

/// Reads the arrows between packages of the workspace from the output of `cargo metadata
/// --no-deps`.
fn from_metadata(metadata: &Value) -> Result<House, Failure> {
    let unknown = || "cargo metadata has not the expected form".to_owned();
    let packages = metadata["packages"].as_array().ok_or_else(unknown)?;
    let mut house = House::new();
    for package in packages {
        house.insert(package["name"].as_str().ok_or_else(unknown)?.to_owned(), Arrows::default());
    }
    let members: BTreeSet<String> = house.keys().cloned().collect();
    for package in packages {
        let arrows = package["name"].as_str().and_then(|name| house.get_mut(name)).ok_or_else(unknown)?;
        for dependency in package["dependencies"].as_array().ok_or_else(unknown)? {
            let name = dependency["name"].as_str().ok_or_else(unknown)?;
            // A registry package may have the name of a package of the workspace. Only the package of the workspace has
            // a path.
            if !members.contains(name) || dependency["path"].is_null() {
                continue;
            }
            if dependency["kind"] == "dev" {
                arrows.tests.insert(name.to_owned());
            } else {
                arrows.library.insert(name.to_owned());
            }
        }
    }
    for arrows in house.values_mut() {
        arrows.tests = &arrows.tests - &arrows.library;
    }
    Ok(house)
}

/// Lists the differences, one line each.
fn compare(planned: &House, built: &House) -> Vec<String> {
    let mut faults = Vec::new();
    for (package, arrows) in built {
        let Some(plan) = planned.get(package) else {
            faults.push(format!("{package} is a package of the workspace and has no line"));
            continue;
        };
        if plan.anything {
            continue;
        }
        for (kind, plan, is) in
            [("depends on", &plan.library, &arrows.library), ("uses in tests", &plan.tests, &arrows.tests)]
        {
            for name in is - plan {
                faults.push(format!("{package} {kind} {name}, which is not listed"));
            }
            for name in plan - is {
                faults.push(format!("{package} {kind} {name} in the list only"));
            }
        }
    }
    for package in planned.keys().filter(|package| !built.contains_key(*package)) {
        faults.push(format!("{package} has a line and is not a package of the workspace"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{compare, from_metadata, parse};
    use serde_json::json;

    fn block(lines: &str) -> String {
        format!("# The house\n\n```rust\nlet x -> y;\n```\n\n```arrows\n{lines}\n```\n\nEnd.\n")
    }

    fn cargo() -> serde_json::Value {
        let dependency = |name: &str, kind: Option<&str>| json!({"name": name, "kind": kind, "path": "/x"});
        json!({"packages": [
            {"name": "core", "dependencies": [{"name": "serde", "kind": null}]},
            {"name": "store", "dependencies": [dependency("core", None), dependency("core", Some("dev"))]},
            {"name": "host", "dependencies": [
                dependency("core", None), dependency("store", Some("build")), dependency("kit", Some("dev")),
            ]},
            {"name": "kit", "dependencies": [dependency("host", None)]},
        ]})
    }

    fn faults(lines: &str) -> Vec<String> {
        let planned = parse(&block(lines)).expect("a block");
        compare(&planned, &from_metadata(&cargo()).expect("metadata"))
    }

    const RIGHT: &str = "core ->\nstore -> core\nhost -> core, store; tests: kit\nkit -> *";

    #[test]
    fn agreement_has_no_fault() {
        assert_eq!(faults(RIGHT), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_is_not_listed() {
        let lines = RIGHT.replace("host -> core, store", "host -> core");
        assert_eq!(faults(&lines), ["host depends on store, which is not listed"]);
    }

    #[test]
    fn a_test_arrow_is_no_library_arrow() {
        let lines = RIGHT.replace("host -> core, store; tests: kit", "host -> core, store, kit");
        assert_eq!(
            faults(&lines),
            ["host depends on kit in the list only", "host uses in tests kit, which is not listed"]
        );
    }

    #[test]
    fn an_arrow_that_is_gone() {
        let lines = RIGHT.replace("core ->\n", "core -> store\n");
        assert_eq!(faults(&lines), ["core depends on store in the list only"]);
    }

    #[test]
    fn packages_that_one_side_lacks() {
        let lines = RIGHT.replace("store -> core\n", "shop -> core\n");
        assert_eq!(
            faults(&lines),
            [
                "store is a package of the workspace and has no line",
                "shop has a line and is not a package of the workspace"
            ]
        );
    }

    #[test]
    fn malformed_blocks_are_refused_with_their_line() {
        for (lines, expected) in [
            ("core", "line 8: expected `package -> package, package`"),
            ("core -> a b", "line 8: `a b` is not the name of a package"),
            ("core -> a,", "line 8: `` is not the name of a package"),
            ("core -> a, a", "line 8: a stands twice"),
            ("core -> a; with: b", "line 8: expected `tests:` after `;`"),
            ("core ->\ncore ->", "line 9: this package has a line already"),
        ] {
            let error = parse(&block(lines)).expect_err(lines);
            assert!(error.ends_with(expected), "{error}");
        }
        assert!(parse("no block").expect_err("none").contains("0 fenced blocks"));
        assert!(parse("```arrows\na ->\n").expect_err("open").contains("does not end"));
        assert!(parse(&(block(RIGHT) + &block(RIGHT))).is_err());
    }
}
