//! Defines the macro `operations!`, in which suites declare the operations that mutants can override.

/// Declares the macro `operation!` for the layer of a contract. The arguments are the contract's error type, its
/// capabilities if it has any, and its operations with their arguments and answers.
///
/// `operation!` defines an operation that a mutant overrides. It takes the name of the operation, and a closure. The
/// closure gets the mutant's handle and the arguments of the operation, and may change these arguments.
macro_rules! operations {
    ($dollar:tt of $error:ty $(, $capabilities:ty)?; $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        macro_rules! operation {
            $((capabilities |$dollar mutant:ident| $dollar body:expr) => {
                fn capabilities(&self) -> $capabilities {
                    let $dollar mutant = &self.0;
                    $dollar body
                }
            };)?
            $(($name |$dollar mutant:ident $(, $dollar $argument:ident)*| $dollar body:expr) => {
                #[allow(unused_mut)] // Some mutants change an argument.
                async fn $name(&self, $(mut $dollar $argument: $type),*) -> Result<$answer, $error> {
                    let $dollar mutant = &self.0;
                    $dollar body
                }
            };)+
        }
    };
}

pub(crate) use operations;
