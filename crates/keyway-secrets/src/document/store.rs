//! Makes a secret store from document hooks.

use std::collections::HashMap;

use async_lock::Mutex;
use async_trait::async_trait;
use keyway_core::{MediaKind, SecretValue, Structured, Table, WrittenBy};
use keyway_seal::KeyRing;

use super::paging::Listed;
use super::session::{HandleState, Session};
use crate::{
    AccessMode, BulkLimits, Capabilities, Configure, Count, Document, DocumentHooks, EnvironmentFilter,
    ListOrder, ListQuery, ListedSecret, NewSecret, NewValue, Progress, Recipe, RotationListener, Secret,
    SecretAddress, SecretChange, SecretHeader, SecretName, SecretPage, SecretRevision, SecretStore,
    SecretWrite, StoreError, StoreInfo,
};

/// A [`SecretStore`] on [`DocumentHooks`]: every operation reads the whole document; an operation that changes it does
/// so in memory, and writes the whole document back.
///
/// `DocumentStore` keeps the following rules on behalf of the hooks: it checks compatibility first (decision C4),
/// refuses unacceptable values before it touches data (C6), rotates by reading with the new and the old keys and
/// writing with the new keys (C7), calls `close` once on every path (C13), keeps insertion order (C15) and counts
/// exactly (C12).
///
/// The store has no environments, descriptions, dates or versions. It destroys, rotates, has settings, can be deleted,
/// records the last writer, and is immediate (decision C16).
///
/// Every operation checks the writer of the document again, since another program may replace the document at any time.
/// A `written_by` call is not counted as a read.
///
/// A rotation is one write. Until that write is known to be done, the handle reads with new and old keys. Other writes
/// of the handle seal with the old keys, unless these no longer open the document. So a ring of the old and the new
/// keys opens the document in any case, and calling `rotate` again with the same keys completes the rotation.
#[derive(Debug)]
pub struct DocumentStore<H> {
    hooks: H,
    state: Mutex<HandleState>,
}

impl<H: DocumentHooks> DocumentStore<H> {
    /// Makes a handle. Does no I/O.
    pub fn new(hooks: H, keys: KeyRing) -> Self {
        let state = HandleState {
            reading: keys.clone(),
            sealing: keys,
            rotating: None,
            deleted: false,
            unwritten_reads: 0,
        };
        Self { hooks, state: Mutex::new(state) }
    }

    /// Returns the hooks.
    pub fn hooks(&self) -> &H {
        &self.hooks
    }

    /// Converts a value to its stored form, or returns the recipe if the store generates the value. An unacceptable
    /// value is refused before any data is touched (C6).
    fn storable(&self, value: NewValue) -> Result<Storable, StoreError> {
        match value {
            NewValue::Given(value) => {
                let value = to_structured(value)?;
                self.hooks.check_value(&value)?;
                Ok(Storable::Given(value))
            }
            NewValue::Generated(recipe) if self.hooks.generates_values() => Ok(Storable::Generated(recipe)),
            NewValue::Generated(_) => Err(NewValue::unsupported()),
        }
    }

    /// Returns the value to store. A generated value follows the settings that are in force in the locked document
    /// (C11).
    fn value_for(&self, document: &Document, value: &Storable) -> Result<Structured, StoreError> {
        match value {
            Storable::Given(value) => Ok(value.clone()),
            Storable::Generated(recipe) => {
                let settings = self.hooks.settings_in_force(document.settings.clone());
                let value = self.hooks.generate(&settings, recipe)?;
                self.hooks.check_value(&value)?;
                Ok(value)
            }
        }
    }

    /// Checks a write as far as possible without the document.
    fn plan(&self, write: SecretWrite) -> Result<Planned, StoreError> {
        let (address, value, described, creates) = match write {
            SecretWrite::Create(secret) => {
                plain(&secret.address)?.check_creatable()?;
                (secret.address, Some(secret.value), secret.description.is_some(), true)
            }
            SecretWrite::Modify(address, change) => {
                plain(&address)?;
                no_version(change.expected.as_ref())?;
                (address, change.value, change.description.is_some(), false)
            }
        };
        if described {
            return Err(StoreError::Unsupported { what: "descriptions" });
        }
        let value = value.map(|value| self.storable(value)).transpose()?;
        Ok(Planned { address, value, creates })
    }

