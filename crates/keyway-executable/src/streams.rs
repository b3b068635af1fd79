//! Reads the host's input, and reserves the standard output for the answer.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;

use keyway_core::Wiped;
use keyway_issuers::IssuerError;

/// The largest allowed length of the input in bytes.
const LONGEST_INPUT: u64 = 16 * 1024 * 1024;

/// Reads the host's input: the argument if there is one, else standard input.
///
/// See decision W1.
pub(crate) fn read_input() -> Result<Wiped<Vec<u8>>, IssuerError> {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(input), None) => Ok(Wiped::new(input.into_vec())),
        (Some(_), Some(_)) => Err(IssuerError::invalid(
            "the command line",
            "there is more than one argument: pass the input alone, or nothing and the input on standard input",
        )),
        (None, _) => read_all(io::stdin().lock()),
    }
}

fn read_all(from: impl io::Read) -> Result<Wiped<Vec<u8>>, IssuerError> {
    // The buffer is large enough for any usual input. If it grew, it would leave an unwiped copy.
    let mut input = Wiped::new(Vec::with_capacity(128 * 1024));
    from.take(LONGEST_INPUT + 1)
        .read_to_end(&mut input)
        .map_err(|error| IssuerError::system("read its standard input", error))?;
    if input.len() as u64 > LONGEST_INPUT {
        let reason = format!("it is longer than {LONGEST_INPUT} bytes");
        return Err(IssuerError::invalid("the input of the plugin", reason));
    }
    Ok(input)
}

/// The original standard output, reserved for the answer.
///
/// Only one object may be printed there (decision W2). So all other output, such as that of a library or of a program
/// that the issuer starts, goes to standard error from now on.
#[derive(Debug)]
pub(crate) struct AnswerStream(File);

impl AnswerStream {
    pub(crate) fn take() -> io::Result<Self> {
        // The copy gets a descriptor above 2, because lower ones are the standard streams.
        let own = rustix::io::fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Self(File::from(own)))
    }

    pub(crate) fn print(mut self, answer: &str) -> io::Result<()> {
        self.0.write_all(answer.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_INPUT, read_all};

    #[test]
    fn an_input_has_an_end() {
        assert_eq!(*read_all(&b"abc"[..]).unwrap(), b"abc");
        let longest = usize::try_from(LONGEST_INPUT).unwrap();
        assert_eq!(
            read_all(std::io::Read::take(std::io::repeat(b'A'), LONGEST_INPUT)).unwrap().len(),
            longest
        );
        assert!(read_all(std::io::repeat(b'A')).is_err());
    }
}
