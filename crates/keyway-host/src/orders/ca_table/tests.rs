use proptest::prelude::*;

use super::*;

const DAY: u64 = 24 * 3600 * 1000;
const MINUTE: u64 = 60 * 1000;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn name(text: &str) -> AuthorityName {
    AuthorityName::new(text).unwrap()
}

fn owner(text: &str) -> Owner {
    Owner::new(text).unwrap()
}

fn ca(id: &str, name: &str) -> CaInformation {
    CaInformation::new(CaId::new(id).unwrap(), name)
}

fn connected(authorities: &[&str]) -> CaTable {
    let mut table = CaTable::default();
    for each in authorities {
        table.connect(name(each), at(0));
    }
    table
}

fn names(table: &CaTable) -> Vec<&str> {
    let mut names: Vec<&str> = table.all().map(|ca| ca.information.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_connection_is_due_when_its_earliest_description_expires() {
    let mut table = connected(&["a", "b"]);
    assert_eq!(table.due(at(0)).count(), 2);
    let early = ca("2", "A2").with_expiration(at(10 * MINUTE));
    table.refreshed(&name("a"), [ca("1", "A1"), early, ca("3", "A3").with_expiration(at(DAY))], at(0));
    table.refreshed(&name("b"), [ca("1", "B1")], at(0));
    assert_eq!(table.next(), Some(at(10 * MINUTE)));
    assert_eq!(table.due(at(10 * MINUTE - 1)).count(), 0);
    assert_eq!(table.due(at(10 * MINUTE)).collect::<Vec<_>>(), [&name("a")]);
    assert_eq!(table.due(at(DAY)).count(), 2);
}

#[test]
fn expired_descriptions_stay_and_are_not_asked_for_at_once() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "A").with_expiration(at(5))], at(DAY));
    assert_eq!(table.next(), Some(at(DAY + MINUTE)));
    assert_eq!(names(&table), ["A"]);
}

#[test]
fn a_failure_keeps_the_descriptions_and_waits_longer_each_time() {
    let mut table = connected(&["a", "b"]);
    table.refreshed(&name("a"), [ca("1", "A")], at(0));
    table.refreshed(&name("b"), [ca("1", "B")], at(0));
    let mut waits = Vec::new();
    for _ in 0..4 {
        table.failed(&name("a"), at(DAY), None, 0);
        waits.push(table.connections[&name("a")].next().as_milliseconds() - DAY);
    }
    assert!(waits[0] > 0 && waits.is_sorted_by(|a, b| a < b), "{waits:?}");
    table.failed(&name("a"), at(DAY), Some(Duration::from_secs(7200)), 0);
    assert_eq!(table.connections[&name("a")].next(), at(DAY + 7200 * 1000));
    assert_eq!((names(&table), table.due(at(DAY)).collect::<Vec<_>>()), (vec!["A", "B"], vec![&name("b")]));
    // An empty list counts as a failure.
    table.refreshed(&name("b"), [], at(DAY));
    assert_eq!((names(&table), table.due(at(DAY)).count()), (vec!["A", "B"], 0));
}

#[test]
fn a_clock_that_was_set_back_makes_a_connection_due() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "A")], at(10 * DAY));
    assert_eq!(table.due(at(10 * DAY)).count(), 0);
    assert_eq!(table.due(at(9 * DAY)).count(), 1);
}

#[test]
fn one_bad_description_leaves_the_others() {
    let mut table = connected(&["a", "b"]);
    table.refreshed(&name("a"), [ca("1", "Root")], at(0));
    let long = "x".repeat(CaTable::MAX_NAME_BYTES + 1);
    let answer =
        [ca("1", "Root"), ca("2", ""), ca("3", "two\nlines"), ca("4", &long), ca("5", "B"), ca("5", "again")];
    let rejected: Vec<String> =
        table.refreshed(&name("b"), answer, at(0)).iter().map(ToString::to_string).collect();
    let bad_name = "its name must have 1 to 255 bytes and no control characters";
    let left_out =
        |id: &str, because: &str| format!("b: the certificate authority \"{id}\" is left out: {because}");
    assert_eq!(
        rejected,
        [
            left_out("1", "a has an authority with the name already: rename one of them"),
            left_out("2", bad_name),
            left_out("3", bad_name),
            left_out("4", bad_name),
            left_out("5", "the plugin listed this id twice"),
        ]
    );
    assert_eq!(names(&table), ["B", "Root"]);
    assert_eq!(table.named("Root").unwrap().authority, name("a"));
}

