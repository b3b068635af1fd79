//! The notation of mutants.

/// Lists mutants as a vector: name, the rules that have to catch it, what it does wrong, and how
/// its subject is made.
macro_rules! mutants {
    ($($name:ident breaks [$($rule:literal),+] $what:literal => $subject:expr;)+) => {
        vec![$($crate::Mutant {
            name: stringify!($name),
            what: $what,
            breaks: &[$($rule),+],
            subject: || $subject,
        }),+]
    };
}

pub(crate) use mutants;
