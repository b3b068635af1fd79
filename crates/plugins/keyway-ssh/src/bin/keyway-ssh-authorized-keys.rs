//! The issuer `ssh-authorized-keys` as a WaTTS executable.

keyway_executable::main!(keyway_ssh, id = "ssh-authorized-keys");
