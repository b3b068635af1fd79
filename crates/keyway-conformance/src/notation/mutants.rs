//! Defines the macro `mutants!`, in which suites list their mutants.

/// Lists mutants. Each has a name, the rules that must catch it, its fault, and code that makes its subject.
///
/// The macro has two forms. In the first form, each subject is an expression, and the macro makes a vector. The second
/// form begins with `for SUBJECT, by MAKER;`, where `SUBJECT` is the type of the subjects and `MAKER` is a macro of the
/// suite. It declares the static `MUTANTS`. Each entry is `Name breaks ["RULE"] "fault" change` or `Name of kind breaks
/// ["RULE"] "fault" change`. `MAKER` gets the name, the kind if there is one, and the change, such as the overridden
/// operations of a layer. The kind names the correct subject that the change is made to. A mutant that makes its rules
/// panic, or keeps them from ending, has `unjudged ["RULE"]` after its rules.
macro_rules! mutants {
    ($($name:ident breaks [$($rule:literal),+] $(unjudged [$($unjudged:literal),+])? $what:literal
       => $subject:expr;)+) => {
        vec![$($crate::Mutant {
            name: stringify!($name),
            what: $what,
            breaks: &[$($rule),+],
            unjudged: &[$($($unjudged),+)?],
            subject: || $subject,
        }),+]
    };
    (for $subject:ty, by $made:ident;
     $($name:ident $(of $kind:ident)? breaks [$($rule:literal),+] $(unjudged [$($unjudged:literal),+])?
       $what:literal $change:tt)+) => {
        pub(super) static MUTANTS: &[$crate::Mutant<$subject>] = &[$($crate::Mutant {
            name: stringify!($name),
            what: $what,
            breaks: &[$($rule),+],
            unjudged: &[$($($unjudged),+)?],
            subject: $made!($name $($kind)? $change),
        }),+];
    };
}

pub(crate) use mutants;
