//! Compares a store with the model. Random operations go through two handles, with restarts and rotations between them.

mod model;
mod support;

use std::sync::Arc;

use keyway_secrets::{EnvironmentFilter, SecretStore};
use keyway_storage::{Sqlite, Storage};
use model::{Answer, Model, Operation, perform};
use proptest::prelude::*;
use support::*;

#[derive(Clone, Debug)]
enum Step {
    /// An operation. It goes through the first handle if the flag is true, otherwise through the second one.
    Do(bool, Operation),
    /// Both handles are reopened.
    Reopen,
    /// The first handle rotates; the second one already has the new keys.
    Rotate,
    /// A handle rotates, but dies after the given number of commits. Then both handles are reopened, and the first one
    /// repeats the rotation.
    RotateTwice(u8),
}

fn addresses() -> impl Strategy<Value = keyway_secrets::SecretAddress> {
    (0..4_u8, 0..4_u8).prop_map(|(name, of)| match of {
        0 | 1 => at(&format!("n{name}")),
        of => at_in(&format!("n{name}"), &format!("e{of}")),
    })
}

fn environments() -> impl Strategy<Value = keyway_secrets::EnvironmentName> {
    (1..4_u8).prop_map(|number| environment(&format!("e{number}")))
}

fn operations() -> impl Strategy<Value = Operation> {
    let text = || "[a-zé]{0,6}";
    let filter = prop_oneof![
        Just(EnvironmentFilter::All),
        Just(EnvironmentFilter::Shared),
        environments().prop_map(EnvironmentFilter::In)
    ];
    prop_oneof![
        5 => (addresses(), text(), prop::option::of(text()))
            .prop_map(|(address, value, description)| Operation::Create { address, value, description }),
        3 => addresses().prop_map(Operation::Get),
        4 => (addresses(), prop::option::of(text()), prop::option::of(prop::option::of(text())), prop::option::of(1..4_u64))
            .prop_map(|(address, value, description, expected)| Operation::Modify { address, value, description, expected }),
        2 => (addresses(), prop::option::of(1..4_u64))
            .prop_map(|(address, expected)| Operation::Destroy { address, expected }),
        2 => (filter, 1..4_usize, any::<bool>())
            .prop_map(|(environment, limit, values)| Operation::List { environment, limit, values }),
        2 => (environments(), prop::option::of(text()))
            .prop_map(|(name, url)| Operation::CreateEnvironment { name, url }),
        1 => (environments(), prop::option::of(text()))
            .prop_map(|(name, url)| Operation::ModifyEnvironment { name, url }),
        1 => environments().prop_map(Operation::RetrieveEnvironment),
        1 => (1..3_usize).prop_map(|limit| Operation::ListEnvironments { limit }),
        1 => prop::option::of(0..8_u32).prop_map(Operation::Limit),
        1 => Just(Operation::Count),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (any::<bool>(), operations()).prop_map(|(first, operation)| Step::Do(first, operation)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Rotate),
        1 => (0..6_u8).prop_map(Step::RotateTwice),
    ];
    prop::collection::vec(step, 1..60)
}

fn check(storage: &Arc<dyn Storage>, steps: &[Step]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut keys = ring();
        let mut handles: [Arc<dyn SecretStore>; 2] = [open(storage, &keys), open(storage, &keys)];
        handles[0].initialize().await.unwrap();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Do(first, operation) => {
                    let answer = perform(&*handles[usize::from(*first)], operation).await;
                    prop_assert_eq!(&answer, &model.apply(operation), "{:?}", operation);
                }
                Step::Reopen => handles = [open(storage, &keys), open(storage, &keys)],
                Step::Rotate => {
                    let fresh = ring();
                    handles[1] = open(storage, &keys.with_retiring(&fresh));
                    handles[0].rotate(&fresh, &silent).await.unwrap();
                    keys = fresh;
                }
                Step::RotateTwice(commits) => {
                    let fresh = ring();
                    let doomed = dying(storage, u64::from(*commits));
                    let _ = open(&doomed, &keys).rotate(&fresh, &silent).await;
                    handles[1] = open(storage, &keys.with_retiring(&fresh));
                    for operation in [Operation::Count, Operation::ListEnvironments { limit: 2 }] {
                        prop_assert_eq!(perform(&*handles[1], &operation).await, model.apply(&operation));
                    }
                    handles[0] = open(storage, &fresh.with_retiring(&keys));
                    handles[0].rotate(&fresh, &silent).await.unwrap();
                    keys = fresh;
                }
            }
        }
        // At the end, the last keys alone must open everything.
        let last = open(storage, &keys);
        let all = Operation::List { environment: EnvironmentFilter::All, limit: 3, values: true };
        prop_assert_eq!(perform(&*last, &all).await, model.apply(&all));
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn on_memory(steps in steps()) {
        check(&memory(), &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn on_sqlite(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Sqlite::open_or_create(folder.path().join("store.db")).unwrap());
        check(&storage, &steps)?;
    }
}

/// Tests the model itself, because it must not merely repeat the behaviour of the store.
#[test]
fn the_model_refuses_what_the_contract_refuses() {
    let mut model = Model::default();
    let create = Operation::Create { address: at_in("a", "e1"), value: "x".into(), description: None };
    assert_eq!(model.apply(&create), Answer::Refused("environment not found"));
    model.apply(&Operation::CreateEnvironment { name: environment("e1"), url: None });
    assert_eq!(model.apply(&create), Answer::Done);
    assert_eq!(model.apply(&create), Answer::Refused("secret exists"));
    let destroy = Operation::Destroy { address: at_in("a", "e1"), expected: Some(2) };
    assert_eq!(model.apply(&destroy), Answer::Refused("version conflict"));
}
