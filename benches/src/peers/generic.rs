//! The real Convection Generic plugin, running in Python.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::areas::BenchError;

/// A Python process that has one store open. The process ends when this value is dropped.
#[derive(Debug)]
pub struct GenericPeer {
    process: Child,
    // The pipe to the process. The process ends when the pipe is closed. The pipe is `None` only during the drop.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    file: PathBuf,
}

impl GenericPeer {
    /// Starts Python, and creates the store `name` under `directory`.
    ///
    /// # Errors
    /// When Python does not start or the plugin fails.
    pub fn start(python: &Path, directory: &Path, name: &str, keys: &[String]) -> Result<Self, BenchError> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/generic_peer.py");
        let mut process =
            Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().ok_or("the process has no output")?);
        let mut peer = Self { process, questions, answers, file: PathBuf::new() };
        let directory = directory.to_str().ok_or("the directory's name is not a text")?;
        let file = peer.ask(&json!(["open", directory, name, keys]))?;
        peer.file = file.as_str().ok_or("the peer did not name its file")?.into();
        Ok(peer)
    }

    /// Returns the file of the store.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Replaces the file's content with the secrets `secret-000000` and so on, in one write.
    ///
    /// # Errors
    /// When the plugin fails, or its list afterwards does not have all of the secrets.
    pub fn fill(&mut self, count: u32, value: &str) -> Result<(), BenchError> {
        let listed = self.ask(&json!(["fill", count, value]))?;
        if listed == count {
            Ok(())
        } else {
            Err(format!("filled {count} secrets, it lists {listed}").into())
        }
    }

    /// Creates a secret, and returns the processor time in nanoseconds.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn create(&mut self, name: &str, value: &str) -> Result<f64, BenchError> {
        let seconds = self.ask(&json!(["create", name, value]))?;
        Ok(seconds.as_f64().ok_or("the peer gave no time")? * 1e9)
    }

    /// Gets a secret, and returns the processor time in nanoseconds and the value.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn get(&mut self, name: &str) -> Result<(f64, String), BenchError> {
        let answer = self.ask(&json!(["get", name]))?;
        let seconds = answer[0].as_f64().ok_or("the peer gave no time")?;
        Ok((seconds * 1e9, answer[1].as_str().ok_or("the peer did not return a text")?.to_owned()))
    }

    fn ask(&mut self, question: &Value) -> Result<Value, BenchError> {
        let questions = self.questions.as_mut().ok_or("the peer was stopped")?;
        questions.write_all(format!("{question}\n").as_bytes())?;
        questions.flush()?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the real plugin ended; what it printed stands above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for GenericPeer {
    fn drop(&mut self) {
        self.questions = None;
        // A failed wait loses nothing, because the process holds only a temporary directory.
        let _ = self.process.wait();
    }
}
