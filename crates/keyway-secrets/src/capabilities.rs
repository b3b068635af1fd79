//! What a store declares that it can do.

use std::time::Duration;

use keyway_core::MediaKind;

use crate::BulkLimits;

/// In which order a list comes (decision C15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListOrder {
    /// As the secrets were created.
    Insertion,
    /// Stable while nobody writes, and otherwise unspecified.
    Unspecified,
}

/// What a store declares that it can do. The conformance kit holds it to that: what is
/// declared works, and what is not answers
/// [`Unsupported`](crate::StoreError::Unsupported) and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each is a declaration of its own, read by name.
pub struct Capabilities {
    /// Keeps secrets per environment and has the four environment operations.
    pub environments: bool,
    /// Keeps descriptions.
    pub descriptions: bool,
    /// Keeps dates.
    pub dates: bool,
    /// Keeps version numbers, and ids that it never gives twice, for compare-and-set.
    pub versions: bool,
    /// Stores values of bytes.
    pub bytes: bool,
    /// Stores structured values.
    pub structured: bool,
    /// Makes values itself when asked to (decision C11).
    pub generates_values: bool,
    /// The order of lists.
    pub order: ListOrder,
    /// Its futures may block the thread, so the host polls them on threads of their own
    /// (decision R1).
    pub blocking: bool,
    /// Every poll of `get`, `written_by` and `retrieve_environment` returns within a millisecond, so a
    /// host polls them on the caller's task.
    pub prompt_reads: bool,
    /// Every poll of any future returns within a millisecond.
    pub prompt: bool,
    /// Removes single secrets: has `destroy`.
    pub destroys: bool,
    /// Moves to other keys: has `rotate`. A store whose data other keys seal, such as a foreign service, does not.
    pub rotates: bool,
    /// Has settings: has `configure`, to read them and to replace them.
    pub configures: bool,
    /// Can be deleted as a whole: has `marked_for_delete`.
    pub deletable: bool,
    /// Keeps who wrote the data last: has `written_by`, and refuses data that it cannot read (decision C4).
    pub tracks_writer: bool,
    /// Takes many writes in one commit: has `write_all`, with batches of this size. `None` if it has not.
    pub bulk: Option<BulkLimits>,
    /// How long a read may answer what was true before another handle wrote, by the host's clock. Zero, the
    /// default, is [immediate](Self::immediate): a value written is what the next read gives.
    pub staleness: Duration,
}

impl Capabilities {
    /// The least that a store of its own data can do: texts by name, without environments, descriptions,
    /// dates and versions, in unspecified order, without blocking and without making values. What a store over a
    /// foreign service may lack is there unless it is taken away, as with [`destroys`](Self::destroys).
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

    /// Everything that a store can keep, in unspecified order, without blocking. Making
    /// values is not keeping them: who does that declares it with
    /// [`generating`](Self::generating).
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

    /// Declares that every poll returns within a millisecond, of reads too.
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

    /// Declares that the store makes values itself when asked to.
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

    /// Declares whether the store keeps who wrote the data last.
    #[must_use]
    pub const fn tracks_writer(mut self, tracks_writer: bool) -> Self {
        self.tracks_writer = tracks_writer;
        self
    }

    /// Declares that the store takes batches of writes of this size.
    #[must_use]
    pub const fn bulk(mut self, limits: BulkLimits) -> Self {
        self.bulk = Some(limits);
        self
    }

    /// Declares how long a read may answer what was true before another handle wrote.
    #[must_use]
    pub const fn stale_for(mut self, staleness: Duration) -> Self {
        self.staleness = staleness;
        self
    }

    /// Whether a value written is what the next read gives, through whichever handle.
    pub const fn immediate(&self) -> bool {
        self.staleness.is_zero()
    }

    /// Whether values of this kind can be stored.
    pub const fn stores(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Text => true,
            MediaKind::Bytes => self.bytes,
            MediaKind::Structured => self.structured,
            _ => false,
        }
    }
}
