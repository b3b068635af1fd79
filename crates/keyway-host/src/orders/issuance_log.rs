//! The log of issued certificates. It is searched by serial number and by name.

use std::collections::HashSet;
use std::sync::Arc;

use keyway_certificates::{AuthorityName, OrderId, Owner, Pem};
use keyway_core::Timestamp;
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time, put_u32};
use keyway_x509::IssuedFacts;

use super::intents::order_id;
use super::state::{KeptAs, OrderState};
use crate::records::{
    ATTEMPTS, Address, Applied, Change, Entry, Journal, NameTag, Names, Note, RecordError, RecordKind,
    Recorded, Stored, read_code,
};

/// The largest number of names of a certificate that the log indexes. The number is limited because the size of a batch
/// is limited. The entry itself has all names.
const MOST_INDEXED: usize = 100;

/// An entry in the log of issued certificates. It stays when the order is deleted.
///
/// The log has every certificate that an order keeps, also one that is not in use (decision H322). It lacks only a text
/// that the host cannot read as a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedEntry {
    /// The order.
    pub order: OrderId,
    /// The owner of the order.
    pub owner: Owner,
    /// The connection that made the certificate.
    pub authority: AuthorityName,
    /// The time at which the host got the certificate.
    pub logged: Timestamp,
    /// The serial number in hexadecimal digits.
    pub serial: String,
    /// The alternative names of the certificate, as texts.
    pub names: Vec<String>,
    /// The beginning of the validity.
    pub not_before: Timestamp,
    /// The end of the validity.
    pub not_after: Timestamp,
    /// How the order keeps the certificate.
    pub kept_as: KeptAs,
    /// The time at which the host learned that the authority revoked the certificate.
    pub revoked: Option<Timestamp>,
}

/// A page of the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedPage {
    /// The entries. Their order is stable, but has no meaning.
    pub entries: Vec<IssuedEntry>,
    /// The start of the next page, or `None` if there is no next page.
    pub next: Option<OrderId>,
}

/// The key of a search in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuedBy<'a> {
    /// The serial number, in lower hexadecimal digits.
    Serial(&'a str),
    /// An alternative name: a host name, an address, or a URI.
    Name(&'a str),
}

impl<'a> IssuedBy<'a> {
    fn names(self) -> Names<'a> {
        match self {
            Self::Serial(serial) => Names::of([b"serial", serial.as_bytes()]),
            Self::Name(name) => Names::of([b"name", name.as_bytes()]),
        }
    }
}

/// The kind of the records in the log. A record has the id of the order whose certificate it describes, except for a
/// late certificate of an order that had one already.
#[derive(Debug)]
pub(super) struct Issued;

impl Recorded for Issued {
    const KIND: RecordKind = RecordKind::Issued;
    type Fixed = IssuedEntry;
    type State = Logged;

    fn listed<'a>(entry: &'a IssuedEntry, _: &'a Self::State) -> Vec<Names<'a>> {
        let names = entry.names.iter().take(MOST_INDEXED).map(|name| IssuedBy::Name(name).names());
        std::iter::once(IssuedBy::Serial(&entry.serial).names()).chain(names).collect()
    }
}

/// The part of an entry that changes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Logged {
    revoked: Option<Timestamp>,
}

impl Stored for Logged {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        1 + 8
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_optional(out, self.revoked, put_time);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { revoked: reader.optional(Reader::time)? })
    }
}

impl Stored for IssuedEntry {
    const SCHEMA: u8 = 2;

