//! Defines the macro `needs!`, in which suites declare the capabilities that their rules need.

/// Declares the capabilities that the rules of a suite need. Each has a constant, a name in reports, and a test of
/// whether a subject declares it.
macro_rules! needs {
    (of $subjects:ty; $($name:ident $capability:literal |$subject:ident| $declared:expr;)+) => {
        $(const $name: $crate::Need<$subjects> =
            $crate::Need { capability: $capability, declared: |$subject| $declared };)+
    };
}

pub(crate) use needs;
