//! Tests registration between real crates: the host finds the plugins that are linked, and reports two versions of one
//! contract crate. Each crate is a package of its own, and forbids unsafe code.

mod cargo_project;

use cargo_project::Project;

const CONTRACT: &str = include_str!("fixture/contract.rs");
const PLUGIN: &str = include_str!("fixture/plugin.rs");

/// Returns the line of `Cargo.toml` for a dependency on one version of the contract crate. The versions are separate
/// packages here, but the dependent crate sees each version under the name `greeters`, as if both came from a registry.
fn depend_on(contract: &str) -> String {
    format!("greeters = {{ path = \"../contract-{contract}\", package = \"greeters-{contract}\" }}")
}

fn project(profile: &str) -> Project {
    let members = ["contract-1", "contract-2", "first-plugin", "second-plugin", "new-plugin", "hosts"];
    let project = Project::new(&format!("crates-{profile}"), &members);
    for version in ["1", "2"] {
        let folder = format!("contract-{version}");
        project.package(&folder, &format!("greeters-{version}"), &format!("{version}.0.0"), &Project::core());
        project.write(&format!("{folder}/src/lib.rs"), &CONTRACT.replace("VERSION)", &format!("{version})")));
    }
    for (plugin, contract) in [("first-plugin", "1"), ("second-plugin", "1"), ("new-plugin", "2")] {
        let contract = depend_on(contract);
        project.package(plugin, plugin, "0.3.0", &contract);
        project.write(&format!("{plugin}/src/lib.rs"), &PLUGIN.replace("PLUGIN", plugin));
    }
    let plugins = ["first-plugin", "second-plugin", "new-plugin"];
    let mut dependencies = format!("{}\n{}\n", Project::core(), depend_on("1"));
    for plugin in plugins {
        dependencies.extend([plugin, " = { path = \"../", plugin, "\" }\n"]);
    }
    project.package("hosts", "hosts", "0.1.0", &dependencies);
    for (host, source) in [
        ("listing", include_str!("fixture/listing_host.rs")),
        ("silent", include_str!("fixture/silent_host.rs")),
        ("mixed", include_str!("fixture/mixed_host.rs")),
    ] {
        project.write(&format!("hosts/src/bin/{host}.rs"), source);
    }
    project
}

fn run(project: &Project, profile: &str, host: &str) -> String {
    let output = project.cargo(&["run", "--quiet", "--profile", profile, "--bin", host]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{host}: {stderr}");
    stdout.into_owned()
}

fn check(profile: &str) {
    let project = project(profile);
    assert_eq!(
        run(&project, profile, "listing"),
        "first-plugin of first-plugin: hello from first-plugin\nsecond-plugin of second-plugin: hello from \
         second-plugin\n"
    );
    // The linker leaves out a crate that only Cargo.toml names. This is a known limit, and the reason why `plugins!`
    // lists the crates.
    assert_eq!(run(&project, profile, "silent"), "0 linked\n");

    let faults = run(&project, profile, "mixed");
    for part in [
        "two Secret plugins implement different contracts",
        "`first-plugin` implements version 1 (first-plugin 0.3.0 at",
        "`new-plugin` version 2 (new-plugin 0.3.0 at",
        "the Secret plugin `new-plugin` 1.0.0 implements version 2 of its contract, and the host drives version 1",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
}

#[test]
fn registration_between_crates() {
    check("dev");
}

#[test]
#[ignore = "builds the dependencies twice more; what the linker keeps could differ there"]
fn registration_between_optimised_crates() {
    check("release");
    check("fat");
}
