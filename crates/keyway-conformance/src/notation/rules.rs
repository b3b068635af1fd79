//! Defines the macro `rules!`, in which suites write their rules.

/// Declares the rules of a file as `RULES`. Each has an id, a level, a capability, clauses, a sentence and a check. The
/// list starts with the type of the fixture, which also determines the type of the subject. A check is an async
/// function; its arguments are the fixture and the arguments that follow the function's name. The word `plain` after
/// these arguments marks a function that is not async.
macro_rules! rules {
    (in $fixture:ident;
     $($id:literal $level:ident $(needs $need:ident)? from [$($clause:literal),+] $sentence:literal
       $check:ident $(($($argument:expr),+))? $($plain:ident)?;)+) => {
        pub(super) static RULES: &[$crate::Rule<<$fixture<'static> as $crate::notation::Fixture<'static>>::Subject>] = &[$($crate::Rule {
            id: $id,
            level: $crate::Level::$level,
            sentence: $sentence,
            clauses: &[$($clause),+],
            needs: $crate::notation::need!($($need)?),
            check: {
                fn in_its_fixture<'a>(
                    trial: &'a $crate::Trial<'a, <$fixture<'a> as $crate::notation::Fixture<'a>>::Subject>,
                ) -> $crate::Checking<'a> {
                    Box::pin(async move {
                        let mut fixture = <$fixture<'a> as $crate::notation::Fixture<'a>>::new(trial)?;
                        let result = $crate::notation::rules!(@check fixture $check ($($($argument),+)?) $($plain)?);
                        $crate::notation::Fixture::clean_up(&mut fixture).await;
                        result
                    })
                }
                in_its_fixture
            },
        }),+];
    };
    (@check $fixture:ident $check:ident ($($argument:expr),*)) => {
        $check(&mut $fixture $(, $argument)*).await
    };
    (@check $fixture:ident $check:ident ($($argument:expr),*) plain) => {
        $check(&mut $fixture $(, $argument)*)
    };
}

/// Names the capability of a rule, if it needs one.
macro_rules! need {
    () => {
        None
    };
    ($need:ident) => {
        Some($need)
    };
}

pub(crate) use {need, rules};
