//! The issuer of `keyway_tests::echo_issuer` as an executable.

// The id is needed, because the crate links other issuers, too.
keyway_executable::main!(keyway_tests::echo_issuer, id = "echo");
