//! Defines the notation of mutants.

/// Lists mutants. Each has a name, the rules that must catch it, its fault, and code that makes its subject.
///
/// There are two forms. If each subject is an expression, the macro makes a vector. If the list begins with `for` and
/// the type of the subjects, and `by` and the name of a macro of the suite, it declares `MUTANTS`. The suite's macro
/// makes the subject from the name, the kind of correct subject (after `of`), and the change, such as the overridden
/// operations of a layer.
macro_rules! mutants {
    ($($name:ident breaks [$($rule:literal),+] $what:literal => $subject:expr;)+) => {
        vec![$($crate::Mutant {
            name: stringify!($name),
            what: $what,
            breaks: &[$($rule),+],
            subject: || $subject,
        }),+]
    };
    (for $subject:ty, by $made:ident;
     $($name:ident $(of $kind:ident)? breaks [$($rule:literal),+] $what:literal $change:tt)+) => {
        pub(super) static MUTANTS: &[$crate::Mutant<$subject>] = &[$($crate::Mutant {
            name: stringify!($name),
            what: $what,
            breaks: &[$($rule),+],
            subject: $made!($name $($kind)? $change),
        }),+];
    };
}

pub(crate) use mutants;
