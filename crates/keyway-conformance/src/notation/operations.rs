//! The notation of operations that mutants override.

/// Declares `operation!` for the layer of a contract: its error, its capabilities if it has any, and the operations with
/// their arguments and answers.
///
/// `operation!` writes an overridden operation of a mutant from its name, and a closure of the handle of the mutant, which
/// the layer wraps, and of the arguments of the operation. Each argument can be changed.
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
