use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..12)
}

fn key_ids() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec("[a-z]{1,3}", 1..4).prop_map(|ids| {
        let mut data = Vec::new();
        for id in ids {
            string(&mut data, id.as_bytes());
        }
        data
    })
}

fn sections() -> impl Strategy<Value = Section> {
    let inner = prop_oneof![
        key_ids().prop_map(|data| (KEY_IDS, data)),
        (prop_oneof![Just(0x20u8), Just(0x39), Just(0x7f)], bytes()),
    ];
    let certificates = (prop_oneof![Just(Vec::new()), bytes()], bytes(), prop::collection::vec(inner, 0..4))
        .prop_map(|(authority, reserved, sections)| {
            Section::Certificates(Certificates { authority, reserved, sections })
        });
    let other = (prop_oneof![Just(2u8), Just(3), Just(5), Just(255)], bytes())
        .prop_map(|(kind, data)| Section::Other { kind, data });
    prop_oneof![certificates, other]
}

fn lists() -> impl Strategy<Value = RevocationList> {
    (any::<[u64; 3]>(), bytes(), bytes(), prop::collection::vec(sections(), 0..4)).prop_map(
        |([version, generated, flags], reserved, comment, sections)| RevocationList {
            version,
            generated,
            flags,
            reserved,
            comment,
            sections,
        },
    )
}

/// Returns an expiry that depends on the clock.
const fn by_clock(at: u64) -> Expiry {
    Expiry { at, is_certain: false }
}

