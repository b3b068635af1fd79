//! Texts with a checked form: names, ids and PEM.

use keyway_core::{checked_text, is_identifier, is_not_blank, is_one_line};

checked_text! {
    /// The name of a connection to a certificate authority: 1 to 128 of `A-Z a-z 0-9 . _ -`, not
    /// beginning with a dot.
    ///
    /// An operator chooses it; one plugin may have several connections. It is an identifier, never a
    /// path.
    pub AuthorityName: shown, "the name of a connection to a certificate authority", up to 128, is_identifier,
        "1 to 128 letters, digits, '.', '_' and '-', and no dot at the beginning"
}

checked_text! {
    /// The id of an order: 1 to 128 of `A-Z a-z 0-9 . _ -`, not beginning with a dot.
    ///
    /// The host chooses it. It is the same in every call for one order, so a certificate authority
    /// can recognize the order by it (decision B6).
    pub OrderId: shown, "the id of an order", up to 128, is_identifier,
        "1 to 128 letters, digits, '.', '_' and '-', and no dot at the beginning"
}

checked_text! {
    /// The plugin's own id of a certificate authority: 1 to 255 bytes without control characters.
    ///
    /// It is unique within one connection and stays the same as long as the authority exists.
    ///
    /// ```
    /// use keyway_certificates::CaId;
    ///
    /// assert_eq!(CaId::new("Snakeoil CA, Sofia").unwrap().as_str(), "Snakeoil CA, Sofia");
    /// for refused in ["", "two\nlines", &"x".repeat(CaId::MAX_BYTES + 1)] {
    ///     assert!(CaId::new(refused).is_err());
    /// }
    /// ```
    pub CaId: shown, "the id of a certificate authority", up to 255, is_one_line,
        "1 to 255 bytes without control characters"
}

checked_text! {
    /// The owner of an order or of a subordinate authority: 1 to 255 bytes without control
    /// characters.
    ///
    /// The host chooses the owner, and a plugin does not interpret it. In the upstream system the owner is the id of a
    /// project (decision B19).
    pub Owner: shown, "an owner", up to 255, is_one_line, "1 to 255 bytes without control characters"
}

checked_text! {
    /// A PEM text: a certificate, a chain, or a request. `Debug` shows its length only.
    ///
    /// This type checks only the length, and that the text is not blank. The host checks the content, so a plugin may
    /// pass on the answer of its authority unchanged (decision B11).
    pub Pem: hidden, "a PEM text", up to 64 << 10, is_not_blank, "1 byte to 64 KiB that are not all white space"
}

#[cfg(test)]
mod tests;
