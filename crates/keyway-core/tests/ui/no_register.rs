mod empty {}

const PLUGINS: keyway_core::Plugins = keyway_core::plugins! { empty };

fn main() {
    let _ = PLUGINS.registry();
}
