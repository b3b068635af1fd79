//! Tests a plugin that panics and cannot be reopened.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the licence server is away")]
    NoLicence,
    #[error(transparent)]
    Call(#[from] CallError),
}

impl PluginError for Refusal {
    fn kind(&self) -> keyway_core::ErrorKind {
        keyway_core::ErrorKind::Internal
    }

    fn effect(&self) -> keyway_core::Effect {
        keyway_core::Effect::None
    }
}

#[derive(Clone, Copy, Debug)]
enum Opening {
    Works,
    Fails,
    Panics,
}

struct Maker {
    opening: Opening,
    /// How often an instance was requested.
    asked: AtomicU32,
    /// How many instances exist.
    alive: Arc<AtomicU32>,
    dropping: Arc<Dropping>,
}

/// Lets a test stop the destructors of the instances.
#[derive(Default)]
struct Dropping {
    begun: AtomicU32,
    gate: Mutex<()>,
}

/// An instance that knows the number of the request that made it.
struct Numbered {
    number: u32,
    alive: Arc<AtomicU32>,
    dropping: Arc<Dropping>,
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.dropping.begun.fetch_add(1, Ordering::SeqCst);
        drop(self.dropping.gate.lock());
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Factory for Maker {
    type Instance = Numbered;
    type Error = Refusal;

    fn make(&self) -> Result<Arc<Numbered>, Refusal> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        match self.opening {
            Opening::Fails => Err(Refusal::NoLicence),
            Opening::Panics => panic!("in open"),
            Opening::Works => {
                assert_eq!(
                    self.alive.fetch_add(1, Ordering::SeqCst),
                    0,
                    "it may hold what the next one needs"
                );
                let (alive, dropping) = (Arc::clone(&self.alive), Arc::clone(&self.dropping));
                Ok(Arc::new(Numbered { number, alive, dropping }))
            }
        }
    }
}

fn opened(isolation: Isolation) -> Guard<Maker> {
    let (asked, alive, dropping) = (AtomicU32::new(0), Arc::default(), Arc::default());
    let maker = Maker { opening: Opening::Works, asked, alive, dropping };
    Guard::open(maker, (Duration::from_secs(30), isolation), Arc::default()).unwrap()
}

fn set(guard: &Guard<Maker>, opening: Opening) {
    guard.with_maker(|maker| maker.opening = opening);
}

fn asked(guard: &Guard<Maker>) -> u32 {
    guard.with_maker(|maker| maker.asked.load(Ordering::SeqCst))
}

/// Asks an instance for its number, or makes it panic.
async fn call(guard: &Guard<Maker>, panics: bool) -> Result<u32, CallError> {
    let work = move |instance: Arc<Numbered>| async move {
        assert!(!panics, "in a call");
        Ok(instance.number)
    };
    guard.call("call", Pace::Undeclared, work).await.map_err(of_call)
}

fn of_call(refusal: Refusal) -> CallError {
    match refusal {
        Refusal::Call(error) => error,
        Refusal::NoLicence => panic!("{refusal}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_panicked_is_never_called_again() {
    for isolation in [Isolation::Inline, Isolation::Task] {
        for refusal in [Opening::Fails, Opening::Panics] {
            let guard = opened(isolation);
            assert_eq!(call(&guard, false).await.unwrap(), 1);
            set(&guard, refusal);
            assert!(matches!(call(&guard, true).await, Err(CallError::Panicked { .. })));
            assert_eq!(asked(&guard), 2);
            for _ in 0..3 {
                // A failed attempt is not repeated with every call.
                for _ in 0..3 {
                    match call(&guard, false).await {
                        Err(CallError::NotReopened { retry_after, reason }) => {
                            assert!(retry_after <= RETRY_DELAY && !retry_after.is_zero(), "{retry_after:?}");
                            let fails = matches!(refusal, Opening::Fails);
                            let expected =
                                if fails { "the licence server is away" } else { "it panicked again" };
                            assert_eq!(reason, expected);
                        }
                        other => panic!("{other:?}"),
                    }
                    let looked = guard.look("look", |it| it.number).map_err(of_call);
                    assert!(matches!(looked, Err(CallError::NotReopened { .. })));
                    assert!(guard.is_quarantined());
                }
                tokio::time::advance(RETRY_DELAY).await;
            }
            assert_eq!(asked(&guard), 4);
            set(&guard, Opening::Works);
            assert_eq!(call(&guard, false).await.unwrap(), 5);
            assert_eq!(guard.look("look", |it| it.number).unwrap(), 5);
            assert!(!guard.is_quarantined());
        }
    }
}

#[tokio::test]
async fn a_panic_costs_one_call_where_another_instance_can_be_made() {
    let guard = opened(Isolation::Inline);
    assert!(matches!(call(&guard, true).await, Err(CallError::Panicked { .. })));
    assert_eq!(call(&guard, false).await.unwrap(), 2);
    let looked = guard.look("look", |_| -> u32 { panic!("in a look") });
    assert!(matches!(looked, Err(Refusal::Call(CallError::Panicked { .. }))));
    assert_eq!(guard.look("look", |it| it.number).unwrap(), 3);
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("while dropping");
    }
}

#[tokio::test]
async fn an_instance_whose_abandoned_call_panics_is_not_called_again() {
    for isolation in [Isolation::Inline, Isolation::Task] {
        let guard = opened(isolation);
        let work = |_| async {
            let _panics = PanicsWhenDropped;
            std::future::pending::<Result<(), Refusal>>().await
        };
        let asked = guard.call("call", Pace::Undeclared, work);
        assert!(timeout(Duration::from_millis(20), asked).await.is_err());
        let left = Instant::now();
        while call(&guard, false).await.unwrap() != 2 {
            assert!(left.elapsed() < Duration::from_secs(10), "the first instance is called");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Tests a call that comes while an instance that panicked is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_instance_is_made_before_the_old_one_is_dropped() {
    let guard = Arc::new(opened(Isolation::Inline));
    let dropping = guard.with_maker(|maker| Arc::clone(&maker.dropping));
    let gate = dropping.gate.lock().unwrap();
    let panicking = std::thread::spawn({
        let (guard, runtime) = (Arc::clone(&guard), tokio::runtime::Handle::current());
        move || runtime.block_on(call(&guard, true))
    });
    let begun = Instant::now();
    while dropping.begun.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the instance is dropped");
        std::thread::sleep(Duration::from_millis(2));
    }
    let refused = guard.look("look", |it| it.number).map_err(of_call);
    assert!(matches!(refused, Err(CallError::NotReopened { .. })), "{refused:?}");
    drop(gate);
    assert!(matches!(panicking.join().unwrap(), Err(CallError::Panicked { .. })));
    assert_eq!(call(&guard, false).await.unwrap(), 2);
}
