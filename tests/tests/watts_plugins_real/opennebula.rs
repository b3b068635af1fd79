//! Runs a stand-in for an `OpenNebula`, in which its plugin makes accounts.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use keyway_tests::services::{BARE, python};
use tempfile::TempDir;

/// A running stand-in. It ends on drop.
pub(crate) struct OpenNebula {
    server: Child,
    /// The address for the plugin.
    pub(crate) endpoint: String,
    folder: TempDir,
}

impl OpenNebula {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Command::new(python().unwrap())
            .args(BARE)
            .args(["-c", include_str!("opennebula_stand_in.py")])
            .arg(folder.path().join("accounts"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let endpoint = format!("http://127.0.0.1:{}/RPC2", port.trim());
        Self { server, endpoint, folder }
    }

    /// Returns the file with the names of the existing accounts, one a line.
    pub(crate) fn accounts(&self) -> PathBuf {
        self.folder.path().join("accounts")
    }
}

impl Drop for OpenNebula {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
