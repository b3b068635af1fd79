//! Does as little as a WaTTS executable can: with an argument it describes itself; without one it reads standard input
//! to its end and answers a request. It is compiled separately and linked statically, so that the benchmark measures
//! the cost of running an executable, and not the work of the executable.

use std::io::{self, Read, Write};

const DESCRIPTION: &[u8] = br#"{"result":"ok","version":"1","conf_params":[],"request_params":[],"features":{"stdin":true}}"#;
const ANSWER: &[u8] = br#"{"result":"ok","credential":[{"name":"password","type":"text","value":"correct horse"}],"state":"s"}"#;

fn main() -> io::Result<()> {
    if std::env::args_os().len() > 1 {
        return io::stdout().write_all(DESCRIPTION);
    }
    io::stdin().read_to_end(&mut Vec::with_capacity(8192))?;
    io::stdout().write_all(ANSWER)
}
