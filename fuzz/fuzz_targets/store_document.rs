//! What must hold: `keyway_tests::properties::store_document`.
#![no_main]

use keyway_tests::properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::store_document(data));
