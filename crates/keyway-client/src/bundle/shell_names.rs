//! The names that shells keep for themselves.

/// Whether a shell keeps the name for itself: it stops reading the file there, leaves the name as it was,
/// or puts something of its own in the place of what is assigned.
///
/// Found by assigning to every name that the programs of bash 5.2 and dash 0.5.12 contain, bash in POSIX
/// mode, too (decision H74).
pub(super) fn is_kept(name: &str) -> bool {
    KEPT.binary_search(&name).is_ok()
}

/// In the order of bytes.
const KEPT: [&str; 28] = [
    "BASHOPTS",
    "BASHPID",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_COMMAND",
    // Only levels of compatibility.
    "BASH_COMPAT",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    // Only open file descriptors.
    "BASH_XTRACEFD",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    // Only numbers; dash stops at others.
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
