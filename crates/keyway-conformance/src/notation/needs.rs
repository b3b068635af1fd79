//! Defines the notation of capabilities that rules need.

/// Declares the capabilities that rules of a suite need: the constant, the name in reports, and the
/// test whether a subject declares it.
macro_rules! needs {
    (of $subjects:ty; $($name:ident $capability:literal |$subject:ident| $declared:expr;)+) => {
        $(const $name: $crate::Need<$subjects> =
            $crate::Need { capability: $capability, declared: |$subject| $declared };)+
    };
}

pub(crate) use needs;
