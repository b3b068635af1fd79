//! The table of the certificate authorities of all plugins. It also holds the time at which the host asks each plugin
//! for its authorities again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyway_certificates::{AuthorityName, CaId, CaInformation, Owner, Pem};
use keyway_core::Timestamp;

use super::ca_owners::{CaOwners, CaRefusal};
use super::hosted_ca::{HostedCa, RejectedCa, RejectedCaBecause, host_id};
use super::preference::Preferred;
use super::subordinate::Known;
use crate::work::{Again, DAILY, Rhythm};

/// The table of the certificate authorities of all connections. It is a pure state machine without I/O.
///
/// A plugin describes the authorities behind each connection, and the descriptions expire. The host asks the
/// connections that are [`due`](Self::due), and reports their answers by [`refreshed`](Self::refreshed) and
/// [`failed`](Self::failed). A bad description does not affect other descriptions, and a connection that fails does not
/// affect other connections. A description that could not be refreshed stays in use (decisions B14 and H131).
///
/// ```
/// use keyway_certificates::{AuthorityName, CaId, CaInformation};
/// use keyway_core::Timestamp;
/// use keyway_host::orders::CaTable;
///
/// let (name, now) = (AuthorityName::new("local")?, Timestamp::from_milliseconds(0));
/// let mut table = CaTable::default();
/// table.connect(name.clone(), now);
/// assert_eq!(table.due(now).collect::<Vec<_>>(), [&name]);
///
/// let rejected = table.refreshed(&name, [CaInformation::new(CaId::new("1")?, "Local CA")], now);
/// assert!(rejected.is_empty());
/// let ca = table.named("Local CA").unwrap();
/// assert_eq!(table.get(&ca.id).unwrap().authority, name);
/// assert_eq!(table.next(), Some(Timestamp::from_milliseconds(24 * 3600 * 1000)));
/// # Ok::<(), keyway_certificates::InvalidText>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CaTable {
    connections: BTreeMap<AuthorityName, Rhythm>,
    /// The host's id of each authority, by the name of the authority.
    names: BTreeMap<String, CaId>,
    cas: BTreeMap<CaId, HostedCa>,
    owners: CaOwners,
}

impl CaTable {
    /// The longest name of an authority in bytes.
    pub const MAX_NAME_BYTES: usize = 255;

    /// Adds a connection, which is due at once. A connection that exists already is unchanged.
    pub fn connect(&mut self, authority: AuthorityName, now: Timestamp) {
        self.connections.entry(authority).or_insert_with(|| Rhythm::new(now));
    }

