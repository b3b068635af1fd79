//! Declares the abilities of a store.

use std::time::Duration;

use keyway_core::MediaKind;

use crate::BulkLimits;

/// The order of a store's lists.
///
/// See decision C15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListOrder {
    /// In the order of creation.
    Insertion,
    /// In an unspecified order that is stable while nothing is written.
    Unspecified,
}

/// The abilities that a store declares. The conformance kit checks both sides: a declared ability works, and an
/// undeclared ability returns [`Unsupported`](crate::StoreError::Unsupported) and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each is a declaration of its own, read by name.
pub struct Capabilities {
    /// Keeps secrets per environment, and has the four environment operations.
    pub environments: bool,
    /// Keeps descriptions.
    pub descriptions: bool,
    /// Keeps dates.
    pub dates: bool,
    /// Keeps version numbers for compare-and-set, and ids that it never reuses.
    pub versions: bool,
    /// Stores byte values.
    pub bytes: bool,
    /// Stores structured values.
    pub structured: bool,
    /// Generates values on request.
    ///
    /// See decision C11.
    pub generates_values: bool,
    /// The order of lists.
    pub order: ListOrder,
    /// May block the thread while a future is polled, so the host polls it on separate threads.
    ///
    /// See decision R1.
    pub blocking: bool,
    /// Returns from every poll of `get`, `written_by` and `retrieve_environment` within a
    /// millisecond, so a host polls them on the caller's task.
    pub prompt_reads: bool,
    /// Returns from every poll of any future within a millisecond.
    pub prompt: bool,
    /// Removes single secrets by `destroy`.
    pub destroys: bool,
    /// Moves to other keys by `rotate`. A store whose data is sealed by other keys than the host's, such as a store
    /// over an external service, cannot rotate.
    pub rotates: bool,
    /// Has settings, which `configure` reads and replaces.
    pub configures: bool,
    /// Can be deleted as a whole by `marked_for_delete`.
    pub deletable: bool,
    /// Records the last writer of the data, which `written_by` returns, and refuses data that it
    /// cannot read.
    ///
    /// See decision C4.
    pub tracks_writer: bool,
    /// Takes many writes in one commit by `write_all`, in batches within these limits. `None` if the store cannot do
    /// that.
    pub bulk: Option<BulkLimits>,
    /// How long a read may return an old value after another handle wrote, by the host's clock.
    /// Zero, the default, makes the store [immediate](Self::immediate): every read returns the last
    /// written value.
    pub staleness: Duration,
}

impl Capabilities {
    /// The abilities that every store with its own data has at least: texts by name, without environments,
    /// descriptions, dates and versions, in unspecified order, without blocking and without generated values. The
    /// abilities that only a store over an external service may lack are included; switch them off by methods such as
    /// [`destroys`](Self::destroys).
    pub const MINIMAL: Self = Self {
        environments: false,
        descriptions: false,
        dates: false,
        versions: false,
        bytes: false,
        structured: false,
        generates_values: false,
        order: ListOrder::Unspecified,
        blocking: false,
        prompt_reads: false,
        prompt: false,
        destroys: true,
        rotates: true,
        configures: true,
        deletable: true,
        tracks_writer: true,
        bulk: None,
        staleness: Duration::ZERO,
    };

    /// Everything that a store can keep, in unspecified order, without blocking. A store that also
    /// generates values adds [`generating`](Self::generating).
    pub const FULL: Self = Self {
        environments: true,
        descriptions: true,
        dates: true,
        versions: true,
        bytes: true,
        structured: true,
        ..Self::MINIMAL
    };

    /// Declares that the store blocks.
    #[must_use]
    pub const fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// Declares that every poll of a read returns within a millisecond.
    #[must_use]
    pub const fn prompt_reads(mut self) -> Self {
        self.prompt_reads = true;
        self
    }

    /// Declares that every poll returns within a millisecond, including polls of reads.
    #[must_use]
    pub const fn prompt(mut self) -> Self {
        (self.prompt_reads, self.prompt) = (true, true);
        self
    }

    /// Declares the order of lists.
    #[must_use]
    pub const fn ordered(mut self, order: ListOrder) -> Self {
        self.order = order;
        self
    }

    /// Declares that structured values can be stored.
    #[must_use]
    pub const fn structured(mut self) -> Self {
        self.structured = true;
        self
    }

    /// Declares that the store generates values on request.
    #[must_use]
    pub const fn generating(mut self) -> Self {
        self.generates_values = true;
        self
    }

    /// Declares whether single secrets can be removed.
    #[must_use]
    pub const fn destroys(mut self, destroys: bool) -> Self {
        self.destroys = destroys;
        self
    }

    /// Declares whether the store moves to other keys.
    #[must_use]
    pub const fn rotates(mut self, rotates: bool) -> Self {
        self.rotates = rotates;
        self
    }

    /// Declares whether the store has settings.
    #[must_use]
    pub const fn configures(mut self, configures: bool) -> Self {
        self.configures = configures;
        self
    }

    /// Declares whether the store can be deleted as a whole.
    #[must_use]
    pub const fn deletable(mut self, deletable: bool) -> Self {
        self.deletable = deletable;
        self
    }

    /// Declares whether the store records the last writer of the data.
    #[must_use]
    pub const fn tracks_writer(mut self, tracks_writer: bool) -> Self {
        self.tracks_writer = tracks_writer;
        self
    }

    /// Declares that the store takes batches of writes within these limits.
    #[must_use]
    pub const fn bulk(mut self, limits: BulkLimits) -> Self {
        self.bulk = Some(limits);
        self
    }

    /// Declares how long a read may return an old value after another handle wrote.
    #[must_use]
    pub const fn stale_for(mut self, staleness: Duration) -> Self {
        self.staleness = staleness;
        self
    }

    /// Tells whether every read returns the last written value, whichever handle wrote it.
    pub const fn immediate(&self) -> bool {
        self.staleness.is_zero()
    }

    /// Tells whether values of this kind can be stored.
    pub const fn stores(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Text => true,
            MediaKind::Bytes => self.bytes,
            MediaKind::Structured => self.structured,
            _ => false,
        }
    }
}