#[test]
fn names_are_exchanged_within_one_answer() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "A"), ca("2", "B"), ca("3", "C")], at(0));
    assert!(table.refreshed(&name("a"), [ca("1", "B"), ca("2", "A")], at(0)).is_empty());
    assert_eq!(names(&table), ["A", "B"]);
    assert_eq!(table.named("B").unwrap().information.id.as_str(), "1");
    // The old description stays, unless another authority takes its name.
    table.refreshed(&name("a"), [ca("1", ""), ca("2", "A")], at(0));
    assert_eq!(table.named("B").unwrap().information.id.as_str(), "1");
    table.refreshed(&name("a"), [ca("1", ""), ca("2", "B")], at(0));
    assert_eq!(names(&table), ["B"]);
    assert_eq!(table.named("B").unwrap().information.id.as_str(), "2");
}

#[test]
fn an_id_is_the_same_in_each_process_and_differs_between_connections() {
    let mut table = connected(&["a", "b"]);
    table.refreshed(&name("a"), [ca("1", "A")], at(0));
    table.refreshed(&name("b"), [ca("1", "B")], at(0));
    let ids = ["A", "B"].map(|name| table.named(name).unwrap().id.clone());
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].as_str(), "ca-773232abe9343f0e102f8248423fc6ce");
}

#[test]
fn only_its_owner_uses_a_subordinate_authority() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "Root")], at(0));
    let (joe, eve) = (owner("joe"), owner("eve"));
    let sub = table.created(&name("a"), ca("2", "Sub"), joe.clone()).unwrap().id.clone();
    assert!(table.usable(&joe, &sub).is_ok());
    let unknown = CaRefusal::Unknown { ca: sub.clone() };
    assert_eq!(table.usable(&eve, &sub).unwrap_err(), unknown);
    assert_eq!(table.check_delete(&eve, &sub).unwrap_err(), unknown);
    table.set_preferred(None, Some(&sub));
    assert_eq!(table.chosen(&eve, None), Ok(None), "what has an owner is preferred by no other");
    // The authority belongs to its owner even if the plugin lists it too, and even after it was missing from the list
    // for a while.
    table.refreshed(&name("a"), [ca("1", "Root")], at(0));
    assert!(table.get(&sub).is_none());
    table.refreshed(&name("a"), [ca("1", "Root"), ca("2", "Sub")], at(0));
    assert_eq!(table.owners().owner_of(&sub), Some(&joe));
}

#[test]
fn the_preferred_one_is_deleted_last_and_a_base_authority_never() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "Root")], at(0));
    let joe = owner("joe");
    let root = table.named("Root").unwrap().id.clone();
    let subs = ["2", "3"].map(|id| table.created(&name("a"), ca(id, id), joe.clone()).unwrap().id.clone());
    assert_eq!(table.check_delete(&joe, &root).unwrap_err(), CaRefusal::Base { ca: root });
    table.set_preferred(Some(&joe), Some(&subs[0]));
    assert_eq!(table.check_delete(&joe, &subs[0]).unwrap_err(), CaRefusal::Preferred { ca: subs[0].clone() });
    assert!(table.check_delete(&joe, &subs[1]).is_ok());
    table.deleted(&subs[1]);
    assert_eq!(table.check_delete(&joe, &subs[1]).unwrap_err(), CaRefusal::Unknown { ca: subs[1].clone() });
    assert!(table.check_delete(&joe, &subs[0]).is_ok());
    table.deleted(&subs[0]);
    assert_eq!(table.owners(), &CaOwners::default());
}

