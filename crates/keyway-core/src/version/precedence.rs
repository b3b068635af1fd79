//! Compares versions as section 11 of Semantic Versioning 2.0 requires.
//!
//! See decision C2.

use std::cmp::Ordering;

use super::grammar::Parts;

/// Compares two versions. Ignores build parts.
#[inline]
pub(crate) const fn compare(a: &Parts, a_text: &[u8], b: &Parts, b_text: &[u8]) -> Ordering {
    if a.numbers[0] != b.numbers[0] {
        return order(a.numbers[0] < b.numbers[0]);
    }
    if a.numbers[1] != b.numbers[1] {
        return order(a.numbers[1] < b.numbers[1]);
    }
    if a.numbers[2] != b.numbers[2] {
        return order(a.numbers[2] < b.numbers[2]);
    }
    match (a.has_pre(), b.has_pre()) {
        (false, false) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (true, true) => pre_releases(a.pre(a_text), b.pre(b_text)),
    }
}

pub(crate) const fn same_numbers(a: &Parts, b: &Parts) -> bool {
    a.numbers[0] == b.numbers[0] && a.numbers[1] == b.numbers[1] && a.numbers[2] == b.numbers[2]
}

const fn order(less: bool) -> Ordering {
    if less { Ordering::Less } else { Ordering::Greater }
}

/// Compares pre-releases identifier by identifier. If one pre-release begins with the other, the longer one is greater.
#[cold]
const fn pre_releases(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a_at, mut b_at) = (0, 0);
    loop {
        let a_end = identifier_end(a, a_at);
        let b_end = identifier_end(b, b_at);
        let order = identifiers(a, a_at, a_end, b, b_at, b_end);
        if !matches!(order, Ordering::Equal) {
            return order;
        }
        match (a_end == a.len(), b_end == b.len()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        a_at = a_end + 1;
        b_at = b_end + 1;
    }
}

const fn identifier_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at] != b'.' {
        at += 1;
    }
    at
}

/// Compares two identifiers. Numbers are compared by value, and are less than names. Names are compared by their ASCII
/// bytes.
const fn identifiers(a: &[u8], a_at: usize, a_end: usize, b: &[u8], b_at: usize, b_end: usize) -> Ordering {
    let (a_length, b_length) = (a_end - a_at, b_end - b_at);
    match (is_numeric(a, a_at, a_end), is_numeric(b, b_at, b_end)) {
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        // There are no leading zeros, so the longer number is the greater one.
        (true, true) if a_length != b_length => return order(a_length < b_length),
        _ => {}
    }
    let mut offset = 0;
    while offset < a_length && offset < b_length {
        if a[a_at + offset] != b[b_at + offset] {
            return order(a[a_at + offset] < b[b_at + offset]);
        }
        offset += 1;
    }
    if a_length == b_length { Ordering::Equal } else { order(a_length < b_length) }
}

const fn is_numeric(text: &[u8], mut at: usize, end: usize) -> bool {
    while at < end {
        if !text[at].is_ascii_digit() {
            return false;
        }
        at += 1;
    }
    true
}
