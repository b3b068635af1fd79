//! Prepares the plugins to run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyway_process::ProcessConfiguration;
use keyway_tests::services::{BARE, python};
use serde_json::json;
use tempfile::TempDir;

use crate::clones;

/// A plugin in a folder of its own.
pub(crate) struct Real {
    /// The name of the plugin in documents and reports.
    pub(crate) name: &'static str,
    pub(crate) folder: TempDir,
    script: PathBuf,
    search_path: Option<String>,
    /// Whether the plugin reads an argument. Only the plugin in Python 3 reads standard input.
    reads_argument: bool,
}

/// The parameters that make the plugin of the real host's own tests fail, each in its own way.
pub(crate) const FAULTS: [&str; 5] = ["missing_result", "bad_json", "no_json_map", "bad_result", "bad_error"];

/// Prepares the plugin that shows its input.
pub(crate) fn info() -> Option<Real> {
    Real::python2("tts_plugin_info", "plugin/info.py", "info.py")
}

/// Prepares the plugin with which the real host tests itself.
pub(crate) fn tester() -> Option<Real> {
    Real::python2("tts", "test/test_plugin.py", "test_plugin.py")
}

/// Prepares the plugin that deploys keys to hosts by `ssh`.
pub(crate) fn ssh() -> Option<Real> {
    Real::python2("tts_plugin_ssh", "plugin/ssh.py", "ssh.py")
}

/// Prepares the plugin that runs a certificate authority with `openssl`.
pub(crate) fn certificates() -> Option<Real> {
    Real::python2("tts_plugin_ca", "plugin/x509.py", "x509.py")
}

/// Prepares the plugin that makes accounts in an `OpenNebula`.
pub(crate) fn accounts() -> Option<Real> {
    Real::python2("tts_plugin_opennebula", "plugin/opennebula.py", "opennebula.py")
}

/// Prepares the plugin that asks an authority for SSH certificates, by `ssh`. It fails on every
/// argument, so no host can ask it to describe itself.
pub(crate) fn ssh_ca_as_published() -> Option<Real> {
    Real::new("watts_plugin_ssh-ca", "src/watts/main.py", "main.py", false)
}

/// Prepares the plugin of [`ssh_ca_as_published`] without its fault, which is a call with one argument instead of two.
pub(crate) fn ssh_ca() -> Option<Real> {
    let real = ssh_ca_as_published()?;
    clones::mend(&real.script, &[("isinstance(str_input) is bytes", "isinstance(str_input, bytes)")]);
    Some(real)
}

impl Real {
    fn python2(repository: &str, path: &str, name: &'static str) -> Option<Self> {
        let real = Self::new(repository, path, name, true)?;
        clones::convert(&real.script);
        Some(real)
    }

    /// Prepares a plugin. If there are no clones, reports that and returns `None`.
    fn new(repository: &str, path: &str, name: &'static str, reads_argument: bool) -> Option<Self> {
        let source = clones::file(repository, path)?;
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join(name);
        std::fs::write(&script, source).unwrap();
        Some(Self { name, folder, script, search_path: None, reads_argument })
    }

    pub(crate) fn configuration(&self) -> ProcessConfiguration {
        let mut configuration = ProcessConfiguration::new(python().unwrap());
        configuration.arguments.extend(BARE.map(str::to_owned));
        configuration.arguments.push(self.script.to_str().unwrap().to_owned());
        configuration.allow_argv = self.reads_argument;
        if let Some(path) = &self.search_path {
            configuration.environment.insert("PATH".to_owned(), path.clone());
        }
        configuration
    }

    /// Returns the configuration of the plugin as an operator writes it for the plugin `process`.
    pub(crate) fn written(&self, parallel: usize) -> serde_json::Value {
        let configuration = self.configuration();
        json!({
            "command": configuration.command,
            "arguments": configuration.arguments,
            "environment": configuration.environment,
            "allow_argv": configuration.allow_argv,
            "parallel": parallel,
        })
    }

    /// Puts a stand-in in place of `ssh`: a script in which `LOG` is the file that
    /// [`log`](Self::log) reads.
    pub(crate) fn with_ssh(mut self, script: &str) -> Self {
        let programs = self.folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        let script = script.replace("LOG", &format!("'{}'", self.log_file().display()));
        write_program(&programs.join("ssh"), &script);
        self.search_path = Some(format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        self
    }

    /// Returns the inputs of the stand-in, one line for each call.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("asked")
    }
}

/// A stand-in for a host that gets keys. It accepts everything, and records its input.
pub(crate) const SAYS_YES: &str = r#"#!/bin/sh
echo "$@" >> LOG
echo '{"result":"ok","credential":[{"name":"Username","type":"text","value":"watts7"}]}'
"#;

/// A stand-in for an authority for SSH certificates. It makes a new serial number for each certificate, and records its
/// input.
pub(crate) const SIGNS: &str = r#"#!/bin/sh
echo "$@" >> LOG
for order; do :; done
case $order in
*'"action": "sign"'*|*'"action":"sign"'*)
    echo "{\"cert\":\"ssh-ed25519-cert-v01@openssh.com AAAA$$\",\"serial\":\"serial-$$-$(date +%s%N)\"}" ;;
*) echo '{}' ;;
esac
"#;

/// Writes an executable script through a second program. If this process wrote it, another thread
/// might start a program that inherits the open file, and the script could not be run.
fn write_program(file: &Path, text: &str) {
    let mut child = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