    /// Makes one write in a document in which the secret is at `place`.
    fn apply(
        &self,
        document: &mut Document,
        planned: &Planned,
        place: Option<usize>,
    ) -> Result<SecretHeader, StoreError> {
        let value = planned.value.as_ref().map(|value| self.value_for(document, value)).transpose()?;
        let header = planned.check_there(place)?;
        let Some(value) = value else { return Ok(header) };
        match place.and_then(|place| document.secrets.value_at_mut(place)) {
            Some(there) => *there = value,
            None => document.secrets.push_new(planned.name(), value),
        }
        Ok(header)
    }

    async fn begin(&self) -> Result<Session<'_, H>, StoreError> {
        let state = self.state.lock().await;
        if state.deleted {
            return Err(StoreError::Deleted);
        }
        Ok(Session::begin(&self.hooks, state))
    }

    /// Runs a cycle that only reads.
    async fn look<T>(
        &self,
        look: impl FnOnce(&Document, &HandleState) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let mut session = self.begin().await?;
        let document = session.read(AccessMode::Read).await?;
        let answer = look(&document, &session.state)?;
        session.end(answer)
    }

    /// Runs a cycle that changes the document.
    async fn change<T: Send>(
        &self,
        change: impl FnOnce(&mut Document) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let mut session = self.begin().await?;
        let mut document = session.read(AccessMode::Update).await?;
        let answer = change(&mut document)?;
        session.write(document).await?;
        session.end(answer)
    }
}

/// A checked value in its stored form, or the recipe for a value.
enum Storable {
    Given(Structured),
    Generated(Recipe),
}

/// A write that passed all checks that need no document.
struct Planned {
    address: SecretAddress,
    value: Option<Storable>,
    creates: bool,
}

impl Planned {
    fn name(&self) -> &str {
        self.address.name.as_str()
    }

    /// Returns the position of the secret, if it exists.
    fn place(&self, document: &Document) -> Option<usize> {
        document.secrets.position(self.name())
    }

    /// Checks that the secret exists or is missing, as the write demands, and returns its header.
    fn check_there(&self, place: Option<usize>) -> Result<SecretHeader, StoreError> {
        match place.is_some() {
            true if self.creates => Err(StoreError::SecretExists { address: self.address.clone() }),
            false if !self.creates => Err(StoreError::SecretNotFound { address: self.address.clone() }),
            _ => Ok(header(self.name())),
        }
    }
}

/// Returns the positions of the secrets of a batch in one pass through the document. Each secret occurs once in the
/// batch, and new secrets are added at the end, so the positions stay valid while the batch is applied.
fn places(document: &Document, batch: &[Planned]) -> Vec<Option<usize>> {
    let in_batch: HashMap<_, _> =
        batch.iter().enumerate().map(|(at, planned)| (planned.name(), at)).collect();
    let mut places = vec![None; batch.len()];
    for (place, (name, _)) in document.secrets.iter().enumerate() {
        if let Some(at) = in_batch.get(name) {
            places[*at] = Some(place);
        }
    }
    places
}

/// The size limits of a batch. They are high, because a document is in memory as a whole.
pub(super) const BULK: BulkLimits = BulkLimits { writes: 10_000, bytes: 16 << 20 };

