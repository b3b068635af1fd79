//! The limit of the data that come with an order.

use crate::{OrderMetadata, Pem, PluginMeta};

/// The parts of an order together: two states of the metadata, the plugin's, and a request, a certificate and its
/// chain. A host stores them in one record (decision R8).
const _: () = assert!(2 * OrderMetadata::MAX_BYTES + PluginMeta::MAX_BYTES + 3 * Pem::MAX_BYTES < 512 << 10);
