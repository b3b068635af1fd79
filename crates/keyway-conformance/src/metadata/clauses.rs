//! Lists the sources of the rules for metadata.

use crate::notation::clauses;

clauses! {
    "Convection/Metadata" "a plugin carries version, author, updated, compatibility, and its name, type and description";
    "Convection/version" "the version is a full Major.Minor.Patch";
    "Convection/updated" "the day of the last update, as the integer YYYYMMDD";
    "Convection/author" "the author, as a name and an address";
    "Convection/compatibility" "comparators and versions, joined by commas";
    "Convection/plugin.type" "the kind of the plugin: Secret and the other three";
    "C1" "the grammar of the compatibility string";
    "C2" "the meaning of a compatibility string; one that no version satisfies is refused";
    "C3" "metadata is strict: all fields, right types, a real date, no unknown key";
    "C4" "the own version is in the own range; name, type and range decide which data is read";
    "K2" "a registry id in kebab case, apart from the name";
    "K3" "a plugin is registered under the kind of its contract";
    "R1" "metadata is constant";
}
