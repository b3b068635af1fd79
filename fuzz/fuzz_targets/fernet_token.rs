//! What must hold: `keyway_tests::properties::fernet_token`.
#![no_main]

use keyway_tests::properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::fernet_token(data));
