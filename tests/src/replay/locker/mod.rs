//! Vectors of Locker: the error table, credentials, dotenv, look-ups in environments, and the native client.

mod cipher;
mod credentials;
mod dotenv;
mod errors;
mod native;
mod project;
mod reading;
mod retry;
mod sdk;
mod service;
mod store;
mod writing;

use super::{Family, Form, Scope};

/// The kinds of Locker's vectors.
pub(super) const FAMILY: Family = Family {
    name: "Locker",
    form: Form::BeginningOfId,
    kinds: &[
        ("v1.table", Scope::Replayed(&errors::Table)),
        ("v1.interpret", Scope::Replayed(&errors::Interpret)),
        ("v2.err", Scope::Replayed(&errors::Rpc)),
        ("v2.cred", Scope::Replayed(&credentials::Given)),
        ("v2.from_env", Scope::Replayed(&credentials::FromEnvironment)),
        ("v2.dotenv", Scope::Replayed(&dotenv::Dotenv)),
        ("go.lookup", Scope::Replayed(&reading::Lookup)),
        ("go.list", Scope::Replayed(&reading::List)),
        ("go.envs", Scope::Replayed(&reading::Environments)),
        ("go.env", Scope::Replayed(&reading::Environment)),
        ("go.write", Scope::Replayed(&writing::Write)),
        ("v2.resp", Scope::Replayed(&sdk::Response)),
        ("v2.caps", Scope::Replayed(&sdk::Capabilities)),
        ("v2.dto", Scope::Replayed(&sdk::Data)),
        ("v2.req", Scope::Replayed(&sdk::Requests)),
        ("v2.exit", Scope::Replayed(&sdk::Response)),
        ("v2.table", Scope::Replayed(&errors::SecondTable)),
        ("v2.retry", Scope::Replayed(&retry::Retry)),
        ("go.http", Scope::Replayed(&native::Requests)),
        ("go.status", Scope::Replayed(&native::Status)),
        ("go.crypto", Scope::Replayed(&cipher::Cipher)),
        ("go.offline", Scope::Replayed(&native::Offline)),
        // These kinds test the process of the 1.x command line: its arguments, output and options.
        ("v1.argv", Scope::OutOfScope),
        ("v1.out", Scope::OutOfScope),
        ("v1.config", Scope::OutOfScope),
        ("v1.obj", Scope::OutOfScope),
        ("v1.special", Scope::OutOfScope),
        ("v1.encode", Scope::OutOfScope),
        ("v1.timeout", Scope::OutOfScope),
        ("v1.download", Scope::OutOfScope),
        ("v1.threadlock", Scope::OutOfScope),
        ("v1.threadlock_truthy", Scope::OutOfScope),
        ("v1.log_leak", Scope::OutOfScope),
        ("v1.log_env", Scope::OutOfScope),
        // These kinds test the process of the 2.x command line: its path, updates and start.
        ("v2.ctx", Scope::OutOfScope),
        ("v2.childenv", Scope::OutOfScope),
        ("v2.legacy", Scope::OutOfScope),
        ("v2.strict", Scope::OutOfScope),
        ("v2.canon", Scope::OutOfScope),
        ("v2.ver", Scope::OutOfScope),
        ("v2.proc", Scope::OutOfScope),
        ("v2.binpath", Scope::OutOfScope),
        ("v2.obj", Scope::OutOfScope),
        ("v2.log_env", Scope::OutOfScope),
        ("v2.log_env_arg", Scope::OutOfScope),
        ("v2.log_leak", Scope::OutOfScope),
        ("v2.log_handlers", Scope::OutOfScope),
        ("v2.ctor_ignores_env_and_file", Scope::OutOfScope),
        ("go.init", Scope::OutOfScope),
    ],
};
