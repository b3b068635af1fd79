//! Checks random cases for a rule, and shrinks a failing one.

use std::panic::resume_unwind;
use std::thread;

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::runtime::runtime;
use crate::{Broken, Trial, broken};

/// The maximum number of smaller cases that are tried after a case has failed.
const SHRINKS: u32 = 400;

/// Checks random cases until one fails, and shrinks that case. Blocks. The check runs on its own runtime, because
/// proptest's runner cannot wait for a future.
pub(crate) fn smallest_failing<S, T, C>(
    trial: &Trial<'_, T>,
    cases: u32,
    strategy: &(impl Fn() -> S + Sync),
    check: &C,
) -> Result<Option<S::Value>, Broken>
where
    S: Strategy,
    S::Value: Send,
    T: ?Sized,
    C: AsyncFn(&S::Value) -> Result<(), Broken> + Sync,
{
    let mut seed = [0; 32];
    for part in seed.chunks_mut(8) {
        part.copy_from_slice(&trial.random().to_le_bytes());
    }
    let search = || {
        let runtime = runtime()?;
        let config =
            Config { cases, max_shrink_iters: SHRINKS, failure_persistence: None, ..Config::default() };
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let case = |case| {
            let checked = runtime.block_on(check(&case));
            checked.map_err(|broken| TestCaseError::fail(format!("{broken:?}")))
        };
        match TestRunner::new_with_rng(config, random).run(&strategy(), case) {
            Ok(()) => Ok(None),
            Err(TestError::Fail(_, case)) => Ok(Some(case)),
            Err(TestError::Abort(reason)) => Err(broken("a random sequence", reason.message().to_owned())),
        }
    };
    thread::scope(|scope| scope.spawn(search).join().unwrap_or_else(|panic| resume_unwind(panic)))
}
