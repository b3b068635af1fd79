//! What a store declares that it can do.

use keyway_core::MediaKind;

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
}

impl Capabilities {
    /// The least that a store can do: texts by name, without environments, descriptions,
    /// dates and versions, in unspecified order, without blocking and without making values.
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
        generates_values: false,
        order: ListOrder::Unspecified,
        blocking: false,
        prompt_reads: false,
        prompt: false,
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
