//! Tests the decisions about check-outs, check-ins and renewals.

use keyway_credentials::{Account, Asset, Candidate, Connection, IntentId, SessionContext};

use super::*;

const TERMS: Terms =
    Terms { lease: Duration::from_secs(60), longest: Duration::from_secs(100), rotates: true };
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_milliseconds(seconds * 1000)
}

fn id(name: &str) -> LeaseId {
    LeaseId::new(name).unwrap()
}

fn asked(kind: CredentialKind, lease: &str, session: &str) -> Asked {
    Asked { kind, lease: id(lease), session: SessionId::new(session).unwrap() }
}

fn password(lease: &str, session: &str) -> Asked {
    asked(CredentialKind::Passwords, lease, session)
}

fn account() -> StoredAccount {
    let seed = crate::TotpSeed::new(SEED).unwrap();
    StoredAccount::new().with_password("secret").with_totp(seed).with_certificates()
}

fn renewal(lease: &str, intent: &str, seconds: Option<u64>) -> LeaseRenewal {
    let candidate = Candidate::new(Account::new("root").unwrap(), Asset::new("web1").unwrap());
    let session = SessionContext::new(Connection::new(SessionId::new("one").unwrap()));
    let intent = IntentId::new(intent).unwrap();
    let renewal = LeaseRenewal::new(intent, Lease::new(id(lease)), candidate, session);
    match seconds {
        Some(seconds) => renewal.with_extension(Duration::from_secs(seconds)),
        None => renewal,
    }
}

