//! By what the processes of one run are known.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::environment::Environment;

/// The value of [`Environment::RUN_MARK`] for one run. No other run has it, in whatever
/// process, and nobody guesses it.
#[derive(Debug)]
pub(crate) struct RunMark(String);

impl RunMark {
    pub(crate) fn draw() -> io::Result<Self> {
        static OF_THIS_PROCESS: OnceLock<u128> = OnceLock::new();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let base = if let Some(base) = OF_THIS_PROCESS.get() {
            *base
        } else {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            *OF_THIS_PROCESS.get_or_init(|| u128::from_le_bytes(bytes))
        };
        Ok(Self(format!("{base:032x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an environment, as Linux shows it, has the mark.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nowhere else to look"))]
    pub(crate) fn is_in(&self, environ: &[u8]) -> bool {
        environ.split(|byte| *byte == 0).any(|variable| {
            variable
                .strip_prefix(Environment::RUN_MARK.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="))
                .is_some_and(|value| value == self.0.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RunMark;

    #[test]
    fn no_two_runs_share_a_mark() {
        let (one, other) = (RunMark::draw().unwrap(), RunMark::draw().unwrap());
        let environ = format!("A=b\0KEYWAY_RUN={}\0Z=\0", one.as_str()).into_bytes();
        assert!(one.is_in(&environ));
        assert!(!other.is_in(&environ));
        assert!(!one.is_in(format!("A=KEYWAY_RUN={}\0", one.as_str()).as_bytes()));
        assert!(!one.is_in(format!("KEYWAY_RUN={}0\0", one.as_str()).as_bytes()));
        assert!(!one.is_in(b""));
    }
}
