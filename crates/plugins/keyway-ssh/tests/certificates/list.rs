//! Tests the revocation list, and its loss.

use keyway_core::Effect;
use std::fs;

use keyway_core::PluginError as _;
use keyway_issuers::{CredentialRef, IntentId, Issued, IssuerError};
use keyway_ssh::set_up_revocation_list;

use crate::authority::{Authority, KEY};

const RECORD: &str = "krl.keyway-record";
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl Authority {
    fn issue(&self, intent: &str) -> Result<Issued, IssuerError> {
        let context = self.context(&[]).with_intent(IntentId::new(intent).unwrap());
        self.ask(context, Some(KEY))
    }

    fn revoke_intent(&self, intent: &str) -> Result<(), IssuerError> {
        self.revoke(&CredentialRef::new(format!("KEYWAY_{intent}")))
    }

    fn set_up(&self) -> Result<(), IssuerError> {
        set_up_revocation_list(self.file("krl"))
    }

    fn lists(&self, intent: &str) -> bool {
        let key_id = format!("KEYWAY_{intent}");
        fs::read(self.file("krl")).unwrap().windows(key_id.len()).any(|bytes| bytes == key_id.as_bytes())
    }

    /// Checks that requests and revocations fail and change nothing, and that their errors contain all of these texts.
    fn is_stuck(&self, says: &[&str]) {
        let before = [fs::read(self.file("krl")).ok(), fs::read(self.file(RECORD)).ok()];
        for error in [self.issue("stuck").unwrap_err(), self.revoke_intent("stuck").unwrap_err()] {
            assert!(error.effect() == Effect::None, "{error:?}");
            let detail = error.detail();
            assert!(says.iter().all(|part| detail.contains(part)), "{detail}");
        }
        assert_eq!([fs::read(self.file("krl")).ok(), fs::read(self.file(RECORD)).ok()], before);
    }
}

#[test]
fn a_lost_list_is_not_replaced() {
    let authority = Authority::new();
    authority.issue("one").unwrap();
    authority.revoke_intent("one").unwrap();
    let copy = fs::read(authority.file("krl")).unwrap();
    fs::remove_file(authority.file("krl")).unwrap();
    authority.is_stuck(&["is missing", "number 1", "`sshd` refuses all keys", "another key"]);
    let error = authority.set_up().unwrap_err();
    assert!(error.detail().contains("is missing"), "{}", error.detail());
    assert!(!authority.file("krl").exists());
    // An empty file in place of the list lacks one revocation, which the next call completes. An empty file that lacks
    // two revocations is refused.
    fs::write(authority.file("krl"), "").unwrap();
    authority.issue("two").unwrap();
    assert!(authority.lists("one"), "the last revocation is known");
    authority.revoke_intent("two").unwrap();
    fs::write(authority.file("krl"), "").unwrap();
    authority.is_stuck(&["is older (number 0)", "number 2", "`sshd` accepts"]);
    fs::write(authority.file("krl"), copy).unwrap();
    authority.issue("three").unwrap();
    assert!(matches!(authority.issue("one"), Err(IssuerError::Refused { .. })));
    assert!(matches!(authority.issue("two"), Err(IssuerError::Refused { .. })));
}

#[test]
fn an_old_list_is_refused() {
    let authority = Authority::new();
    authority.revoke_intent("one").unwrap();
    let old = fs::read(authority.file("krl")).unwrap();
    for intent in ["two", "three"] {
        authority.revoke_intent(intent).unwrap();
    }
    let new = fs::read(authority.file("krl")).unwrap();
    fs::write(authority.file("krl"), old).unwrap();
    authority.is_stuck(&["is older (number 1)", "number 3", "`sshd` accepts certificates that were revoked"]);
    assert!(authority.set_up().is_err());
    fs::write(authority.file("krl"), new).unwrap();
    authority.issue("four").unwrap();
}

