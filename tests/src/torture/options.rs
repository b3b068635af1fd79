//! The options of a run, which are the same in all areas.

use std::path::PathBuf;

/// The options of a run. `D` is the area's list of deliberate defects.
#[derive(Clone, Debug)]
pub struct Options<D> {
    /// The program `torture`, which the area starts again for each process to be killed.
    pub program: PathBuf,
    /// The minimum number of processes to kill.
    pub kills: u64,
    /// The seed of all choices. The seed does not determine which instruction a kill hits.
    pub seed: u64,
    /// The number of findings that ends the run.
    pub most_findings: usize,
    /// The deliberate defect of the working processes.
    pub defect: Option<D>,
}
