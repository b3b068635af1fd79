//! Defines the macro `mutants!`, in which suites list their mutants.

/// Lists mutants. Each has a name, the rules that must catch it, its fault, and code that makes its subject.
///
/// The macro has two forms. In the first form, each subject is an expression, and the macro makes a vector. The second
/// form begins with `for`, the type of the subjects, `by`, and the name of a macro of the suite. The second form
/// declares `MUTANTS`. The macro of the suite makes each subject from three arguments. The first is the name of the
/// mutant. The second is optional: the kind after `of` selects the correct subject to change. The third is the change,
/// such as the overridden operations of a layer.
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
