//! Runs the executables that stand for plugins in other languages.

use std::path::Path;

use keyway_process::ProcessConfiguration;

use super::{BARE, OrSkip as _, python};

/// Configures the plugin `process` for a file of `watts_plugins`, with the interpreter for the extension of the file.
/// Returns `None` after reporting that Python is missing.
///
/// # Panics
/// If the path of the workspace is not UTF-8.
pub fn watts_plugin(file: &str) -> Option<ProcessConfiguration> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("watts_plugins").join(file);
    let mut configuration;
    if path.extension().is_some_and(|extension| extension == "py") {
        configuration = ProcessConfiguration::new(python().or_skip(&format!("the WaTTS plugin {file}"))?);
        configuration.arguments.extend(BARE.map(str::to_owned));
    } else {
        configuration = ProcessConfiguration::new("sh");
    }
    configuration.arguments.push(path.to_str().expect("the path of the workspace is UTF-8").to_owned());
    Some(configuration)
}
