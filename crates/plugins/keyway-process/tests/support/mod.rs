//! Executables written for a test, and the processes that they leave.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keyway_issuers::{Context, CredentialRequest, Issuer as _, IssuerError, RequestOutcome, UserInfo};
use keyway_process::{ProcessConfiguration, ProcessIssuer};

/// A plugin in shell: it describes itself, and handles requests and revocations as a test wants.
pub(crate) struct Executable {
    folder: tempfile::TempDir,
    /// The mark in the environment, and perhaps in the arguments, of each process of this plugin.
    pub(crate) mark: String,
    pub(crate) configuration: ProcessConfiguration,
}

impl Executable {
    /// Makes a plugin that reads arguments; `body` is its work. `$MARK` is its mark, `$FOLDER` a folder of its
    /// own.
    pub(crate) fn with(body: &str) -> Self {
        Self::new("sh", &format!("{}\n{body}\n", describing(false)))
    }

    /// Makes a plugin that reads standard input.
    pub(crate) fn reading_stdin(body: &str) -> Self {
        let mut executable = Self::new("sh", &format!("{}\n{body}\n", describing(true)));
        executable.configuration.allow_argv = false;
        executable
    }

    /// Makes a script for an interpreter.
    pub(crate) fn new(interpreter: &str, script: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let folder = tempfile::tempdir().unwrap();
        let mark = format!("keyway-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let file = folder.path().join("plugin");
        std::fs::write(&file, script).unwrap();
        let mut configuration = ProcessConfiguration::new(interpreter);
        configuration.arguments = vec![file.to_str().unwrap().to_owned()];
        configuration.allow_argv = true;
        configuration.environment.insert("MARK".to_owned(), mark.clone());
        configuration.environment.insert("FOLDER".to_owned(), folder.path().to_str().unwrap().to_owned());
        Self { folder, mark, configuration }
    }

    pub(crate) fn deadline(mut self, milliseconds: u64) -> Self {
        self.configuration.deadline_ms = milliseconds.try_into().unwrap();
        self
    }

    pub(crate) fn issuer(&self) -> ProcessIssuer {
        ProcessIssuer::new(&self.configuration).unwrap()
    }

    /// Returns the path of a file in the plugin's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn request(&self) -> Result<RequestOutcome, IssuerError> {
        pollster::block_on(self.issuer().request(&joe()))
    }

    /// Lists the remaining processes of this plugin.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if name.parse::<u32>().is_err() {
                continue;
            }
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let (environ, command) = (read("environ"), read("cmdline"));
            let has =
                |bytes: &[u8]| bytes.windows(self.mark.len()).any(|window| window == self.mark.as_bytes());
            // A dead process that is not reaped has no environment and no command line.
            let ended_with_it = |bytes: &[u8]| {
                // `keyway-test-1-1` is a part of `keyway-test-1-11`, too.
                bytes.split(|byte| *byte == 0).any(|text| text.ends_with(self.mark.as_bytes()))
            };
            if (has(&environ) && ended_with_it(&environ)) || (has(&command) && ended_with_it(&command)) {
                left.push(format!("{name}: {}", String::from_utf8_lossy(&command).replace('\0', " ")));
            }
        }
        left
    }

    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.left(), Vec::<String>::new(), "left behind");
    }

    /// Waits until `is` holds.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !is(self) {
            assert!(Instant::now() < until, "{what}; left: {:?}", self.left());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// An answer to a request.
pub(crate) const ISSUED: &str =
    r#"{"result":"ok","credential":[{"name":"n","type":"text","value":"v"}],"state":"s"}"#;

pub(crate) fn joe() -> CredentialRequest {
    CredentialRequest::new(Context::new(UserInfo::new("https://issuer.example.com", "joe")))
}

fn describing(stdin: bool) -> String {
    format!(
        r#"case "$(printf %s "${{1-}}" | tr -- '-_' '+/' | base64 -d 2>/dev/null)" in
*'"action":"parameter"'*)
    echo '{{"result":"ok","conf_params":[],"request_params":[[]],"version":"1","features":{{"stdin":{stdin}}}}}'
    exit 0;;
esac"#
    )
}
