//! Records when each secret had which value, for rules about reads during writes.

use keyway_core::SecretValue;
use keyway_secrets::SecretAddress;

use super::text;

/// A period of a [`Timeline`] in which a secret has one value.
struct Spell {
    address: SecretAddress,
    text: String,
    /// The times at which the write of the value began and ended.
    written: [u64; 2],
    /// The times at which the next write or destruction of the secret began and ended.
    replaced: [u64; 2],
}

/// Records when each secret had which value. There must be only one writer at a time.
#[derive(Default)]
pub(super) struct Timeline {
    now: u64,
    spells: Vec<Spell>,
    destructions: Vec<Destruction>,
}

/// A destruction of a secret in a [`Timeline`].
struct Destruction {
    address: SecretAddress,
    began: u64,
    ended: u64,
}

impl Timeline {
    pub(super) fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Records the beginning of a write. A write without a text destroys the secret.
    pub(super) fn begins(&mut self, address: &SecretAddress, text: Option<&str>) {
        let now = self.tick();
        for spell in self.spells.iter_mut().filter(|spell| spell.address == *address) {
            spell.replaced[0] = spell.replaced[0].min(now);
        }
        if text.is_none() {
            let address = address.clone();
            self.destructions.push(Destruction { address, began: now, ended: u64::MAX });
        }
        self.spells.extend(text.map(|text| Spell {
            address: address.clone(),
            text: text.to_owned(),
            written: [now, u64::MAX],
            replaced: [u64::MAX, u64::MAX],
        }));
    }

    /// Records the end of the latest write or destruction of this secret.
    pub(super) fn ended(&mut self, address: &SecretAddress) {
        let now = self.tick();
        for spell in self.spells.iter_mut().filter(|spell| spell.address == *address) {
            spell.written[1] = spell.written[1].min(now);
            if spell.replaced[0] < u64::MAX {
                spell.replaced[1] = spell.replaced[1].min(now);
            }
        }
        for destruction in self.destructions.iter_mut().filter(|of| of.address == *address) {
            destruction.ended = destruction.ended.min(now);
        }
    }

    /// Returns whether the secret may have had the value at some time between two moments.
    pub(super) fn had(&self, address: &SecretAddress, value: &SecretValue, from: u64, to: u64) -> bool {
        self.spells.iter().any(|spell| {
            spell.address == *address
                && value.same_as(&text(&spell.text))
                && spell.written[0] <= to
                && from <= spell.replaced[1]
        })
    }

    /// Tells whether the secret may have been destroyed between two moments. If so, a list that was read page by page
    /// in that time may name the secret twice: before it was destroyed, and on a later page after it was created anew.
    pub(super) fn destroyed(&self, address: &SecretAddress, from: u64, to: u64) -> bool {
        let destroyed = |of: &Destruction| of.address == *address && of.began <= to && from <= of.ended;
        self.destructions.iter().any(destroyed)
    }

    /// Lists the secrets that kept the same value from one moment to another.
    pub(super) fn steady(&self, from: u64, to: u64) -> impl Iterator<Item = &SecretAddress> {
        let steady = move |spell: &&Spell| spell.written[1] <= from && to <= spell.replaced[0];
        self.spells.iter().filter(steady).map(|spell| &spell.address)
    }
}
