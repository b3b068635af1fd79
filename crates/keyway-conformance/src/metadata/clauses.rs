//! Lists the sources of the rules for metadata.

use crate::Clause;

/// The clauses of the Convection seed and the decisions that metadata can keep or break.
pub(super) const CLAUSES: &[Clause] = &[
    Clause {
        id: "Convection/Metadata",
        text: "a plugin carries version, author, updated, compatibility, and its name, type and description",
    },
    Clause { id: "Convection/version", text: "the version is a full Major.Minor.Patch" },
    Clause { id: "Convection/updated", text: "the day of the last update, as the integer YYYYMMDD" },
    Clause { id: "Convection/author", text: "the author, as a name and an address" },
    Clause { id: "Convection/compatibility", text: "comparators and versions, joined by commas" },
    Clause { id: "Convection/plugin.type", text: "the kind of the plugin: Secret and the other three" },
    Clause { id: "C1", text: "the grammar of the compatibility string" },
    Clause {
        id: "C2",
        text: "the meaning of a compatibility string; one that no version satisfies is refused",
    },
    Clause { id: "C3", text: "metadata is strict: all fields, right types, a real date, no unknown key" },
    Clause {
        id: "C4",
        text: "the own version is in the own range; name, type and range decide which data is read",
    },
    Clause { id: "K2", text: "a registry id in kebab case, apart from the name" },
    Clause { id: "K3", text: "a plugin is registered under the kind of its contract" },
    Clause { id: "R1", text: "metadata is constant" },
];
