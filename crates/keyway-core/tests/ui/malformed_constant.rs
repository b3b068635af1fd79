const RANGE: keyway_core::Compatibility = keyway_core::compatibility!(">=:1.0,");

fn main() {
    assert!(!RANGE.is_satisfiable());
}
