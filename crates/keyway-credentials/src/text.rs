//! Texts with a checked form: names and ids.

use keyway_core::{checked_text, is_identifier, is_one_line};

checked_text! {
    /// The name of a credential store: 1 to 128 of `A-Z a-z 0-9 . _ -`, not beginning with a dot.
    ///
    /// An operator chooses it. One plugin may have several stores, each with its own name. It is an identifier, never a
    /// path.
    pub CredentialStoreName: shown, "the name of a credential store", up to 128, is_identifier,
        "1 to 128 letters, digits, '.', '_' and '-', and no dot at the beginning"
}

checked_text! {
    /// The id of a session: 1 to 255 bytes without control characters.
    ///
    /// The host chooses it. It is the same in every call for one session (decision S6).
    pub SessionId: shown, "the id of a session", up to 255, is_one_line,
        "1 to 255 bytes without control characters"
}

checked_text! {
    /// An account: 1 to 512 bytes without control characters (seed, `account`).
    ///
    /// A user may have chosen it, so never use it as a path or a part of a command.
    pub Account: shown, "an account", up to 512, is_one_line, "1 to 512 bytes without control characters"
}

checked_text! {
    /// An asset, such as a server: 1 to 512 bytes without control characters (seed, `asset`).
    ///
    /// A user may have chosen it, so never use it as a path or a part of a command.
    pub Asset: shown, "an asset", up to 512, is_one_line, "1 to 512 bytes without control characters"
}

checked_text! {
    /// The store's own id of a lease: 1 to 512 bytes without control characters.
    ///
    /// The host stores it in its records and shows it to operators, so it holds no secret. It is unique within one
    /// store, and the store never reuses it, because a host may repeat a check-in after another session got a new
    /// lease.
    pub LeaseId: shown, "the id of a lease", up to 512, is_one_line,
        "1 to 512 bytes without control characters"
}

checked_text! {
    /// The name of a person or a session: 1 to 255 bytes without control characters. It appears in the reason of a
    /// check-in and as the holder of a busy account. Operators see it.
    pub Holder: shown, "the name of a holder", up to 255, is_one_line,
        "1 to 255 bytes without control characters"
}
