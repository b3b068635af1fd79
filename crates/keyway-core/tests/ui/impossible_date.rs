mod contract {
    pub trait Greeter: Send + Sync {}

    pub enum Greeters {}

    impl keyway_core::Contract for Greeters {
        const KIND: keyway_core::PluginKind = keyway_core::PluginKind::Secret;
        const VERSION: keyway_core::ContractVersion = keyway_core::ContractVersion::new(1);
        type Plugin = dyn Greeter;
    }
}

struct Good;

impl contract::Greeter for Good {}

keyway_core::register! {
    contract::Greeters {
        id: "good-id",
        name: "Good",
        version: "1.0.0",
        author: "Ada <ada@example.org>",
        updated: 20230229,
        compatibility: ">=:1.0,<:2.0",
        description: "d",
        plugin: Good,
    }
}

fn main() {}
