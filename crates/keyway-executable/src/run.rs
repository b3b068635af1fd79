//! Runs the executable, from its input to its answer.

use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use keyway_core::Wiped;
use keyway_issuers::wire::plugin;
use keyway_issuers::{Issuer, IssuerError, SecretText};
use pollster::block_on;

use crate::answer::{answer, without_effect};
use crate::streams::{AnswerStream, read_input};

/// Opens an issuer, reads the input of this process, calls the issuer, and prints its answer.
///
/// Call it from `main`. It redirects all other output to standard error, so that only the answer is printed on standard
/// output. It replaces the panic hook, so that the text of a panic, which may hold a secret, is not printed. A panic
/// becomes an error object, as every error does. This needs `panic = "unwind"` (decision R4).
///
/// The exit status is 0 when any object was printed, because the object holds the result. It is 1
/// when no object could be printed.
///
/// It blocks: the issuer's futures are polled on this thread, without a runtime.
pub fn run(open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>) -> ExitCode {
    run_on(open, |issuer, input| block_on(answer(issuer, input)))
}

/// Does the same as [`run`], but on a current-thread tokio runtime with time and network. The issuer is opened inside
/// the runtime too.
#[cfg(feature = "tokio")]
pub fn run_on_tokio(open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>) -> ExitCode {
    on_runtime(|runtime| {
        run_on(
            || {
                let _entered = runtime.enter();
                open()
            },
            |issuer, input| runtime.block_on(answer(issuer, input)),
        )
    })
    .unwrap_or_else(|error| run(|| Err(IssuerError::system("start a runtime", error))))
}

/// Runs a closure with a runtime of its own.
///
/// It does not wait for remaining tasks, such as tasks on a thread for blocking work: the answer is printed already,
/// and the host waits for this process to end.
#[cfg(feature = "tokio")]
fn on_runtime<T>(work: impl FnOnce(&tokio::runtime::Runtime) -> T) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = work(&runtime);
    runtime.shutdown_background();
    Ok(done)
}

fn run_on(
    open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>,
    ask: impl FnOnce(&dyn Issuer, &[u8]) -> SecretText,
) -> ExitCode {
    panic::set_hook(Box::new(|panicked| {
        // The hook reports the place and omits the text, which may hold a secret.
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
    match live(read_input, open, ask, |printed| stream.print(printed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("the answer cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Does everything from reading the input to printing the answer. A panic of the issuer becomes an error object.
fn live(
    read: impl FnOnce() -> Result<Wiped<Vec<u8>>, IssuerError>,
    open: impl FnOnce() -> Result<Arc<dyn Issuer>, IssuerError>,
    ask: impl FnOnce(&dyn Issuer, &[u8]) -> SecretText,
    print: impl FnOnce(&str) -> io::Result<()>,
) -> io::Result<()> {
    let panicked = |what| IssuerError::system(what, "it panicked");
    let ready = contained(|| read().and_then(|input| Ok((input, open()?))));
    let ready = ready.unwrap_or_else(|| Err(panicked("be opened")));
    let (printed, opened) = match ready {
        Ok((input, issuer)) => (contained(|| ask(&*issuer, &input)), Some(issuer)),
        // The issuer was not asked for anything, so nothing has happened.
        Err(error) => (Some(plugin::encode_error(&without_effect("the issuer", error))), None),
    };
    let printed = printed.unwrap_or_else(|| plugin::encode_error(&panicked("answer")));
    let told = print(printed.expose());
    // Dropping the issuer runs the issuer's code. The drop comes last, so that it cannot change the answer.
    contained(|| drop(opened));
    told
}

/// Runs the issuer's code, and returns `None` when it panics.
fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Dropping a panic's payload may panic again, so the payload is leaked.
    catch_unwind(AssertUnwindSafe(work)).map_err(std::mem::forget).ok()
}

/// Writes to standard error. A failure is ignored, because no other channel is left.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use keyway_core::PluginError as _;
    use keyway_issuers::wire::{Ended, Profile, WireOptions, host};
    use keyway_issuers::{
        Capabilities, Context, CredentialRequest, Description, Issued, RequestOutcome, Revocation, UserInfo,
        async_trait,
    };

    use super::*;

    /// An issuer that makes a credential, and panics when it is dropped.
    #[derive(Debug)]
    struct PanicsAtLast;

    impl Drop for PanicsAtLast {
        fn drop(&mut self) {
            panic!("while dropping");
        }
    }

    #[async_trait]
    impl Issuer for PanicsAtLast {
        fn capabilities(&self) -> Capabilities {
            Capabilities::MINIMAL
        }

        async fn describe(&self) -> Result<Description, IssuerError> {
            Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
        }

        async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
            Ok(Issued::new("made").into())
        }

        async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_at_the_end_does_not_take_the_answer_back() {
        let joe = Context::new(UserInfo::new("https://issuer.example.com", "joe"));
        let sent = host::encode_request(&CredentialRequest::new(joe), &WireOptions::new("1"));
        let mut printed = String::new();
        live(
            || Ok(Wiped::new(sent.expose().as_bytes().to_vec())),
            || Ok(Arc::new(PanicsAtLast)),
            |issuer, input| block_on(answer(issuer, input)),
            |answer| {
                answer.clone_into(&mut printed);
                Ok(())
            },
        )
        .unwrap();
        let read = host::decode_outcome(printed.as_bytes(), Ended::SUCCESS, Profile::Strict);
        assert_eq!(read.unwrap(), RequestOutcome::Issued(Issued::new("made")));
    }

    #[test]
    fn only_the_call_of_the_issuer_has_an_unknown_effect() {
        type Open = fn() -> Result<Arc<dyn Issuer>, IssuerError>;
        let several = || crate::OpenError::Several { ids: vec!["a", "b"] };
        assert_eq!(IssuerError::from(several()).effect(), keyway_core::Effect::None);
        let failing: [(Open, bool); 3] = [
            (|| Err(IssuerError::system("start a runtime", "no files are left")), false),
            (|| panic!("while opening"), false),
            (|| Ok(Arc::new(PanicsAtLast)), true),
        ];
        for (open, is_asked) in failing {
            let mut printed = String::new();
            let print = |answer: &str| {
                answer.clone_into(&mut printed);
                Ok(())
            };
            live(|| Ok(Wiped::new(Vec::new())), open, |_, _| panic!("in the call"), print).unwrap();
            assert!(printed.contains(r#""result":"error""#), "{printed}");
            assert_eq!(printed.contains("effect_unknown"), is_asked, "{printed}");
        }
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn a_task_that_still_blocks_on_the_runtime_is_not_waited_for() {
        use std::time::{Duration, Instant};
        let begun = Instant::now();
        on_runtime(|runtime| {
            runtime.block_on(async {
                tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(60)));
            });
        })
        .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
