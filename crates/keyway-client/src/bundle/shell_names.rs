//! Lists the variable names that shells use themselves.

/// Tells whether a shell uses the variable itself. When a file assigns to it, the shell stops reading the file, ignores
/// the assignment, or replaces the value.
///
/// The list comes from an experiment: it assigned to every name that occurs in the executables of bash 5.2 and dash
/// 0.5.12, and ran bash in POSIX mode, too (decision H74).
pub(super) fn is_kept(name: &str) -> bool {
    KEPT.binary_search(&name).is_ok()
}

/// The names, sorted by bytes.
const KEPT: [&str; 28] = [
    "BASHOPTS",
    "BASHPID",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_COMMAND",
    // The value must be a compatibility level.
    "BASH_COMPAT",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    // The value must be an open file descriptor.
    "BASH_XTRACEFD",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    // The value must be a number, or dash stops.
    "OPTIND",
    "PIPESTATUS",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SRANDOM",
    "UID",
    "_",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        assert!(KEPT.is_sorted());
        assert!(is_kept("UID") && is_kept("_") && !is_kept("_A") && !is_kept("PATH"));
    }
}
