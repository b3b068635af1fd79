//! The random mark that all processes of one run have in their environment.

use std::io;

use crate::environment::Environment;

/// The value of [`Environment::RUN_MARK`] for one run: 16 random bytes. A program cannot derive the mark of another run
/// from its own mark, and a forked host does not repeat a mark (H63).
#[derive(Debug)]
pub(crate) struct RunMark(String);

impl RunMark {
    pub(crate) fn draw() -> io::Result<Self> {
        let bytes: [u8; 16] = keyway_seal::random_bytes().map_err(io::Error::other)?;
        Ok(Self(format!("{:032x}", u128::from_le_bytes(bytes))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether an environment, as Linux shows it, has the mark.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux shows environments"))]
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

    #[test]
    fn a_mark_does_not_reveal_the_next_one() {
        let marks: Vec<RunMark> = (0..100).map(|_| RunMark::draw().unwrap()).collect();
        for (index, mark) in marks.iter().enumerate() {
            assert_eq!(mark.as_str().len(), 32);
            for other in &marks[..index] {
                let same = mark.as_str().bytes().zip(other.as_str().bytes()).filter(|(a, b)| a == b).count();
                // Two random marks of 32 digits have the same digit at two positions on average.
                assert!(same < 20, "{} {}", mark.as_str(), other.as_str());
            }
        }
    }
}
