//! Reads records from a database and writes the last one to standard output. Any program that answers one read must do
//! at least this much work. This program is a package of its own, so that its executable contains nothing else.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rusqlite::{Connection, OpenFlags, params};

fn main() -> ExitCode {
    match read() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the request on standard input to its end, and then the records. The first argument is the database, and the
/// others are keys in hexadecimal.
fn read() -> Result<(), Box<dyn std::error::Error>> {
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    let mut arguments = std::env::args_os().skip(1);
    let database = arguments.next().ok_or("usage: bare-get DATABASE KEY...")?;
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut select = connection.prepare("SELECT value FROM records WHERE key = ?1")?;
    let mut value = Vec::<u8>::new();
    for key in arguments {
        let digits = key.to_str().ok_or("a key is not a text")?;
        let key: Result<Vec<u8>, _> =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16)).collect();
        value = select.query_row(params![key?], |row| row.get(0))?;
    }
    std::io::stdout().write_all(&value)?;
    Ok(())
}
