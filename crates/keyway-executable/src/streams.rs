//! Reads the host's input, and reserves the standard output for the answer.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;

use keyway_core::{Wiped, read_standard_input};
use keyway_issuers::IssuerError;
use keyway_issuers::wire::MAX_INPUT;

/// The largest allowed length of the input in bytes: with two characters of padding, and the end of a line.
const LONGEST_INPUT: usize = MAX_INPUT + 4;

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
        (None, _) => {
            // One byte over the limit shows that the input is too long.
            let input = read_standard_input(LONGEST_INPUT + 1);
            checked(input.map_err(|error| IssuerError::system("read its standard input", error))?)
        }
    }
}

fn checked(input: Wiped<Vec<u8>>) -> Result<Wiped<Vec<u8>>, IssuerError> {
    if input.len() > LONGEST_INPUT {
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
    use super::*;

    #[test]
    fn an_input_has_an_end() {
        assert_eq!(checked(Wiped::new(vec![b'A'; LONGEST_INPUT])).unwrap().len(), LONGEST_INPUT);
        assert!(checked(Wiped::new(vec![b'A'; LONGEST_INPUT + 1])).is_err());
    }
}
