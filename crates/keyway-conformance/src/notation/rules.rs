//! Defines the notation of rules.

/// Declares the rules of a file as `RULES`: id, level, capability, clauses, sentence and check. It
/// starts with the type of the fixture, which also fixes the subject. The check is an async
/// function of the fixture and the arguments behind it; after the word `plain` it is not async.
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
