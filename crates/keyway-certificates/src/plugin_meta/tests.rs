//! Tests of the data that a plugin keeps with an order.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pollster::block_on;
use proptest::prelude::*;

use super::*;
use crate::{Json, ObjectLimit};

/// Keeps the values of every save. Each save waits before it takes effect, as on a slow disk.
#[derive(Debug, Default)]
struct Disk {
    saves: Mutex<Vec<JsonObject>>,
    /// Set while a save is in progress.
    busy: Mutex<bool>,
    fails: bool,
}

#[async_trait]
impl Checkpoint for Disk {
    async fn save(&self, values: &JsonObject) -> Result<(), CertificateError> {
        assert!(!std::mem::replace(&mut *self.busy.lock().unwrap(), true), "two saves at a time");
        once_pending().await;
        *self.busy.lock().unwrap() = false;
        if self.fails {
            return Err(CertificateError::system("save the checkpoint", "the disk is full"));
        }
        self.saves.lock().unwrap().push(values.clone());
        Ok(())
    }
}

async fn once_pending() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn on(disk: &Arc<Disk>) -> PluginMeta {
    PluginMeta::new(JsonObject::new(), disk.clone())
}

#[test]
fn a_failed_checkpoint_is_an_error_and_changes_no_value() {
    let disk = Arc::new(Disk { fails: true, ..Disk::default() });
    let meta = on(&disk);
    meta.set("a", "1").unwrap();
    assert!(matches!(block_on(meta.checkpoint()), Err(CertificateError::System { .. })));
    assert_eq!(meta.text("a").unwrap().expose(), "1");
}

#[test]
fn an_older_checkpoint_never_follows_a_newer_one() {
    let disk = Arc::<Disk>::default();
    let meta = on(&disk);
    let mut context = Context::from_waker(Waker::noop());
    meta.set("a", "1").unwrap();
    let mut first = pin!(meta.checkpoint());
    assert!(first.as_mut().poll(&mut context).is_pending());
    meta.set("b", "2").unwrap();
    let mut second = pin!(meta.checkpoint());
    // The second checkpoint waits for the first, whose save is in progress.
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    block_on(first).unwrap();
    block_on(second).unwrap();
    let saves = disk.saves.lock().unwrap();
    assert_eq!(saves.iter().map(JsonObject::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(saves[1], meta.snapshot());
}

#[test]
fn a_dropped_checkpoint_does_not_block_the_next() {
    let disk = Arc::<Disk>::default();
    let meta = on(&disk);
    {
        let mut dropped = pin!(meta.checkpoint());
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    *disk.busy.lock().unwrap() = false;
    block_on(meta.checkpoint()).unwrap();
    assert_eq!(disk.saves.lock().unwrap().len(), 1);
}

#[test]
fn too_much_is_refused_and_changes_nothing() {
    let meta = on(&Arc::default());
    meta.set("kept", "1").unwrap();
    let before = meta.snapshot();
    // `{"kept":"1","a":"..."}` has 19 bytes besides the text.
    let most = PluginMeta::MAX_BYTES - 19;
    let error = meta.set("a", "x".repeat(most + 1)).unwrap_err();
    assert_eq!(
        error,
        ObjectLimit::TooLarge { bytes: PluginMeta::MAX_BYTES + 1, limit: PluginMeta::MAX_BYTES }
    );
    assert_eq!(meta.snapshot(), before);
    meta.set("a", "x".repeat(most)).unwrap();
    // Values that were replaced or removed do not count towards the limit.
    meta.set("a", "y".repeat(most)).unwrap();
    assert!(meta.set("b", "1").is_err());
    meta.remove("a").unwrap();
    meta.set("b", "1").unwrap();

    let deep = (1..PluginMeta::MAX_DEPTH).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
    meta.set("deep", deep.clone()).unwrap();
    let error = meta.set("deep", Json::Array(vec![deep])).unwrap_err();
    assert_eq!(error, ObjectLimit::TooDeep { limit: PluginMeta::MAX_DEPTH });
}

#[test]
fn values_that_outgrew_the_limit_can_still_be_removed() {
    let stored = JsonObject::from([("old".to_owned(), Json::text("x".repeat(PluginMeta::MAX_BYTES)))]);
    let meta = PluginMeta::new(stored, Arc::new(Disk::default()));
    assert!(meta.set("new", "1").is_err());
    meta.remove("old").unwrap();
    meta.set("new", "1").unwrap();
}

#[test]
fn no_value_is_shown() {
    let meta = on(&Arc::default());
    meta.set("token", "n33dle").unwrap();
    assert_eq!(format!("{meta:?}"), r#"{"token"}"#);
}

/// A step of a plugin.
#[derive(Clone, Debug)]
enum Step {
    Set(String, String),
    Remove(String),
    Checkpoint,
    /// Waits, so that a future may be dropped here.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || "[a-d]|\u{e9}\"";
    let step = prop_oneof![
        3 => (name(), any::<String>()).prop_map(|(name, value)| Step::Set(name, value)),
        2 => name().prop_map(Step::Remove),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 0..24)
}

/// Returns the values after these steps.
fn model(steps: &[Step]) -> JsonObject {
    let mut values = JsonObject::new();
    for step in steps {
        match step {
            Step::Set(name, value) => drop(values.insert(name.clone(), Json::text(value.clone()))),
            Step::Remove(name) => drop(values.remove(name)),
            Step::Checkpoint | Step::Wait => {}
        }
    }
    values
}

/// Carries the steps out as a plugin does, and counts the finished steps.
async fn call(meta: PluginMeta, steps: Vec<Step>, done: Arc<Mutex<usize>>) {
    for step in steps {
        match step {
            Step::Set(name, value) => meta.set(name, value).unwrap(),
            Step::Remove(name) => drop(meta.remove(&name)),
            Step::Checkpoint => meta.checkpoint().await.unwrap(),
            Step::Wait => once_pending().await,
        }
        *done.lock().unwrap() += 1;
    }
}

proptest! {
    #[test]
    fn a_dropped_call_loses_nothing_and_a_removed_entry_stays_removed(steps in steps(), polls in 0_usize..12) {
        let (disk, done) = (Arc::<Disk>::default(), Arc::<Mutex<usize>>::default());
        let meta = on(&disk);
        {
            let mut called = pin!(call(meta.clone(), steps.clone(), done.clone()));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if called.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
        let done = *done.lock().unwrap();
        let expected = model(&steps[..done]);
        prop_assert_eq!(meta.snapshot(), expected.clone());
        for name in ["a", "b", "c", "d", "\u{e9}\""] {
            prop_assert_eq!(meta.get(name), expected.get(name).cloned());
            prop_assert_eq!(meta.text(name).is_some(), expected.contains_key(name));
        }
        // Each checkpoint that returned has stored the values that the plugin had at that moment.
        let checkpoints = steps[..done].iter().enumerate().filter(|(_, step)| matches!(step, Step::Checkpoint));
        let expected: Vec<_> = checkpoints.map(|(index, _)| model(&steps[..index])).collect();
        prop_assert_eq!(&*disk.saves.lock().unwrap(), &expected);
        // The next call gets the values that the handle has now.
        let next = PluginMeta::new(meta.snapshot(), disk.clone());
        prop_assert_eq!(next.snapshot(), meta.snapshot());
    }
}
