//! The issuer `ssh-ca` as a WaTTS executable.

keyway_executable::main!(keyway_ssh, id = "ssh-ca");
