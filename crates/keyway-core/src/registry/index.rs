//! An index that finds a plugin by kind and id.

use super::Slot;
use crate::PluginKind;

/// A hash of a plugin's kind and id.
///
/// The hash of a registration is computed at compile time. The hash need not resist hostile ids, since all ids are
/// linked into the program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct IdHash(u64);

impl IdHash {
    #[inline]
    pub(super) const fn new(kind: PluginKind, id: &str) -> Self {
        let mut rest = id.as_bytes();
        let mut hash = mix(kind as u64, rest.len() as u64);
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            hash = mix(hash, u64::from_le_bytes(*word));
            rest = after;
        }
        // The last word overlaps the word before it, because this is faster than reading the last bytes one by one.
        let last = match id.as_bytes().last_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            None => few_bytes(rest),
        };
        Self(mix(hash, last))
    }
}

const fn few_bytes(bytes: &[u8]) -> u64 {
    let (mut word, mut index) = (0, 0);
    while index < bytes.len() {
        word = word << 8 | bytes[index] as u64;
        index += 1;
    }
    word
}

/// Multiplies, and combines the upper and the lower half of the product, so that every input bit affects many output
/// bits.
#[inline]
#[allow(clippy::cast_possible_truncation)] // folding takes both halves of the product
const fn mix(hash: u64, word: u64) -> u64 {
    /// An odd number with about as many ones as zeros: the fractional part of the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = (hash ^ word ^ FACTOR) as u128 * FACTOR as u128;
    (product as u64) ^ (product >> 64) as u64
}

/// A hash table with open addressing. It maps each plugin to the position of its highest version in the sorted slots.
#[derive(Clone)]
pub(super) struct Index {
    /// The hash table. Each place contains the position in the sorted slots plus one, or 0 if the place is free. The
    /// length is a power of two, and at least twice the number of slots, so that a search always ends.
    places: Vec<u32>,
}

impl Index {
    pub(super) fn new(slots: &[Slot]) -> Self {
        let mut index = Self { places: vec![0; (slots.len() * 2).next_power_of_two().max(2)] };
        for (position, slot) in slots.iter().enumerate() {
            let highest = slots.get(position + 1).is_none_or(|next| !next.same_id(slot));
            if highest {
                index.insert(slot.registration.hash, position);
            }
        }
        index
    }

    fn insert(&mut self, hash: IdHash, position: usize) {
        let mut at = self.first(hash);
        while self.places[at] != 0 {
            at = self.next(at);
        }
        // The position always fits, since no program links four billion plugins.
        self.places[at] = u32::try_from(position + 1).unwrap_or(0);
    }

    /// Returns the position of the plugin's highest version, or `None` if no plugin has this kind and id.
    #[inline]
    pub(super) fn find(&self, slots: &[Slot], kind: PluginKind, id: &str) -> Option<usize> {
        let hash = IdHash::new(kind, id);
        let mut at = self.first(hash);
        loop {
            let position = (self.places[at] as usize).checked_sub(1)?;
            let registration = slots[position].registration;
            if registration.hash == hash && registration.id() == id && registration.kind() == kind {
                return Some(position);
            }
            at = self.next(at);
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // only the low bits are used
    fn first(&self, hash: IdHash) -> usize {
        hash.0 as usize & (self.places.len() - 1)
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }
}
