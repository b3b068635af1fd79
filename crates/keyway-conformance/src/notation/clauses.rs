//! The notation of clauses.

/// Declares the clauses that the rules of a suite have to cover, as `CLAUSES`: id, and text in our own words.
macro_rules! clauses {
    ($($id:literal $text:literal;)+) => {
        pub(super) const CLAUSES: &[$crate::Clause] = &[$($crate::Clause { id: $id, text: $text }),+];
    };
}

pub(crate) use clauses;
