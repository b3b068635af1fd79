//! The whole life of the executable.

use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use keyway_issuers::wire::plugin;
use keyway_issuers::{Issuer, IssuerError, SecretText};

use crate::answer::answer;
use crate::block_on::block_on;
use crate::streams::{AnswerStream, read_input};

/// Opens an issuer, reads the input of this process, asks the issuer, prints its answer.
///
/// It is for `main`: it takes standard output away, so that nothing but the answer is
/// printed there (what else prints goes to standard error), and the panic hook, so that no
/// panic's text, which may hold a secret, is printed anywhere. A panic becomes an error
/// object, as every error does; that needs `panic = "unwind"` (decision R4).
///
/// The exit status is 0 when an object was printed, whichever: the object says all. It is
/// 1 when nobody could be told.
///
/// It blocks. The issuer's futures are polled on this thread, without a runtime.
pub fn run(open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>) -> ExitCode {
    run_on(open, |issuer, input| block_on(answer(issuer, input)))
}

/// As [`run`], for issuers that need a tokio runtime: one with the current thread alone,
/// and with time and network. Opening, too, happens inside it.
#[cfg(feature = "tokio")]
pub fn run_on_tokio(open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => run_on(
            || {
                let _entered = runtime.enter();
                open()
            },
            |issuer, input| runtime.block_on(answer(issuer, input)),
        ),
        Err(error) => run(|| Err(IssuerError::system("start a runtime", error))),
    }
}

fn run_on(
    open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>,
    ask: impl FnOnce(&dyn Issuer, &[u8]) -> SecretText,
) -> ExitCode {
    panic::set_hook(Box::new(|panicked| {
        // Where, and not what: the text may hold a secret.
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        complain(&format!("panicked at {place}"));
    }));
    let stream = match AnswerStream::take() {
        Ok(stream) => stream,
        Err(error) => {
            complain(&format!("cannot use standard output: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let printed = catch_unwind(AssertUnwindSafe(|| {
        let asked = read_input().and_then(|input| Ok((input, open()?)));
        match asked {
            Ok((input, issuer)) => ask(&*issuer, &input),
            Err(error) => plugin::encode_error(&error),
        }
    }));
    let printed = printed.unwrap_or_else(|panicked| {
        // Dropping what was thrown may throw again.
        std::mem::forget(panicked);
        plugin::encode_error(&IssuerError::system("answer", "it panicked"))
    });
    match stream.print(printed.expose()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("nobody reads the answer: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Standard error is all that is left; where it is closed, nobody listens.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
