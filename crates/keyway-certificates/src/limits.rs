//! Checks at compile time that the data of an order fit into one record.

use crate::{OrderMetadata, Pem, PluginMeta};

/// Adds up the parts of an order: two states of the client's metadata, the plugin's metadata, a request, a certificate
/// and the certificate's chain. A host stores all of them in one record (decision R8), and allows more for a renewal
/// that also keeps the certificate that it replaces.
const _: () = assert!(2 * OrderMetadata::MAX_BYTES + PluginMeta::MAX_BYTES + 3 * Pem::MAX_BYTES < 512 << 10);
