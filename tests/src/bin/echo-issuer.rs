//! The issuer of `keyway_tests::echo_issuer` as an executable.

keyway_executable::main!(keyway_tests::echo_issuer, id = "echo");
