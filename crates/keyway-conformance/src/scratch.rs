//! Makes folders for the files of one rule.

use tempfile::TempDir;

use crate::{Broken, broken};

/// Makes a scratch folder. It is removed when the value is dropped.
pub(crate) fn scratch_folder() -> Result<TempDir, Broken> {
    tempfile::tempdir()
        .map_err(|error| broken("a scratch folder to work in", format!("the system gave none: {error}")))
}
