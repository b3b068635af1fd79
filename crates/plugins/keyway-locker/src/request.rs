//! Writes the bodies of requests. Every text of a caller is encrypted.

use keyway_core::Wiped;
use keyway_core::json::Writer;

/// Writes a JSON object whose values are texts.
pub(crate) fn body(fields: &[(&str, &str)]) -> Wiped<String> {
    let bytes = fields.iter().map(|(name, text)| name.len() + text.len() + 16).sum();
    let mut writer = Writer::with_capacity(bytes);
    writer.raw("{");
    for (index, (name, text)) in fields.iter().enumerate() {
        if index > 0 {
            writer.raw(",");
        }
        writer.text(name);
        writer.raw(":");
        writer.text(text);
    }
    writer.raw("}");
    writer.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_holds_its_fields(fields in prop::collection::btree_map("[a-z_]{1,9}", ".*", 0..5)) {
            let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (&**name, &**text)).collect();
            let read: std::collections::BTreeMap<String, String> = serde_json::from_str(&body(&pairs)).unwrap();
            prop_assert_eq!(read, fields);
        }
    }
}