    /// Lists the connections that are due: the host must now ask their plugins for the authorities.
    ///
    /// After the clock was set back, every connection is due, because its next time may be far away.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = &AuthorityName> {
        self.connections.iter().filter(move |(_, rhythm)| rhythm.is_due(now)).map(|(name, _)| name)
    }

    /// Returns the time at which the next connection is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.connections.values().map(Rhythm::next).min()
    }

    /// Updates the table from the answer of a plugin. Returns the descriptions that were rejected.
    ///
    /// Authorities that the plugin no longer lists are removed. An empty list breaks the contract, and counts as a
    /// failure. The connection is due again when the first description expires, or after a day if none expires. It is
    /// never due at once, even if a description has expired already.
    pub fn refreshed(
        &mut self,
        authority: &AuthorityName,
        answer: impl IntoIterator<Item = CaInformation>,
        now: Timestamp,
    ) -> Vec<RejectedCa> {
        let answer: Vec<CaInformation> = answer.into_iter().collect();
        if answer.is_empty() {
            self.failed(authority, now, None, 0);
            return Vec::new();
        }
        let Some(rhythm) = self.connections.get_mut(authority) else { return Vec::new() };
        let earliest = answer.iter().filter_map(|ca| ca.expiration).min();
        rhythm.answered(now, earliest.unwrap_or_else(|| now.plus(DAILY)));

        // All authorities are removed first, because two of them may exchange their names within one answer.
        let mut before = self.take_all_of(authority);
        let mut rejected = Vec::new();
        let mut rejects =
            |ca, because| rejected.push(RejectedCa { authority: authority.clone(), ca, because });
        let mut listed = BTreeSet::new();
        let mut bad = Vec::new();
        for information in answer {
            let id = host_id(authority, &information.id);
            if !listed.insert(id.clone()) {
                rejects(information.id, RejectedCaBecause::SameId);
                continue;
            }
            match self.fault_of_name(&information.name, &id) {
                None => self.insert(authority, id, information),
                Some(because) => {
                    rejects(information.id, because);
                    bad.push(id);
                }
            }
        }
        // If the new description is bad, the earlier one stays in use.
        for id in bad {
            if let Some(old) =
                before.remove(&id).filter(|old| !self.names.contains_key(&old.information.name))
            {
                self.insert(authority, id, old.information);
            }
        }
        rejected
    }

    /// Records that a plugin did not list its authorities. It is asked again after a wait that grows with each failure,
    /// and that is at least the plugin's own `retry_after`. `jitter`, from 0 to 255, adds up to half of the wait.
    pub fn failed(
        &mut self,
        authority: &AuthorityName,
        now: Timestamp,
        retry_after: Option<Duration>,
        jitter: u8,
    ) {
        if let Some(rhythm) = self.connections.get_mut(authority) {
            rhythm.failed(Again { now, retry_after, jitter });
        }
    }

    /// Records that a plugin is being asked now.
    pub(super) fn asking(&mut self, authority: &AuthorityName) {
        if let Some(rhythm) = self.connections.get_mut(authority) {
            rhythm.ask();
        }
    }

    /// Makes a connection due, because the description of an authority is incomplete.
    pub(super) fn look_again(&mut self, authority: &AuthorityName) {
        if let Some(rhythm) = self.connections.get_mut(authority) {
            rhythm.want();
        }
    }

    /// Updates the owners of a connection's subordinate authorities from the records. `before` is the earlier reading
    /// of the records: authorities that were removed from the records since then are removed from the table.
    pub(super) fn follow(&mut self, authority: &AuthorityName, before: &Known, now: Known) {
        for ca in now.left(before) {
            self.deleted(&host_id(authority, ca));
        }
        for (ca, owner) in now.owned {
            self.owners.add(host_id(authority, &ca), owner);
        }
    }

    /// Adds an authority that a plugin created for an owner.
    ///
    /// # Errors
    /// [`RejectedCa`] when its name is bad or taken. The owner is recorded nevertheless, because the authority exists.
    /// A later refresh adds the authority when its name is free.
    pub(super) fn created(
        &mut self,
        authority: &AuthorityName,
        information: CaInformation,
        owner: Owner,
    ) -> Result<&HostedCa, RejectedCa> {
        let id = host_id(authority, &information.id);
        self.owners.add(id.clone(), owner);
        if let Some(because) = self.fault_of_name(&information.name, &id) {
            return Err(RejectedCa { authority: authority.clone(), ca: information.id, because });
        }
        self.insert(authority, id.clone(), information);
        Ok(&self.cas[&id])
    }

    /// Checks whether an owner may delete an authority.
    ///
    /// # Errors
    /// [`CaRefusal`] gives the reason (decision B19).
    pub(super) fn check_delete(&self, owner: &Owner, ca: &CaId) -> Result<(), CaRefusal> {
        if self.get(ca).is_none() && self.owners.owner_of(ca).is_none() {
            return Err(CaRefusal::Unknown { ca: ca.clone() });
        }
        self.owners.check_delete(owner, ca)
    }

    /// Removes an authority that a plugin deleted, and every preference for it.
    pub(super) fn deleted(&mut self, ca: &CaId) {
        self.remove_where(|each| each.id == *ca);
        self.owners.remove(ca);
    }

    /// Removes an owner's authorities whose ids are not in `ids`.
    pub(super) fn keep_of(&mut self, owner: &Owner, ids: &BTreeSet<CaId>) {
        for id in self.owners.of(owner).filter(|id| !ids.contains(*id)).cloned().collect::<Vec<_>>() {
            self.deleted(&id);
        }
    }

    /// Checks whether an authority can be the preference of all owners: it must have no owner.
    pub(super) fn check_prefer_for_all(&self, ca: &CaId) -> Result<(), CaRefusal> {
        if self.owners.owner_of(ca).is_some() {
            return Err(CaRefusal::Owned { ca: ca.clone() });
        }
        self.get(ca).map(drop).ok_or_else(|| CaRefusal::Unknown { ca: ca.clone() })
    }

    /// Copies a stored preference into the table: that of an owner, or with `None` that of all owners.
    pub(super) fn set_preferred(&mut self, owner: Option<&Owner>, ca: Option<&CaId>) {
        self.owners.set_preferred(owner, ca);
    }

    /// Returns an authority that an owner may use.
    ///
    /// # Errors
    /// [`CaRefusal::Unknown`] when no authority has this id, or when it belongs to another owner.
    pub(super) fn usable(&self, owner: &Owner, ca: &CaId) -> Result<&HostedCa, CaRefusal> {
        let usable = self.get(ca).filter(|ca| self.owners.may_use(owner, &ca.id));
        usable.ok_or_else(|| CaRefusal::Unknown { ca: ca.clone() })
    }

    /// Returns the authority for an order: the client's choice, or else the owner's preference.
    ///
    /// # Errors
    /// [`CaRefusal::Unknown`] when the owner may not use the authority. The host does not choose a different authority
    /// instead (decision H131).
    pub(super) fn chosen(&self, owner: &Owner, named: Option<&CaId>) -> Result<Option<&HostedCa>, CaRefusal> {
        let ca = named.or_else(|| self.owners.preferred(owner));
        ca.map(|ca| self.usable(owner, ca)).transpose()
    }

    /// Tells whether an owner prefers an authority of its own that no longer exists. The caller must have copied the
    /// owner's records into the table before. Such a preference can remain when one host stores it while another host
    /// deletes the authority.
    pub(super) fn is_left(&self, owner: &Owner, preferred: &Preferred) -> bool {
        preferred.is_own && self.owners.owner_of(&preferred.ca) != Some(owner)
    }

    /// Returns the certificates of the authorities that may sign an order at a connection, as far as plugins describe
    /// them. With `ca`, only this authority may sign; otherwise all authorities without an owner.
    pub(super) fn signers(&self, authority: &AuthorityName, ca: Option<&CaId>) -> Vec<Pem> {
        /// The largest number of certificates that are tried.
        const MOST: usize = 8;
        let signs = |each: &&HostedCa| match ca {
            Some(ca) => each.information.id == *ca,
            None => self.owners.owner_of(&each.id).is_none(),
        };
        let all = self.all().filter(|each| each.authority == *authority).filter(signs);
        all.filter_map(|each| each.information.signing_certificate.clone()).take(MOST).collect()
    }

    /// Returns the authority with this id.
    pub fn get(&self, ca: &CaId) -> Option<&HostedCa> {
        self.cas.get(ca)
    }

    /// Returns the authority with this name.
    pub fn named(&self, name: &str) -> Option<&HostedCa> {
        self.names.get(name).and_then(|id| self.cas.get(id))
    }

    /// Lists all authorities, ordered by id.
    pub fn all(&self) -> impl Iterator<Item = &HostedCa> {
        self.cas.values()
    }

    /// Returns the owners and preferences.
    pub(super) const fn owners(&self) -> &CaOwners {
        &self.owners
    }

    /// Tells whether an authority may have this name.
    pub(super) fn is_name(name: &str) -> bool {
        (1..=Self::MAX_NAME_BYTES).contains(&name.len()) && !name.contains(char::is_control)
    }

    fn fault_of_name(&self, name: &str, id: &CaId) -> Option<RejectedCaBecause> {
        if !Self::is_name(name) {
            return Some(RejectedCaBecause::Name { limit: Self::MAX_NAME_BYTES });
        }
        let holder = self.named(name).filter(|holder| holder.id != *id)?;
        Some(RejectedCaBecause::NameTaken { holder: holder.authority.clone() })
    }

    fn insert(&mut self, authority: &AuthorityName, id: CaId, information: CaInformation) {
        self.remove_where(|ca| ca.id == id);
        self.names.insert(information.name.clone(), id.clone());
        self.cas.insert(id.clone(), HostedCa { id, authority: authority.clone(), information });
    }

    fn take_all_of(&mut self, authority: &AuthorityName) -> BTreeMap<CaId, HostedCa> {
        let all = self.cas.iter().filter(|(_, ca)| ca.authority == *authority);
        let taken = all.map(|(id, ca)| (id.clone(), ca.clone())).collect();
        self.remove_where(|ca| ca.authority == *authority);
        taken
    }

    fn remove_where(&mut self, goes: impl Fn(&HostedCa) -> bool) {
        let names = &mut self.names;
        self.cas.retain(|_, ca| {
            let stays = !goes(ca);
            if !stays {
                names.remove(&ca.information.name);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests;
