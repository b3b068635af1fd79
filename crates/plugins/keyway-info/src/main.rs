//! The issuer `info` as a WaTTS executable.

keyway_executable::main!(keyway_info);