#[test]
fn without_a_set_up_nothing_is_issued() {
    let authority = Authority::new();
    for name in ["krl", RECORD] {
        fs::remove_file(authority.file(name)).unwrap();
    }
    authority.is_stuck(&["there is no list yet", "keyway-ssh-ca set-up"]);
    authority.set_up().unwrap();
    authority.set_up().unwrap();
    // This is the state after a set-up that ended between its two writes.
    fs::remove_file(authority.file("krl")).unwrap();
    authority.is_stuck(&["there is no list yet"]);
    authority.set_up().unwrap();
    authority.issue("one").unwrap();
    authority.revoke_intent("one").unwrap();
    let before = fs::read(authority.file("krl")).unwrap();
    authority.set_up().unwrap();
    assert_eq!(fs::read(authority.file("krl")).unwrap(), before);
}

/// Restores the list after a revocation, but not the record, as if the process had died between its two writes.
#[test]
fn an_interrupted_revocation_is_completed_by_the_next_call() {
    for next in
        [Authority::issue as fn(&Authority, &str) -> Result<Issued, IssuerError>, |authority, intent| {
            authority.revoke_intent(intent).map(|()| Issued::new(intent))
        }]
    {
        let authority = Authority::new();
        authority.revoke_intent("one").unwrap();
        let before = fs::read(authority.file("krl")).unwrap();
        authority.revoke_intent("two").unwrap();
        fs::write(authority.file("krl"), before).unwrap();
        next(&authority, "three").unwrap();
        assert!(authority.lists("one") && authority.lists("two"));
        assert!(matches!(authority.issue("two"), Err(IssuerError::Refused { .. })));
        authority.revoke_intent("four").unwrap();
    }
}

/// Checks that a call that fails after writing its record reports an unknown effect.
#[test]
fn a_revocation_that_fails_halfway_has_an_unknown_effect() {
    let authority = Authority::new();
    let in_the_way = authority.file(".krl.keyway-new");
    fs::create_dir(&in_the_way).unwrap();
    let error = authority.revoke_intent("one").unwrap_err();
    assert!(error.effect() == Effect::Unknown, "{error:?}");
    assert!(!authority.lists("one"));
    fs::remove_dir(&in_the_way).unwrap();
    authority.issue("two").unwrap();
    assert!(authority.lists("one"));
}

#[test]
fn an_empty_file_is_an_empty_list() {
    for text in ["", "\n", "# what is revoked\n\n"] {
        let authority = Authority::new();
        fs::remove_file(authority.file(RECORD)).unwrap();
        fs::write(authority.file("krl"), text).unwrap();
        authority.issue("one").unwrap();
        assert_eq!(fs::read_to_string(authority.file("krl")).unwrap(), text);
        authority.revoke_intent("one").unwrap();
        assert!(authority.lists("one"), "{text:?}");
    }
}

#[test]
fn a_changed_list_needs_its_record() {
    let authority = Authority::new();
    authority.revoke_intent("one").unwrap();
    fs::write(authority.file(RECORD), "").unwrap();
    authority.is_stuck(&["is not a record of a list"]);
    fs::remove_file(authority.file(RECORD)).unwrap();
    authority.is_stuck(&["its record", "is missing", "keyway-ssh-ca set-up"]);
    authority.set_up().unwrap();
    authority.revoke_intent("two").unwrap();
    // The new record cannot know which certificates were issued before, so it assumes the longest possible validity.
    authority.at(366 * DAY);
    authority.revoke_intent("three").unwrap();
    authority.revoke_intent("four").unwrap();
    assert!(authority.lists("two"));
}