    fn encoded_len(&self) -> usize {
        let texts = [self.order.as_str(), self.owner.as_str(), self.authority.as_str(), self.serial.as_str()];
        let names = self.names.iter().map(String::as_str);
        3 * 8 + 4 + 1 + texts.into_iter().chain(names).map(|text| LENGTH_BYTES + text.len()).sum::<usize>()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for time in [self.logged, self.not_before, self.not_after] {
            put_time(out, time);
        }
        for text in [self.order.as_str(), self.owner.as_str(), self.authority.as_str(), self.serial.as_str()]
        {
            put_text(out, text);
        }
        put_u32(out, u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.iter().for_each(|name| put_text(out, name));
        out.push(self.kept_as as u8);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (logged, not_before, not_after) = (reader.time()?, reader.time()?, reader.time()?);
        let bad = |expected| move |_| Malformed { expected };
        let order = OrderId::new(reader.text()?).map_err(bad("the id of an order"))?;
        let owner = Owner::new(reader.text()?).map_err(bad("an owner"))?;
        let authority = AuthorityName::new(reader.text()?).map_err(bad("the name of a connection"))?;
        let serial = reader.text()?.to_owned();
        let count = reader.u32()?;
        let names = (0..count).map(|_| reader.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        let kept_as = read_code(reader, &KEPT_AS, |kept_as| kept_as as u8, "how a certificate is kept")?;
        let revoked = None;
        Ok(Self { order, owner, authority, logged, serial, names, not_before, not_after, kept_as, revoked })
    }
}

const KEPT_AS: [KeptAs; 3] = [KeptAs::Accepted, KeptAs::Quarantined, KeptAs::Late];

/// The log of issued certificates.
#[derive(Clone, Debug)]
pub(super) struct IssuanceLog(pub(super) Arc<Journal<Issued>>);

impl IssuanceLog {
    /// Returns the address of the entry of an order's certificate. The first certificate of an order has the address of
    /// the order, and each late one that follows has another. `late` is a late certificate.
    pub(super) fn address(&self, order: Address, state: &OrderState, late: Option<&Pem>) -> Address {
        let Some(certificate) = late else { return order };
        let is_first =
            state.late.as_ref().is_some_and(|late| late.number == 0 && late.certificate == *certificate);
        let name = match (is_first, &state.certificate) {
            (true, None) => return order,
            (true, Some(_)) => "certificate",
            (false, _) => certificate.as_str(),
        };
        Address { id: self.0.id_of(&[b"late", name.as_bytes(), &order.id]), ..order }
    }

    /// Returns the batch that adds the certificate of an order to the log.
    pub(super) fn note(&self, address: Address, entry: IssuedEntry) -> Result<Note, RecordError> {
        self.0.added(Entry::new(address, entry), Logged::default())
    }

    /// Tells whether the log has the certificate of an order.
    pub(super) async fn holds(&self, address: Address) -> Result<bool, RecordError> {
        Ok(self.0.load(address).await?.is_some())
    }

    /// Records that a certificate was revoked. A repeated call changes nothing.
    pub(super) async fn note_revocation(&self, address: Address, now: Timestamp) -> Result<(), RecordError> {
        let mut turn = self.0.turn();
        for _ in 0..ATTEMPTS {
            turn.wait_at(address).await;
            let Some(mut entry) = self.0.load(address).await? else { return Ok(()) };
            if entry.state.is_some_and(|logged| logged.revoked.is_some()) {
                return Ok(());
            }
            let revoked = Change::to(Some(Logged { revoked: Some(now) }));
            if let Applied::Stored = self.0.apply(&mut entry, revoked).await? {
                return Ok(());
            }
            turn.lost_at(address).await;
        }
        Err(RecordError::Contended)
    }

    /// Lists the certificates with a serial number or a name.
    pub(super) async fn find(
        &self,
        by: IssuedBy<'_>,
        after: Option<&NameTag>,
        limit: usize,
    ) -> Result<IssuedPage, RecordError> {
        let (found, next) = self.0.listed(&by.names(), after, limit).await?;
        let of = |entry: Box<Entry<Issued>>| IssuedEntry {
            revoked: entry.state.and_then(|logged| logged.revoked),
            ..entry.fixed
        };
        let entries = found.into_iter().map(of).collect();
        Ok(IssuedPage { entries, next: next.as_ref().map(order_id) })
    }
}

impl IssuedEntry {
    /// Creates the entry of a certificate.
    pub(super) fn of(
        (order, owner, authority): (OrderId, &Owner, &AuthorityName),
        facts: &IssuedFacts,
        (logged, kept_as): (Timestamp, KeptAs),
    ) -> Self {
        // A certificate may have a name twice, for example in upper and in lower case. A batch with the same key twice
        // would be refused.
        let mut names: Vec<String> = facts.names.iter().map(|name| name.text().into_owned()).collect();
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Self {
            order,
            owner: owner.clone(),
            authority: authority.clone(),
            logged,
            serial: facts.serial.clone(),
            names,
            not_before: facts.not_before,
            not_after: facts.not_after,
            kept_as,
            revoked: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use keyway_certificates::{IssuedCertificate, Pem};
    use keyway_core::Wiped;
    use keyway_seal::{Key, KeyRing};
    use keyway_storage::Memory;

    use super::*;
    use crate::orders::state::Late;
    use crate::records::SealedRecords;

    #[tokio::test]
    async fn each_late_certificate_has_an_entry_of_its_own_beside_that_of_the_order() {
        let ring = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let records = SealedRecords::open(Arc::new(Memory::new()), ring).await.unwrap();
        let log = IssuanceLog(Arc::new(Journal::new(Arc::new(records), "host".into())));
        let order = Address { scope: [1; 16], id: [2; 16] };
        let now = Timestamp::from_milliseconds(0);
        let without = OrderState::new(now, Wiped::new("{}".to_owned()));
        let certificate = IssuedCertificate::new(Pem::new("c").unwrap());
        let with = OrderState { certificate: Some(certificate), ..without.clone() };
        let [first, second, third] = ["late 1", "late 2", "late 3"].map(|text| Pem::new(text).unwrap());
        let late = |number, certificate: &Pem| {
            Some(Late { certificate: certificate.clone(), revoked: false, ended: false, number })
        };
        let without = OrderState { late: late(0, &first), ..without };
        let with = OrderState { late: late(0, &first), ..with };
        assert_eq!(log.address(order, &without, Some(&first)), order, "it is the only one");
        assert_eq!(log.address(order, &with, None), order);
        let all = [&first, &second, &third].map(|late| log.address(order, &with, Some(late)));
        assert!(!all.contains(&order) && all[0] != all[1] && all[1] != all[2] && all[2] != all[0]);
        // The second one has the same address when its revocation is noted.
        let next = OrderState { late: late(1, &second), ..with };
        assert_eq!(log.address(order, &next, Some(&second)), all[1]);
    }
}