/// Checks out, and returns the account afterwards.
fn stored(account: &StoredAccount, asked: &Asked, now: Timestamp) -> StoredAccount {
    match check_out(account, asked, now, TERMS) {
        CheckOut::Store(next, _) => *next,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_late_fetch_is_refused_after_the_answer_that_it_made_nothing() {
    let told = |account: &StoredAccount, intent: &str| tell_fetch(account, &id(intent), TERMS);
    let Told::Store(mut next) = told(&account(), "a") else { panic!() };
    assert!(matches!(told(&next, "a"), Told::Nothing));
    assert!(matches!(check_out(&next, &password("a", "one"), at(0), TERMS), CheckOut::TooLate));
    let leased = stored(&next, &password("b", "one"), at(0));
    assert!(matches!(told(&leased, "b"), Told::Made(lease) if lease.id == id("b")));
    // A fetch whose lease was given back is refused, too.
    let returned = take_back(&leased, &id("b"), Rotation::NotRotated);
    assert!(matches!(told(&returned, "b"), Told::Nothing));
    assert!(matches!(check_out(&returned, &password("b", "one"), at(0), TERMS), CheckOut::TooLate));
    // An account keeps a bounded number of voided intents: the oldest one is dropped.
    for number in 0..MOST_VOIDED {
        let Told::Store(more) = told(&next, &format!("more-{number}")) else { panic!() };
        next = more;
    }
    assert_eq!((next.voided.len(), next.voided.contains(&id("a"))), (MOST_VOIDED, false));
}

#[test]
fn one_session_at_a_time_has_an_account() {
    let leased = stored(&account(), &password("a", "one"), at(0));
    let CheckOut::Busy { until, holder } = check_out(&leased, &password("b", "two"), at(1), TERMS) else {
        panic!()
    };
    assert_eq!((until, holder), (Some(at(60)), Some(SessionId::new("one").unwrap())));
    // The same session may have another lease at the same time.
    let both = stored(&leased, &asked(CredentialKind::TotpCodes, "c", "one"), at(1));
    assert_eq!(both.leases.len(), 2);
}

#[test]
fn a_repeated_check_out_has_the_same_lease() {
    let leased = stored(&account(), &password("a", "one"), at(0));
    let CheckOut::HandOut(lease) = check_out(&leased, &password("a", "one"), at(9), TERMS) else { panic!() };
    assert_eq!((lease.id.as_str(), lease.expires_at, lease.exclusive), ("a", Some(at(60)), true));
}

#[test]
fn a_kind_that_the_account_does_not_have_is_unsupported() {
    let keys = asked(CredentialKind::PrivateKeys, "a", "one");
    assert!(matches!(check_out(&account(), &keys, at(0), TERMS), CheckOut::Unsupported));
}

#[test]
fn a_lease_whose_time_is_over_is_taken_back_before_the_next() {
    let leased = stored(&account(), &password("a", "one"), at(0));
    let CheckOut::TakeBack(over) = check_out(&leased, &password("b", "two"), at(60), TERMS) else { panic!() };
    assert_eq!(over, id("a"));
    // The session of the expired lease knows the password, so the password is changed first.
    assert!(matches!(check_in(&leased, &over, TERMS), CheckIn::Begin(CredentialKind::Passwords)));
}

#[test]
fn no_session_gets_a_credential_while_it_is_changed() {
    let leased = stored(&account(), &password("a", "one"), at(0));
    let new = TargetCredential::Password(keyway_credentials::Password::new("new"));
    let changing = begin(&leased, &id("a"), new);
    for session in ["one", "two"] {
        let decided = check_out(&changing, &password("b", session), at(1), TERMS);
        assert!(matches!(decided, CheckOut::Busy { .. }), "{decided:?}");
    }
    assert!(matches!(check_in(&changing, &id("a"), TERMS), CheckIn::Resume));

    let diverged = crate::rotation::diverge(&changing);
    assert!(matches!(check_out(&diverged, &password("b", "two"), at(1), TERMS), CheckOut::Diverged));
    assert!(matches!(check_in(&diverged, &id("a"), TERMS), CheckIn::Gone(Rotation::Diverged)));
}

#[test]
fn a_lease_is_gone_after_its_check_in() {
    let terms = Terms { rotates: false, ..TERMS };
    let leased = stored(&account(), &password("a", "one"), at(0));
    let CheckIn::Store(free, rotation) = check_in(&leased, &id("a"), terms) else { panic!() };
    assert_eq!((free.leases.len(), rotation), (0, Rotation::NotRotated));
    assert!(matches!(check_in(&free, &id("a"), terms), CheckIn::Gone(Rotation::NotRotated)));
    assert!(matches!(check_in(&free, &id("never"), terms), CheckIn::Gone(Rotation::NotRotated)));
}

#[test]
fn the_last_lease_of_a_credential_changes_it() {
    let first = stored(&account(), &password("a", "one"), at(0));
    let both = stored(&first, &password("b", "one"), at(1));
    let CheckIn::Store(one, rotation) = check_in(&both, &id("a"), TERMS) else { panic!() };
    assert_eq!(rotation, Rotation::Scheduled);
    assert!(matches!(check_in(&one, &id("b"), TERMS), CheckIn::Begin(CredentialKind::Passwords)));
}

#[test]
fn a_code_is_handed_out_once_in_its_period() {
    let codes = |lease: &str, session: &str| asked(CredentialKind::TotpCodes, lease, session);
    let used = stored(&account(), &codes("a", "one"), at(31));
    assert!(matches!(check_out(&used, &codes("a", "one"), at(59), TERMS), CheckOut::HandOut(_)));
    let CheckOut::Busy { until, .. } = check_out(&used, &codes("b", "one"), at(59), TERMS) else { panic!() };
    assert_eq!(until, Some(at(60)));
    // After the clock is set back, an earlier period gives no new code.
    assert!(matches!(check_out(&used, &codes("b", "one"), at(2), TERMS), CheckOut::Busy { .. }));
    let next = stored(&used, &codes("b", "one"), at(60));
    assert_eq!(next.used_code.unwrap().valid_from, at(60));
    // A request that is repeated in a later period gets the code of that period, and keeps its lease.
    let repeated = stored(&used, &codes("a", "one"), at(60));
    assert_eq!(repeated.leases, used.leases);
}

#[test]
fn a_renewal_ends_at_the_longest_time() {
    let leased = stored(&account(), &password("a", "one"), at(0));
    let (next, lease) = renew(&leased, &renewal("a", "first", None), at(30), TERMS).unwrap();
    assert_eq!((lease.expires_at, lease.renewable), (Some(at(90)), true));
    let next = next.unwrap();
    let (repeated, same) = renew(&next, &renewal("a", "first", None), at(40), TERMS).unwrap();
    assert!(repeated.is_none() && same == lease, "a repeated renewal gives the same lease");
    let (next, lease) = renew(&next, &renewal("a", "second", Some(1000)), at(80), TERMS).unwrap();
    assert_eq!((lease.expires_at, lease.renewable), (Some(at(100)), false));
    // A shorter extension does not shorten the lease.
    let (_, lease) = renew(&next.unwrap(), &renewal("a", "third", Some(1)), at(81), TERMS).unwrap();
    assert_eq!(lease.expires_at, Some(at(100)));
    assert!(renew(&leased, &renewal("a", "late", None), at(60), TERMS).is_none());
    assert!(renew(&leased, &renewal("b", "other", None), at(0), TERMS).is_none());
}

#[test]
fn certificates_are_revoked_before_their_lease_ends() {
    let leased = stored(&account(), &asked(CredentialKind::Certificates, "a", "one"), at(0));
    let counted = count_certificate(&leased, &id("a")).unwrap();
    assert!(matches!(check_in(&counted, &id("a"), TERMS), CheckIn::Revoke));
    assert!(count_certificate(&leased, &id("b")).is_none());
}