/// Checks that an entry is removed by the second revocation after its time. The first revocation does not remove it,
/// because the clock may be wrong.
#[test]
fn entries_are_removed_a_day_after_the_longest_validity() {
    let authority = Authority::new();
    authority.issue("one").unwrap();
    authority.revoke_intent("one").unwrap();
    authority.at(DAY + HOUR - 1);
    authority.revoke_intent("two").unwrap();
    authority.revoke_intent("three").unwrap();
    assert!(authority.lists("one"));
    authority.at(DAY + 2 * HOUR);
    authority.revoke_intent("four").unwrap();
    authority.revoke_intent("five").unwrap();
    assert!(!authority.lists("one") && authority.lists("two"));
    // If one service issues certificates with a longer validity, the list keeps all entries for that longer time.
    let long = authority.context(&[("valid_minutes", "14400")]).with_intent(IntentId::new("long").unwrap());
    authority.ask(long, Some(KEY)).unwrap();
    authority.revoke_intent("long").unwrap();
    authority.at(12 * DAY);
    authority.revoke_intent("six").unwrap();
    authority.revoke_intent("seven").unwrap();
    assert!(authority.lists("long") && !authority.lists("two"));
    authority.at(12 * DAY + 3 * HOUR);
    authority.revoke_intent("eight").unwrap();
    authority.revoke_intent("nine").unwrap();
    assert!(!authority.lists("long"));
}

/// Checks that a certificate of a week stays revoked until it expires, even if the clock was wrong when it was revoked
/// or issued.
#[test]
fn a_clock_that_is_wrong_once_brings_no_certificate_back() {
    for (clock, issued, revoked, right) in [
        ("ahead at the issue", 20 * DAY, 10 * DAY, 19 * DAY),
        ("late at the revocation", 10 * DAY, 0, 10 * DAY + HOUR),
    ] {
        let authority = Authority::new();
        authority.at(issued);
        let context = authority.context(&[("valid_minutes", "10080")]);
        authority.ask(context.with_intent(IntentId::new("week").unwrap()), Some(KEY)).unwrap();
        authority.at(revoked);
        authority.revoke_intent("week").unwrap();
        for (later, intent) in [(0, "two"), (HOUR, "three")] {
            authority.at(right + later);
            authority.revoke_intent(intent).unwrap();
        }
        assert!(authority.lists("week"), "{clock}");
    }
}

/// Checks that one revocation under a clock far ahead keeps only its own entry, unless certificates may have been
/// issued that the record does not know.
#[test]
fn entries_after_a_time_far_ahead_are_removed() {
    for is_taken_over in [false, true] {
        let authority = Authority::new();
        if is_taken_over {
            fs::remove_file(authority.file(RECORD)).unwrap();
            fs::write(authority.file("krl"), "").unwrap();
        }
        authority.issue("one").unwrap();
        authority.at(20_000 * DAY);
        authority.revoke_intent("ahead").unwrap();
        authority.at(HOUR);
        authority.revoke_intent("one").unwrap();
        authority.at(1000 * DAY);
        for intent in ["two", "three"] {
            authority.revoke_intent(intent).unwrap();
        }
        assert_eq!(authority.lists("one"), is_taken_over);
        assert!(authority.lists("ahead") && authority.lists("two") && authority.lists("three"));
    }
}

/// Checks that with a list that cannot grow, revocations fail, and certificates are still issued.
#[test]
fn a_full_list_still_issues() {
    let authority = Authority::new();
    let mut list = fs::read(authority.file("krl")).unwrap();
    // Hashes of keys that another program revoked.
    let room = 16 * 1024 * 1024 - list.len() - 5;
    list.push(5);
    list.extend(u32::try_from(room).unwrap().to_be_bytes());
    list.resize(list.len() + room, 7);
    fs::write(authority.file("krl"), &list).unwrap();
    let error = authority.revoke_intent("one").unwrap_err();
    assert!(
        error.effect() == Effect::None && error.detail().contains("more than 16777216 bytes"),
        "{error:?}"
    );
    authority.issue("two").unwrap();
    assert_eq!(fs::read(authority.file("krl")).unwrap(), list);
}

#[test]
fn concurrent_revocations_are_all_kept() {
    let authority = Authority::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let authority = &authority;
            scope.spawn(move || {
                for number in 0..10 {
                    authority.revoke_intent(&format!("{thread}-{number}")).unwrap();
                }
            });
        }
    });
    for thread in 0..4 {
        assert!((0..10).all(|number| authority.lists(&format!("{thread}-{number}"))));
    }
    assert!(fs::read_to_string(authority.file(RECORD)).unwrap().contains("\nnumber 40\n"));
}
