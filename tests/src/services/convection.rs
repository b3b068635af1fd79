//! Runs Convection's own plugins in a Python program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{CONVECTION, Skip, python_with};

/// One of Convection's real plugins.
#[derive(Clone, Debug)]
pub struct ConvectionPlugin {
    python: PathBuf,
    plugin: &'static str,
}

impl ConvectionPlugin {
    /// Prepares the plugin `generic` or `passdb`. Blocks: the first call may install packages.
    ///
    /// # Errors
    /// A [`Skip`] that names the missing program.
    pub fn new(plugin: &'static str) -> Result<Self, Skip> {
        Ok(Self { python: python_with(&CONVECTION)?, plugin })
    }

    /// Runs these steps on a store and returns the plugin's answers; `python/convection_driver.py` lists the steps.
    /// `config` has the settings of a new store. Blocks.
    ///
    /// # Panics
    /// If the program itself fails, because that is not an answer of the plugin.
    pub fn answers(
        &self,
        root: &Path,
        store: &str,
        keys: &[&str],
        config: Option<&Value>,
        steps: &[Value],
    ) -> Vec<Value> {
        let order = json!({
            "plugin": self.plugin, "root": root, "store": store, "keys": keys, "config": config, "steps": steps,
        });
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/convection_driver.py");
        let mut child = Command::new(&self.python)
            .arg(driver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(order.to_string().as_bytes()).expect("Python reads its order");
        drop(input);
        let output = child.wait_with_output().expect("Python ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answers: Vec<Value> = serde_json::from_slice(&output.stdout).expect("the answers are JSON");
        assert_eq!(answers.len(), steps.len(), "one answer for each step");
        answers
    }
}
