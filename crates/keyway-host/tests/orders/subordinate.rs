//! Tests how subordinate authorities are created and deleted while plugins fail and processes end.

use std::sync::Arc;

use keyway_certificates::{
    CaId, CaInformation, CertificateAuthority as _, CertificateAuthorityLayer, CertificateError, CreateCa,
    Layered, Owner,
};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::{Effect, ErrorKind, PluginError as _};
use keyway_host::orders::subordinate::{Decision, NewCa, Phase, SubordinateCa, TransitionError};
use keyway_host::orders::{Authority, CaRefusal, NewOrder, OrdersError};
use keyway_storage::{Batch, CommitOutcome, Expectation, FaultyStorage, KeyRange, Storage};

use crate::world::*;

fn eve() -> Owner {
    Owner::new("eve").unwrap()
}

/// Returns the id of the base authority.
fn base(world: &World) -> CaId {
    world.cas(&eve())[0].id.clone()
}

fn team(world: &World) -> NewCa {
    NewCa::new(joe(), base(world), "Team", "CN=Team").with_description("Ours").with_request_id("request")
}

async fn listed(world: &World) -> Vec<SubordinateCa> {
    world.subordinate_cas().list(&joe()).await.unwrap()
}

/// Returns the names of the authorities that an owner may use.
fn names(world: &World, owner: &Owner) -> Vec<String> {
    let mut names: Vec<_> = world.cas(owner).into_iter().map(|ca| ca.information.name).collect();
    names.sort();
    names
}

/// Returns the authorities that exist at the plugin, apart from the base authority.
fn existing(ca: &ScriptedCa) -> Vec<String> {
    let effects = ca.effects();
    let of = |call| effects.iter().filter(move |effect| effect.call == call);
    let deleted: Vec<_> = of(CaCall::DeleteCa).map(|effect| effect.object.clone()).collect();
    of(CaCall::CreateCa).map(|effect| effect.object.clone()).filter(|id| !deleted.contains(id)).collect()
}