#[test]
fn an_authority_whose_name_is_taken_keeps_its_owner() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "Root")], at(0));
    let error = table.created(&name("a"), ca("2", "Root"), owner("joe")).unwrap_err();
    assert!(matches!(error.because, RejectedCaBecause::NameTaken { .. }), "{error}");
    table.refreshed(&name("a"), [ca("2", "Root")], at(0));
    let sub = table.named("Root").unwrap();
    assert!(table.usable(&owner("eve"), &sub.id).is_err());
}

#[test]
fn a_ca_that_another_host_deleted_goes_and_a_connection_can_be_asked_at_once() {
    let mut table = connected(&["a"]);
    table.refreshed(&name("a"), [ca("1", "Root")], at(0));
    let joe = owner("joe");
    let subs = ["2", "3"].map(|id| table.created(&name("a"), ca(id, id), joe.clone()).unwrap().id.clone());
    table.keep_of(&owner("eve"), &BTreeSet::new());
    assert_eq!(table.all().count(), 3);
    table.keep_of(&joe, &[subs[1].clone()].into());
    assert_eq!(names(&table), ["3", "Root"]);
    assert_eq!(table.check_delete(&joe, &subs[0]), Err(CaRefusal::Unknown { ca: subs[0].clone() }));
    assert_eq!(table.due(at(1)).count(), 0);
    table.look_again(&name("a"));
    assert_eq!(table.due(at(1)).count(), 1);
}

/// An event in the life of a table.
#[derive(Clone, Debug)]
enum Event {
    Refreshed(usize, Vec<(usize, usize, Option<u64>)>),
    Failed(usize),
    Connected(usize),
    Created(usize, usize, usize, usize),
    Deleted(usize, usize, usize),
    Preferred(usize, usize, usize),
}

#[test]
fn an_authority_that_left_the_records_leaves_the_table() {
    let (mut table, joe) = (connected(&["a", "b"]), owner("joe"));
    let [gone, stays] =
        ["1", "2"].map(|id| table.created(&name("a"), ca(id, id), joe.clone()).unwrap().id.clone());
    table.created(&name("b"), ca("1", "other"), joe.clone()).unwrap();
    table.set_preferred(Some(&joe), Some(&gone));
    let known = |ids: &[&str]| {
        let mut known = Known::default();
        known.owned.extend(ids.iter().map(|id| (CaId::new(*id).unwrap(), joe.clone())));
        known
    };
    table.follow(&name("a"), &known(&["1", "2"]), known(&["2", "3"]));
    assert_eq!(names(&table), ["2", "other"], "the same id at another connection is another authority");
    assert_eq!((table.owners().preferred(&joe), table.owners().owner_of(&gone)), (None, None));
    assert_eq!(table.owners().owner_of(&stays), Some(&joe));
    // An authority that is created during the plugin's call gets its owner before the plugin lists the authority.
    assert_eq!(table.owners().owner_of(&host_id(&name("a"), &CaId::new("3").unwrap())), Some(&joe));
}