proptest! {
    #[test]
    fn a_written_list_is_read(list in lists()) {
        let bytes = list.encode();
        let read = RevocationList::decode(&bytes).unwrap();
        prop_assert_eq!(read.encode(), bytes.as_slice());
        prop_assert_eq!(list.encoded_len(), bytes.len());
        prop_assert_eq!(read, list);
    }

    #[test]
    fn revoking_adds_and_removes_nothing(list in lists(), key_id in "[a-z]{1,4}", now in any::<u64>()) {
        let mut after = list.clone();
        let was = list.revokes(&key_id).unwrap();
        prop_assert_eq!(after.revoke(&key_id, now, by_clock(now.saturating_add(HOUR))).unwrap(), !was);
        prop_assert!(after.revokes(&key_id).unwrap());
        if was {
            prop_assert_eq!(&after, &list);
        } else {
            prop_assert_eq!(after.version, list.version.saturating_add(1));
            prop_assert_eq!(after.generated, now.max(list.generated));
            let added = after.encode().len() - list.encode().len();
            let in_list = if list.reserved.is_empty() { LAST_CHANGE.len() + 20 } else { 0 };
            prop_assert!(added <= in_list + 5 + 8 + UNTIL.len() + 20 + 5 + 4 + key_id.len(), "{}", added);
        }
        // Every section from before the change is still there. Its content is the same, or was extended at the end.
        for (before, now) in list.sections.iter().zip(&after.sections) {
            match (before, now) {
                (Section::Certificates(before), Section::Certificates(now)) => {
                    prop_assert_eq!(&before.authority, &now.authority);
                    for ((kind, data), (now_kind, now_data)) in before.sections.iter().zip(&now.sections) {
                        prop_assert_eq!(kind, now_kind);
                        prop_assert!(now_data.starts_with(data));
                    }
                    prop_assert!(now.sections.len() >= before.sections.len());
                }
                (before, now) => prop_assert_eq!(before, now),
            }
        }
        prop_assert!(after.sections.len() >= list.sections.len());
        prop_assert_eq!(RevocationList::decode(&after.encode()).unwrap(), after);
    }

    #[test]
    fn a_clock_that_is_never_wrong_twice_in_a_row_removes_no_needed_entry(
        changes in prop::collection::vec((0..40u64, prop::option::of(any::<u32>())), 1..20)
    ) {
        let (mut list, mut hour, mut was_wrong, mut needed) = (RevocationList::EMPTY, 0, false, Vec::new());
        for (number, (passed, wrong)) in changes.into_iter().enumerate() {
            hour += passed;
            let (now, expiry) = (START + hour * HOUR, START + (hour + 30) * HOUR);
            let wrong = wrong.filter(|_| !was_wrong);
            was_wrong = wrong.is_some();
            list.revoke(&number.to_string(), wrong.map_or(now, u64::from), by_clock(expiry)).unwrap();
            needed.push((number, expiry));
            for (number, expiry) in &needed {
                prop_assert!(list.revokes(&number.to_string()).unwrap() || *expiry <= now, "{}", number);
            }
        }
    }

    /// Lets the clock be late at any change, and ahead at any change whose time follows one that was not ahead.
    #[test]
    fn an_entry_with_a_certain_expiry_is_removed_after_it_and_not_before_whatever_the_clock_was(
        changes in prop::collection::vec((0..40u64, prop::option::of(any::<u32>())), 1..20)
    ) {
        let (mut list, mut hour, mut was_ahead, mut needed) = (RevocationList::EMPTY, 0, false, Vec::new());
        let certain = |at| Expiry { at, is_certain: true };
        for (number, (passed, wrong)) in changes.into_iter().enumerate() {
            hour += passed;
            let (right, expiry) = (START + hour * HOUR, START + (hour + 30) * HOUR);
            let now = wrong.map_or(right, u64::from);
            let now = if was_ahead { now.min(right) } else { now };
            was_ahead = now > right;
            list.revoke(&number.to_string(), now, certain(expiry)).unwrap();
            needed.push((number, expiry));
            for (number, expiry) in &needed {
                prop_assert!(list.revokes(&number.to_string()).unwrap() || *expiry <= right, "{}", number);
            }
        }
        let end = START + (hour + 30) * HOUR + 2 * CLOCK_MARGIN + PERIOD;
        for last in ["x", "y"] {
            list.revoke(last, end, certain(end)).unwrap();
        }
        for (number, _) in needed {
            prop_assert!(!list.revokes(&number.to_string()).unwrap(), "{}", number);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in bytes(), list in lists(), cut in any::<prop::sample::Index>()) {
        let _ = RevocationList::decode(&bytes);
        let whole = list.encode();
        let cut = cut.index(whole.len());
        // A list cut short is refused, unless the cut is between sections.
        if let Ok(shorter) = RevocationList::decode(&whole[..cut]) {
            prop_assert!(list.sections.starts_with(&shorter.sections));
        }
    }
}

const START: u64 = 1_800_000_000;

/// Revokes key ids in order, each at its hour, and tells which of `ids` are still revoked. Certificates are valid for
/// two hours.
fn left<const N: usize>(revoked: &[(&str, u64)], ids: [&str; N]) -> [bool; N] {
    let mut list = RevocationList::EMPTY;
    for (key_id, hour) in revoked {
        list.revoke(key_id, START + hour * HOUR, by_clock(START + (hour + 2) * HOUR)).unwrap();
        list = RevocationList::decode(&list.encode()).unwrap();
    }
    ids.map(|key_id| list.revokes(key_id).unwrap())
}

#[test]
fn entries_expired_for_a_day_are_removed() {
    let early = [("a", 0), ("b", 1), ("c", 20), ("d", 26)];
    // A key id is kept for a day beyond the longest validity. The second change at or after the end of that day removes
    // it.
    assert_eq!(left(&early, ["a", "b", "c", "d"]), [true; 4]);
    let late = [early.as_slice(), &[("e", 27), ("f", 28)]].concat();
    assert_eq!(left(&late, ["a", "b", "c", "d", "e", "f"]), [false, false, true, true, true, true]);
    // This also holds if the key id was revoked long before the others.
    let year = 366 * 24;
    assert_eq!(left(&[("a", 0), ("b", year), ("c", year + 1)], ["a", "b", "c"]), [false, true, true]);
}

#[test]
fn entries_stay_for_the_longest_validity() {
    for longest in [60, HOUR, 100 * DAY + 1, 366 * DAY] {
        let mut list = RevocationList::EMPTY;
        list.revoke("a", START + 1, by_clock(START + 1 + longest)).unwrap();
        // A change removes an entry only if the entry had also expired at the change before. So there are two changes
        // at each time: the first one confirms the time for the second one.
        for (key_id, now, is_left) in [
            ("b", DAY + longest, true),
            ("c", DAY + longest, true),
            ("d", DAY + longest + HOUR, true),
            ("e", DAY + longest + HOUR, false),
        ] {
            list.revoke(key_id, START + now, by_clock(START + now + longest)).unwrap();
            assert_eq!(list.revokes("a").unwrap(), is_left, "{key_id} {longest}");
        }
    }
}

/// Checks that the list stays short at 1066 revocations a day. When entries stayed for 25 months, half as many
/// revocations a day filled a list (H52).
#[test]
fn a_list_does_not_grow_for_ever() {
    let mut list = RevocationList::EMPTY;
    let mut longest = (0, 0);
    for number in 0..5000 {
        let now = START + number * 81;
        assert!(list.revoke(&format!("K_{number:08}"), now, by_clock(now + HOUR)).unwrap());
        longest = (longest.0.max(list.sections.len()), longest.1.max(list.encode().len()));
    }
    assert!(longest.0 <= 28, "{}", longest.0);
    assert!(longest.1 < 1300 * 14 + 28 * 64, "{}", longest.1);
}

#[test]
fn a_wrong_clock_removes_no_revocation() {
    // The clock is far in the future once.
    assert_eq!(left(&[("a", 0), ("b", 1_000_000), ("c", 1)], ["a", "b", "c"]), [true; 3]);
    // It is there again and again, but never at two revocations in a row.
    let now_and_then = [("a", 0), ("b", 1_000_000), ("c", 1), ("d", 1_000_000), ("e", 2), ("f", 1_000_001)];
    assert_eq!(left(&now_and_then, ["a", "b", "c", "d", "e", "f"]), [true; 6]);
    // The clock is in the past for a while. Revocations of that time are kept for ever.
    let mut list = RevocationList { generated: START, ..RevocationList::EMPTY };
    for (key_id, now) in [("a", 5), ("b", 6), ("c", START + 1), ("d", START + 2), ("e", START + 5000 * DAY)] {
        list.revoke(key_id, now, by_clock(now + HOUR)).unwrap();
    }
    list.revoke("f", START + 5001 * DAY, by_clock(START + 5001 * DAY + HOUR)).unwrap();
    let left = ["a", "b", "c", "d", "e", "f"].map(|key_id| list.revokes(key_id).unwrap());
    assert_eq!(left, [true, true, false, false, true, true]);
}

/// Two hosts have clocks that differ a little, or a call waits for the lock after it has read the clock.
#[test]
fn a_clock_that_is_a_little_late_keeps_no_revocation_for_ever() {
    let late = [("a", 2), ("b", 0), ("c", 27), ("d", 28)];
    assert_eq!(left(&late, ["a", "b", "c", "d"]), [true; 4], "b is kept as long as a");
    let removed = [late.as_slice(), &[("e", 29)]].concat();
    assert_eq!(left(&removed, ["a", "b", "c"]), [false, false, true]);
}

#[test]
fn revocations_of_other_programs_are_kept() {
    let mut data = Vec::new();
    string(&mut data, b"theirs");
    let theirs = |reserved: &str, authority: &[u8], kind| {
        Section::Certificates(Certificates {
            authority: authority.to_vec(),
            reserved: reserved.as_bytes().to_vec(),
            sections: vec![(kind, data.clone())],
        })
    };
    let sections = vec![
        theirs("", b"", KEY_IDS),
        theirs("keyway until soon", b"", KEY_IDS),
        theirs("keyway until 5", b"authority", KEY_IDS),
        theirs("keyway until 5", b"", 0x20),
        Section::Other { kind: 2, data: b"keyway until 5".to_vec() },
    ];
    // If the list has a text of theirs, the time of the last change is not known, and nothing is removed.
    for (reserved, is_kept) in [("", false), ("theirs", true), ("keyway last change soon", false)] {
        let reserved = reserved.as_bytes().to_vec();
        let mut list = RevocationList { reserved, sections: sections.clone(), ..RevocationList::EMPTY };
        for day in [1, 5000, 5001] {
            let now = START + day * DAY;
            list.revoke(&format!("{day}"), now, by_clock(now + HOUR)).unwrap();
        }
        assert!(list.sections.starts_with(&sections));
        assert!(list.revokes("1").unwrap() == is_kept && list.revokes("5001").unwrap());
    }
}

#[test]
fn lists_that_must_not_be_changed_are_refused() {
    let empty = RevocationList::EMPTY.encode();
    assert_eq!(RevocationList::decode(b"ssh-ed25519 AAAA\n"), Err(Fault::NotAList));
    let mut newer = empty.clone();
    newer[11] = 2;
    assert_eq!(RevocationList::decode(&newer), Err(Fault::Version(2)));
    let signed = [empty.as_slice(), &[SIGNATURE, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(RevocationList::decode(&signed), Err(Fault::Signed));
    assert_eq!(RevocationList::decode(&[empty.as_slice(), &[5]].concat()), Err(Fault::Damaged));
}

/// Tests texts that `sshd` reads as lists without keys.
#[test]
fn texts_without_keys_are_empty_lists() {
    for text in ["", "\n", "\n\n", "# revoked keys\n", " \t# of the door\n\n  \n#", "#\r\n"] {
        assert_eq!(RevocationList::decode(text.as_bytes()), Ok(RevocationList::EMPTY), "{text:?}");
    }
    for text in ["\r\n", "\0", "# of joe\nssh-ed25519 AAAA\n", "x"] {
        assert_eq!(RevocationList::decode(text.as_bytes()), Err(Fault::NotAList), "{text:?}");
    }
}