#[tokio::test]
async fn only_its_owner_sees_uses_and_deletes_it() {
    let ca = ScriptedCa::new().looks(0);
    let world = start(&ca).await;
    let made = world.subordinate_cas().create(team(&world)).await.unwrap();
    let id = made.id.clone().unwrap();
    assert_eq!((made.state.phase, made.name.as_str()), (Phase::Active, "Team"));
    assert_eq!(names(&world, &joe()), ["Team", "The scripted authority"]);
    assert_eq!(names(&world, &eve()), ["The scripted authority"]);
    let hosted = world.cas(&joe()).into_iter().find(|ca| ca.id == id).unwrap();
    assert!(hosted.information.signing_certificate.is_some(), "the plugin's whole description counts");
    // After a refresh the plugin lists the authority, and it still belongs to its owner.
    world.pass(DELAY * 60 * 25).await;
    assert_eq!(names(&world, &eve()), ["The scripted authority"]);

    let order = |owner: Owner| {
        NewOrder::new(owner, metadata(&format!(r#"{{"name": "needle.example.com", "ca_id": "{id}"}}"#)))
    };
    let placed = world.submit(order(joe())).await.unwrap();
    assert_eq!(placed.ca, made.state.ca);
    let unknown = |error: OrdersError| matches!(error, OrdersError::Ca(CaRefusal::Unknown { .. }));
    assert!(unknown(world.submit(order(eve())).await.unwrap_err()));
    assert!(unknown(world.prefer(Some(&eve()), Some(&id)).await.unwrap_err()));
    let below = NewCa::new(eve(), id.clone(), "Below", "CN=Below");
    assert_eq!(world.subordinate_cas().create(below).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(world.subordinate_cas().delete(&eve(), &id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(world.subordinate_cas().list(&eve()).await.unwrap().is_empty());

    // The owner creates another authority below the first one.
    let below = NewCa::new(joe(), id.clone(), "Below", "CN=Below");
    assert_eq!(world.subordinate_cas().create(below).await.unwrap().parent, made.state.ca.unwrap());
    world.subordinate_cas().delete(&joe(), &id).await.unwrap();
    assert_eq!(names(&world, &joe()), ["Below", "The scripted authority"]);
    assert_eq!(existing(&ca).len(), 1);
}

#[tokio::test]
async fn an_impossible_creation_or_deletion_is_refused_before_the_plugin_is_asked() {
    let ca = ScriptedCa::new();
    let world = start(&ca).await;
    let subordinate = world.subordinate_cas();
    let new = |name: &str, subject: &str| NewCa::new(joe(), base(&world), name, subject);
    for (new, kind) in [
        (new("", "CN=Team"), ErrorKind::Invalid),
        (new("Te\nam", "CN=Team"), ErrorKind::Invalid),
        (new("Team", "Team"), ErrorKind::Invalid),
        (new("The scripted authority", "CN=Team"), ErrorKind::AlreadyExists),
        (NewCa::new(joe(), CaId::new("none").unwrap(), "Team", "CN=Team"), ErrorKind::NotFound),
    ] {
        assert_eq!(subordinate.create(new).await.unwrap_err().kind(), kind);
    }
    assert_eq!(ca.calls(CaCall::CreateCa), 0);
    assert_eq!(subordinate.delete(&joe(), &base(&world)).await.unwrap_err().kind(), ErrorKind::Denied);
    assert!(listed(&world).await.is_empty());

    // The name is free again as soon as the authority is gone.
    let made = subordinate.create(team(&world)).await.unwrap();
    let again = subordinate.create(new("Team", "CN=Other")).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    subordinate.delete(&joe(), &made.id.unwrap()).await.unwrap();
    subordinate.create(new("Team", "CN=Other")).await.unwrap();

    let none = ScriptedCa::CAPABILITIES.creates_cas(false);
    let world = start(&ScriptedCa::new().with_capabilities(none)).await;
    let error = world.subordinate_cas().create(team(&world)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unsupported, Effect::None));
}

#[tokio::test]
async fn the_preferred_one_is_deleted_last_and_its_preference_goes_with_it() {
    let world = start(&ScriptedCa::new().looks(0)).await;
    let subordinate = world.subordinate_cas();
    let mut ids = Vec::new();
    for name in ["One", "Two"] {
        let made = subordinate.create(NewCa::new(joe(), base(&world), name, "CN=Team")).await.unwrap();
        ids.push(made.id.unwrap());
    }
    world.prefer(Some(&joe()), Some(&ids[0])).await.unwrap();
    assert_eq!(world.placed().await.ca.map(|ca| ca.to_string()).as_deref(), Some("sub-1"));
    let refused = subordinate.delete(&joe(), &ids[0]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    subordinate.delete(&joe(), &ids[1]).await.unwrap();
    subordinate.delete(&joe(), &ids[0]).await.unwrap();
    // Orders that name no authority are placed as if there were no preference.
    assert_eq!(world.placed().await.ca, None);
}

#[tokio::test]
async fn many_preferences_at_once_are_all_stored() {
    let (clock, ca) = (Arc::default(), ScriptedCa::new());
    let storage: Arc<dyn Storage> = FaultyStorage::over(&memory()).pauses().into_engine();
    let world = World::start(builder(&storage, &ring(), &clock).authority(given("ca", &ca)), &clock).await;
    world.work().await;
    let base = base(&world);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (world, base) = (world.clone(), base.clone());
        tasks.spawn(async move { world.prefer(Some(&joe()), Some(&base)).await });
    }
    while let Some(stored) = tasks.join_next().await {
        stored.unwrap().unwrap();
    }
}

/// Tests a preference that is stored after another host has deleted the preferred authority.
#[tokio::test]
async fn a_preference_for_an_authority_that_is_gone_counts_no_more() {
    let (storage, keys, clock) = (memory(), ring(), Arc::default());
    let ca = ScriptedCa::new().looks(0);
    let host = |name| builder(&storage, &keys, &clock).name(name).authority(given("ca", &ca));
    let (a, b) = (World::start(host("a"), &clock).await, World::start(host("b"), &clock).await);
    let id = a.subordinate_cas().create(team(&a)).await.unwrap().id.unwrap();
    b.prefer(Some(&joe()), Some(&id)).await.unwrap();
    let preferences = async || {
        let range = KeyRange::prefix(b"keyway-host\0\x06\x01".as_slice());
        storage.scan(&range, None, 9).await.unwrap().entries
    };
    let stored = preferences().await.swap_remove(0);
    a.subordinate_cas().delete(&joe(), &id).await.unwrap();
    assert!(preferences().await.is_empty());
    for world in [&a, &b] {
        let late = Batch::new().put(stored.key.clone(), stored.value.clone(), Expectation::Any);
        assert!(matches!(storage.commit(late).await.unwrap(), CommitOutcome::Committed(_)));
        assert_eq!(world.placed().await.ca, None, "as if nothing were preferred");
        assert!(preferences().await.is_empty(), "the preference is gone too");
    }
    // The preferred base authority is not listed any more. The order is refused, and no other authority takes its
    // place.
    a.prefer(Some(&joe()), Some(&base(&a))).await.unwrap();
    let other = ScriptedCa::new().with_name("Another");
    let world =
        World::start(builder(&storage, &keys, &clock).name("c").authority(given("other", &other)), &clock);
    let refused = world.await.submit(new_order()).await.unwrap_err();
    assert!(matches!(refused, OrdersError::Ca(CaRefusal::Unknown { .. })), "{refused}");
}

#[tokio::test]
async fn a_refusal_creates_nothing_and_a_refused_deletion_changes_nothing() {
    let ca = ScriptedCa::new();
    let world = start(&ca).await;
    let subordinate = world.subordinate_cas();
    for fault in [Fault::Refused, Fault::Unavailable] {
        ca.script(CaCall::CreateCa, [Step::fault(fault)]);
        let error = subordinate.create(team(&world)).await.unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        assert!(listed(&world).await.is_empty());
    }
    let id = subordinate.create(team(&world)).await.unwrap().id.unwrap();
    ca.script(CaCall::DeleteCa, [Step::fault(Fault::Refused)]);
    subordinate.delete(&joe(), &id).await.unwrap_err();
    assert_eq!(listed(&world).await[0].state.phase, Phase::Active);
    // If the authority cannot be reached, the deletion is tried again.
    ca.script(CaCall::DeleteCa, [Step::fault(Fault::Unavailable)]);
    subordinate.delete(&joe(), &id).await.unwrap_err();
    assert_eq!(listed(&world).await[0].state.phase, Phase::Deleting);
    world.pass(DELAY).await;
    assert!(listed(&world).await.is_empty() && existing(&ca).is_empty());
}

#[tokio::test]
async fn an_authority_is_deleted_when_its_connection_is_open_again() {
    let (storage, keys, clock) = (memory(), ring(), Arc::default());
    let ca = ScriptedCa::new();
    let host = || builder(&storage, &keys, &clock);
    let world = World::start(host().authority(given("ca", &ca)), &clock).await;
    let id = world.subordinate_cas().create(team(&world)).await.unwrap().id.unwrap();
    let closed = World::start(host(), &clock).await;
    let error = closed.subordinate_cas().delete(&joe(), &id).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    assert_eq!(listed(&closed).await[0].state.phase, Phase::Deleting);
    let world = World::start(host().authority(given("ca", &ca)), &clock).await;
    world.pass(DELAY).await;
    assert!(listed(&world).await.is_empty() && existing(&ca).is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_what_the_plugin_can_do() {
    let all = ScriptedCa::CAPABILITIES;
    for capabilities in [all.reconciles(false), all.idempotent(false), forgetful()] {
        for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::PanicsAfterwards, Fault::Panics] {
            let ca = ScriptedCa::new().with_capabilities(capabilities);
            let world = start(&ca).await;
            ca.script(CaCall::CreateCa, [Step::fault(fault)]);
            let error = world.subordinate_cas().create(team(&world)).await.unwrap_err();
            assert_eq!(error.effect(), Effect::Unknown);
            // While the outcome is unknown the new authority is hidden, even if the plugin lists it.
            world.pass(DELAY * 60 * 25).await;
            world.pass(DELAY).await;
            assert_eq!(names(&world, &eve()), ["The scripted authority"]);
            let [open] = &listed(&world).await[..] else { panic!("{capabilities:?} {fault:?}: lost") };
            if capabilities == forgetful() {
                assert_eq!(open.state.phase, Phase::Undecided);
                assert_eq!(world.subordinate_cas().undecided(None, 9).await.unwrap().cas.len(), 1);
                let decision = match existing(&ca).pop() {
                    Some(id) => Decision::Exists(CaId::new(id).unwrap()),
                    None => Decision::NothingThere,
                };
                let decided = world.subordinate_cas().decide(&joe(), &open.intent, decision.clone()).await;
                assert_eq!(decided.unwrap().is_some(), decision != Decision::NothingThere);
            }
            let active: Vec<_> = listed(&world).await;
            assert!(active.iter().all(|ca| ca.state.phase == Phase::Active), "{active:?}");
            assert_eq!(active.len(), existing(&ca).len(), "{capabilities:?} {fault:?}");
            assert_eq!(ca.doubled(), []);
        }
    }
}

/// A plugin that answers with the base authority instead of a new one.
#[derive(Debug)]
struct Confused(ScriptedCa);

impl CertificateAuthorityLayer for Confused {
    type Inner = ScriptedCa;

    fn inner(&self) -> &ScriptedCa {
        &self.0
    }

    async fn create_ca(&self, _: &CreateCa) -> Result<CaInformation, CertificateError> {
        Ok(self.0.ca_information().await?.swap_remove(0))
    }
}

#[tokio::test]
async fn a_plugin_that_answers_with_the_base_authority_gives_it_to_nobody() {
    let clock = Arc::default();
    let confused = Authority::with_authority(named("ca"), Arc::new(Layered(Confused(ScriptedCa::new()))));
    let world = World::start(builder(&memory(), &ring(), &clock).authority(confused), &clock).await;
    let subordinate = world.subordinate_cas();
    let error = subordinate.create(team(&world)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    let open = subordinate.undecided(None, 9).await.unwrap().cas.pop().unwrap();
    let decision = Decision::Exists(CaId::new("base").unwrap());
    let error = subordinate.decide(&joe(), &open.intent, decision).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(names(&world, &eve()), ["The scripted authority"]);
    assert_eq!(
        subordinate.decide(&joe(), &open.intent, Decision::NothingThere).await.unwrap().map(|_| ()),
        None
    );
}

#[tokio::test]
async fn hosts_that_share_records_know_the_authorities_of_each_other() {
    let (storage, keys, clock): (Arc<dyn Storage>, _, _) = (memory(), ring(), Arc::default());
    let ca = ScriptedCa::new().looks(0);
    let host = |name: &str| builder(&storage, &keys, &clock).name(name).authority(given("ca", &ca));
    let (one, other) = (World::start(host("a"), &clock).await, World::start(host("b"), &clock).await);
    let id = one.subordinate_cas().create(team(&one)).await.unwrap().id.unwrap();
    let metadata = metadata(&format!(r#"{{"name": "needle.example.com", "ca_id": "{id}"}}"#));
    other.submit(NewOrder::new(joe(), metadata.clone())).await.unwrap();
    assert!(other.submit(NewOrder::new(eve(), metadata)).await.is_err());
    other.prefer(Some(&joe()), Some(&id)).await.unwrap();
    other.subordinate_cas().delete(&joe(), &id).await.unwrap();
    let error = one.subordinate_cas().delete(&joe(), &id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(names(&one, &joe()), ["The scripted authority"]);
    assert_eq!(one.placed().await.ca, None);
}

/// Creates and deletes an authority. The function stops at the first error.
async fn life(world: &World) -> Option<()> {
    let made = world.subordinate_cas().create(team(world)).await.ok()?;
    world.subordinate_cas().delete(&joe(), &made.id?).await.ok()
}

/// Creates and deletes an authority on a storage engine that stops at its n-th commit, for every n and in four
/// variants: the commit takes effect or not, and the engine can still be read or not. Then a new run continues. Nothing
/// is lost or doubled, and no other owner ever sees the authority.
#[tokio::test]
async fn nothing_is_lost_or_doubled_wherever_the_process_ends() {
    let all = ScriptedCa::CAPABILITIES;
    let (mut undecided, mut unfinished) = (0, 0);
    for capabilities in [forgetful(), all.idempotent(false), all.reconciles(false), all] {
        for commits in 0..10 {
            for variant in 0..4 {
                let (applied, reads_too) = (variant & 1 != 0, variant & 2 != 0);
                let case = format!("{capabilities:?} {commits} {applied} {reads_too}");
                let (storage, keys, clock): (Arc<dyn Storage>, _, _) = (memory(), ring(), Arc::default());
                let ca = ScriptedCa::new().with_capabilities(capabilities);
                let host = |storage| builder(&storage, &keys, &clock).authority(given("ca", &ca));
                World::start(host(Arc::clone(&storage)), &clock).await;

                let dying = dying(&storage, commits, applied, reads_too);
                life(&World::start(host(dying), &clock).await).await;

                let world = World::start(host(storage), &clock).await;
                assert_eq!(names(&world, &eve()), ["The scripted authority"], "{case}");
                world.host.recover().await.unwrap();
                for _ in 0..9 {
                    world.pass(10 * DELAY).await;
                    for open in world.subordinate_cas().undecided(None, 9).await.unwrap().cas {
                        assert_eq!(capabilities, forgetful(), "{case}");
                        undecided += 1;
                        let decision = match existing(&ca).pop() {
                            Some(id) => Decision::Exists(CaId::new(id).unwrap()),
                            None => Decision::NothingThere,
                        };
                        world.subordinate_cas().decide(&joe(), &open.intent, decision).await.unwrap();
                    }
                }
                assert_eq!(names(&world, &eve()), ["The scripted authority"], "{case}");
                let listed = listed(&world).await;
                assert_eq!(listed.len(), existing(&ca).len(), "{case}: {listed:?}");
                assert_eq!(ca.doubled(), [], "{case}");
                unfinished += listed.len();
                for left in listed {
                    assert_eq!(left.state.phase, Phase::Active, "{case}");
                    world.subordinate_cas().delete(&joe(), &left.id.unwrap()).await.unwrap();
                }
                assert!(existing(&ca).is_empty(), "{case}");
                // The name is free, so nothing is left of the first authority.
                world.subordinate_cas().create(team(&world)).await.unwrap();
            }
        }
    }
    assert!(undecided > 0 && unfinished > 0, "{undecided} {unfinished}");
}

#[tokio::test]
async fn a_request_with_an_id_is_made_once() {
    let ca = ScriptedCa::new();
    let world = start(&ca).await;
    let subordinate = world.subordinate_cas();
    let (one, other) = tokio::join!(subordinate.create(team(&world)), subordinate.create(team(&world)));
    let intents: Vec<_> = [one, other]
        .into_iter()
        .map(|made| match made {
            Ok(made) => made.intent,
            Err(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(intents[0], intents[1]);
    assert_eq!(subordinate.create(team(&world)).await.unwrap().intent, intents[0]);
    assert_eq!((ca.calls(CaCall::CreateCa), existing(&ca).len()), (1, 1));
    let nothing = subordinate.decide(&joe(), &intents[0], Decision::NothingThere).await.unwrap_err();
    assert_eq!(nothing.to_string(), TransitionError::NothingToDecide.to_string());
}
