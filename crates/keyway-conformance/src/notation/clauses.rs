//! Defines the macro `clauses!`, in which suites list the clauses that their rules must cover.

/// Declares the clauses that the rules of a suite must cover, as `CLAUSES`. A clause is an id and a paraphrased text.
macro_rules! clauses {
    ($($id:literal $text:literal;)+) => {
        pub(super) const CLAUSES: &[$crate::Clause] = &[$($crate::Clause { id: $id, text: $text }),+];
    };
}

pub(crate) use clauses;