#[test]
fn the_signers_of_an_order_are_those_of_its_authority_or_of_no_owner() {
    let mut table = connected(&["local", "other"]);
    let signing =
        |id: &str, name: &str| ca(id, name).with_signing_certificate(Pem::new(format!("of {id}")).unwrap());
    table.refreshed(&name("local"), [signing("1", "One"), ca("2", "Two")], at(0));
    table.refreshed(&name("other"), [signing("1", "Other")], at(0));
    table.created(&name("local"), signing("3", "Three"), owner("joe")).unwrap();
    let signers = |ca: Option<&str>| {
        let all = table.signers(&name("local"), ca.map(|ca| CaId::new(ca).unwrap()).as_ref());
        all.iter().map(|pem| pem.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(signers(None), ["of 1"], "no order gets the authority of an owner by default");
    assert_eq!((signers(Some("3")), signers(Some("2"))), (vec!["of 3".to_owned()], Vec::new()));
}

fn events() -> impl Strategy<Value = Vec<(Event, u64)>> {
    let ca = (0..3_usize, 0..5_usize, prop::option::of(0..20 * MINUTE));
    let event = prop_oneof![
        4 => (0..2_usize, prop::collection::vec(ca, 0..4)).prop_map(|(of, list)| Event::Refreshed(of, list)),
        1 => (0..2_usize).prop_map(Event::Failed),
        2 => (0..2_usize).prop_map(Event::Connected),
        2 => (0..2_usize, 0..3_usize, 0..5_usize, 0..2_usize).prop_map(|(of, id, name, by)| Event::Created(of, id, name, by)),
        2 => (0..2_usize, 0..3_usize, 0..2_usize).prop_map(|(of, id, by)| Event::Deleted(of, id, by)),
        2 => (0..2_usize, 0..3_usize, 0..2_usize).prop_map(|(of, id, by)| Event::Preferred(of, id, by)),
    ];
    prop::collection::vec((event, 0..10 * MINUTE), 0..40)
}

proptest! {
    /// Checks after each event that each name is unique and leads to its authority, that a connection is not due right
    /// after an answer, and that an authority with an owner is only for its owner.
    #[test]
    fn no_event_breaks_the_table(events in events()) {
        const NAMES: [&str; 5] = ["A", "B", "C", "D", ""];
        let authorities = ["a", "b"].map(name);
        let owners = ["joe", "eve"].map(owner);
        let mut table = connected(&["a", "b"]);
        let mut now = at(0);
        for (event, later) in events {
            now = now.plus(Duration::from_millis(later));
            let id_of = |of: usize, id: usize| host_id(&authorities[of], &CaId::new(id.to_string()).unwrap());
            match event {
                Event::Refreshed(of, list) => {
                    let others = |table: &CaTable| {
                        let of = &authorities[1 - of];
                        table.all().filter(|ca| ca.authority == *of).cloned().collect::<Vec<_>>()
                    };
                    let before = others(&table);
                    let answer = list.iter().map(|(id, name, expires)| {
                        let ca = ca(&id.to_string(), NAMES[*name]);
                        expires.map(at).into_iter().fold(ca, CaInformation::with_expiration)
                    });
                    table.refreshed(&authorities[of], answer, now);
                    prop_assert_eq!(before, others(&table));
                    if let Some(connection) = table.connections.get(&authorities[of]) {
                        prop_assert!(connection.next() > now);
                    }
                }
                Event::Failed(of) => {
                    let before: Vec<_> = table.all().cloned().collect();
                    table.failed(&authorities[of], now, None, 0);
                    prop_assert_eq!(before, table.all().cloned().collect::<Vec<_>>());
                }
                Event::Connected(of) => table.connect(authorities[of].clone(), now),
                Event::Created(of, id, name, by) => {
                    if table.owners().owner_of(&id_of(of, id)).is_none() && table.connections.contains_key(&authorities[of]) {
                        let _ = table.created(&authorities[of], ca(&id.to_string(), NAMES[name]), owners[by].clone());
                    }
                }
                Event::Deleted(of, id, by) => {
                    if table.check_delete(&owners[by], &id_of(of, id)).is_ok() {
                        prop_assert_eq!(table.owners().owner_of(&id_of(of, id)), Some(&owners[by]));
                        table.deleted(&id_of(of, id));
                    }
                }
                Event::Preferred(of, id, by) => table.set_preferred(Some(&owners[by]), Some(&id_of(of, id))),
            }
            prop_assert_eq!(table.names.len(), table.cas.len());
            for ca in table.all() {
                prop_assert_eq!(table.named(&ca.information.name), Some(ca));
                prop_assert!(!ca.information.name.is_empty());
                prop_assert!(table.connections.contains_key(&ca.authority));
                let owner = table.owners().owner_of(&ca.id);
                for by in &owners {
                    prop_assert_eq!(table.usable(by, &ca.id).is_ok(), owner.is_none_or(|owner| owner == by));
                }
            }
        }
    }
}
