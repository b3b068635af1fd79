//! Lists the sources of the rules: the operations of the seeds, and the decisions, in our own
//! words.

use crate::Clause;

macro_rules! clauses {
    ($($id:literal $text:literal;)+) => {
        /// Lists the clauses that the rules for secret stores have to cover.
        pub const CLAUSES: &[Clause] = &[$(Clause { id: $id, text: $text }),+];
    };
}

clauses! {
    "Convection/metadata" "a plugin describes itself: version, name, type, author, date, compatibility";
    "Convection/compatibility" "the version that last wrote the data must be in the running plugin's range";
    "Convection/close" "the hook that ends each read and each write";
    "Convection/read" "the hook that brings data from the store into memory";
    "Convection/write" "the hook that brings data from memory into the store";
    "Convection/initialize" "makes a new and empty store";
    "Convection/rotate" "moves the store to other keys";
    "Convection/create" "adds a secret";
    "Convection/destroy" "removes a secret";
    "Convection/get" "reads a secret in the clear";
    "Convection/modify" "changes an existing secret";
    "Convection/list" "lists the secrets";
    "Convection/configure" "reads and writes the store's settings";
    "Convection/info" "returns the numbers of secrets, reads and writes, and the metadata";
    "Convection/marked_for_delete" "deletes the store";
    "Convection/encryption" "stored data is encrypted with the keys of the host";
    "Locker/list" "lists all secrets with their values";
    "Locker/get" "reads a secret by name and environment";
    "Locker/retrieve" "reads a secret with id and name";
    "Locker/create" "adds a secret, with an environment if one is named";
    "Locker/modify" "changes a secret, in an environment if one is named";
    "Locker/list_environments" "lists the environments";
    "Locker/retrieve_environment" "reads an environment by name";
    "Locker/create_environment" "adds an environment with an external URL";
    "Locker/modify_environment" "changes the external URL of an environment";
    "Locker/default_value" "the default value is returned if the key does not exist";
    "Locker/get_environment" "the older name for reading an environment";
    "Locker/credentials" "keys and address from parameters, the environment or the shared file";
    "Locker/logging" "what is logged, at each level";
    "Locker/errors" "the class of an error tells how to handle it";
    "Locker/threads" "a store can be used from several threads";
    "C4" "compatibility is checked on every open; nothing is overwritten; the version only rises by a write";
    "C5" "errors are typed, and a wrong key is told apart from damage";
    "C6" "a write is atomic and durable, and unacceptable input is refused before any data is touched";
    "C7" "rotation ends with the new keys alone, others work meanwhile, and it can be resumed";
    "C8" "the first key of a ring seals, and every key of it opens";
    "C9" "the allowed names, none of which is ever a path";
    "C10" "settings are checked before they are stored, and hold at once and after a restart";
    "C11" "a generated password follows the stored settings, from its first character on, and is random";
    "C12" "info counts secrets, reads and writes, and reading never becomes writing";
    "C13" "deletion checks compatibility, is idempotent and resumable, and the handle answers `Deleted` afterwards";
    "C14" "texts, bytes and structured values, without loss; other kinds are refused first";
    "C15" "pages are stable while others write; the order is declared; names hidden at rest survive rotation";
    "C16" "a store over a foreign service declares its missing operations, which answer Unsupported and change nothing";
    "L1" "a store answers for the address that it was asked for; a client by its policy, and names the layer of the secret";
    "L2" "an unknown environment is an error of its own, never a fall back, never the default value";
    "L3" "lists and reads agree under each policy; a list is a bulk read";
    "L4" "a change never creates, and never touches another layer";
    "L5" "the default value replaces a missing secret only; other failures are errors, and an empty value is a value";
    "L6" "errors have the code, status, message and description of their row, and never a value";
    "L7" "credentials field by field: explicit, the environment, the file; never shown";
    "L8" "traces hold no secret at any level";
    "L11" "canonical names, the older one kept; a client is shared between tasks without a lock";
    "Client/audit" "an audit hook is told the requester and the request, once, with the outcome, never the value";
    "Client/transfer" "dotenv and JSON out and in: a file is read as a whole or not at all, and nothing is lost";
    "R1" "a handle is made without I/O, and a dropped call frees its resources";
    "Principle/declared" "a declared operation works; an undeclared one answers Unsupported and changes nothing";
    "Principle/secrets" "a secret value shows in no error, log line or debugging text";
    "Contract/versions" "a version grows by one with each change, and compare-and-set compares it";
    "Contract/dates" "dates come from the host's clock";
    "Contract/descriptions" "a description is kept apart from the value";
    "Contract/ids" "an id stays with a secret for its life and is not given twice";
    "Contract/cancellation" "a dropped call leaves the store whole";
    "Contract/configuration" "the plugin's configuration is checked before anything is opened";
    "Contract/bulk" "a bulk write writes all or nothing in one commit, within the limits that the store tells";
    "Contract/resources" "a handle releases its resources";
}