#[async_trait]
impl<H: DocumentHooks> SecretStore for DocumentStore<H> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::MINIMAL.structured().bulk(BULK).ordered(ListOrder::Insertion);
        if self.hooks.generates_values() {
            capabilities = capabilities.generating();
        }
        if self.hooks.blocking() { capabilities.blocking() } else { capabilities }
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        let mut session = self.begin().await?;
        let document = session.read_any(AccessMode::Read).await?;
        session.end(document.map(|document| document.written_by))
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        let mut session = self.begin().await?;
        if session.read_any(AccessMode::Update).await?.is_some() {
            return Err(StoreError::AlreadyInitialized);
        }
        let metadata = self.hooks.metadata();
        let mut document = Document::empty(metadata.written_by(), self.hooks.initial_settings());
        // A new document counts one read and one write, as existing files do.
        document.reads = 1;
        session.write(document).await?;
        session.end(())
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        let mut session = self.begin().await?;
        // From here on the handle reads with the new and the old keys, so that it still has the right keys after a
        // failed write or a dropped future.
        session.state.reading = new.with_retiring(&session.state.reading);
        session.state.rotating = Some(new.clone());
        let document = session.read(AccessMode::Update).await?;
        let total = u64::try_from(document.secrets.len()).unwrap_or(u64::MAX);
        session.write_sealed_by(document, new).await?;
        session.state.reading = new.clone();
        session.state.sealing = new.clone();
        session.state.rotating = None;
        session.end(())?;
        listener.progressed(Progress { done: total, total });
        Ok(())
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let planned = self.plan(SecretWrite::Create(secret))?;
        self.change(|document| self.apply(document, &planned, planned.place(document))).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        let name = plain(address)?;
        no_version(expected.as_ref())?;
        self.change(|document| match document.secrets.remove(name.as_str()) {
            Some(_) => Ok(()),
            None => Err(StoreError::SecretNotFound { address: address.clone() }),
        })
        .await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let name = plain(address)?;
        self.look(|document, _| match document.secrets.get(name.as_str()) {
            Some(value) => Ok(Secret { header: header(name.as_str()), value: from_structured(value) }),
            None => Err(StoreError::SecretNotFound { address: address.clone() }),
        })
        .await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let planned = self.plan(SecretWrite::Modify(address.clone(), change))?;
        if planned.value.is_none() {
            return self.look(|document, _| planned.check_there(planned.place(document))).await;
        }
        self.change(|document| self.apply(document, &planned, planned.place(document))).await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        BULK.check(&writes)?;
        let plan = |(at, write)| self.plan(write).map_err(|refusal| refusal.in_batch(at));
        let planned = writes.into_iter().enumerate().map(plan).collect::<Result<Vec<_>, _>>()?;
        if planned.is_empty() {
            return self.look(|_, _| Ok(Vec::new())).await;
        }
        self.change(|document| {
            let places = places(document, &planned);
            let mut apply = |(at, (planned, place))| {
                self.apply(document, planned, place).map_err(|refusal: StoreError| refusal.in_batch(at))
            };
            planned.iter().zip(places).enumerate().map(&mut apply).collect()
        })
        .await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        if let EnvironmentFilter::In(_) = query.environment {
            return Err(StoreError::Unsupported { what: "environments" });
        }
        let listed = Listed::from_cursor(query.after.as_ref())?;
        self.look(|document, _| {
            let (page, next) = listed.page(&document.secrets, query.limit);
            let secrets = page
                .into_iter()
                .map(|(name, value)| ListedSecret {
                    header: header(name),
                    value: query.with_values.then(|| from_structured(value)),
                })
                .collect();
            Ok(SecretPage { secrets, next })
        })
        .await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        match request {
            Configure::Read => {
                self.look(|document, _| Ok(self.hooks.settings_in_force(document.settings.clone()))).await
            }
            Configure::Write(settings) => {
                self.hooks.check_settings(&settings)?;
                let settings = self.hooks.settings_in_force(settings);
                self.change(|document| {
                    document.settings = settings.clone();
                    Ok(settings)
                })
                .await
            }
        }
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.look(|document, state| {
            let secrets = Count::exact(u64::try_from(document.secrets.len()).unwrap_or(u64::MAX));
            // An existing file may hold a negative number, which has no meaning.
            let counter = |stored: i64, more: i64| match u64::try_from(stored) {
                Ok(stored) => stored.saturating_add(u64::try_from(more).unwrap_or(0)),
                Err(_) => 0,
            };
            let (reads, writes) =
                (counter(document.reads, state.unwritten_reads), counter(document.writes, 0));
            let info =
                StoreInfo::new(self.hooks.metadata().clone(), Some(document.written_by.clone()), secrets);
            Ok(info.with_counters(reads, writes))
        })
        .await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        let state = self.state.lock().await;
        if state.deleted {
            return Ok(());
        }
        let mut session = Session::begin(&self.hooks, state);
        if let Some(document) = session.read_any(AccessMode::Update).await? {
            self.hooks.metadata().check(&document.written_by)?;
        }
        session.remove().await?;
        session.end(())
    }
}

/// Returns the name of a secret that belongs to no environment.
fn plain(address: &SecretAddress) -> Result<&SecretName, StoreError> {
    match address.environment {
        None => Ok(&address.name),
        Some(_) => Err(StoreError::Unsupported { what: "environments" }),
    }
}

fn no_version(expected: Option<&SecretRevision>) -> Result<(), StoreError> {
    match expected {
        None => Ok(()),
        Some(_) => Err(StoreError::Unsupported { what: "versions" }),
    }
}

fn header(name: &str) -> SecretHeader {
    SecretHeader::new(name, SecretAddress::shared(SecretName::of_existing(name)))
}

fn to_structured(value: SecretValue) -> Result<Structured, StoreError> {
    match value {
        SecretValue::Structured(structured) => Ok(structured),
        other => match other.expose_text() {
            Some(text) => Ok(Structured::text(text)),
            None => Err(StoreError::UnsupportedValue { kind: MediaKind::Bytes }),
        },
    }
}

fn from_structured(value: &Structured) -> SecretValue {
    match value {
        Structured::Text(text) => SecretValue::text(text.as_str()),
        other => SecretValue::Structured(other.clone()),
    }
}
