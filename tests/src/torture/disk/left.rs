//! Writes the files that survive a power cut.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::node::{Content, Node};

/// Writes a folder with its content.
pub(super) fn write_folder(
    nodes: &[Node],
    at: usize,
    into: &Path,
    seen: &mut BTreeSet<usize>,
) -> io::Result<()> {
    let Node::Folder { durable, .. } = &nodes[at] else { return Ok(()) };
    for (name, node) in durable {
        let path = into.join(name);
        match &nodes[*node] {
            Node::File { durable, .. } => write_file(durable, &path)?,
            // Folders are never renamed here, so each has one name.
            Node::Folder { .. } if seen.insert(*node) => {
                fs::create_dir_all(&path)?;
                write_folder(nodes, *node, &path, seen)?;
            }
            Node::Folder { .. } => {}
        }
    }
    Ok(())
}

fn write_file(content: &Content, path: &Path) -> io::Result<()> {
    fs::write(path, &content.bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, chown};

        if content.user.is_some() || content.group.is_some() {
            chown(path, content.user, content.group)?;
        }
        // The mode is set after the owner, because changing the owner clears some bits.
        fs::set_permissions(path, fs::Permissions::from_mode(content.mode))?;
    }
    Ok(())
}
