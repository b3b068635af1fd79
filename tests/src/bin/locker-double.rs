//! Starts a double of Locker's service with a few secrets, to try a client by hand. The double runs until it is killed.

use std::io::{self, Write as _};
use std::thread;

use keyway_locker::double::LockerDouble;

fn main() -> io::Result<()> {
    let double = LockerDouble::start()?;
    double.put_environment("prod", "https://prod.example.org");
    double.put_environment("staging", "");
    double.put_secret("DATABASE_URL", None, "postgres://localhost/dev", "for every environment");
    double.put_secret("DATABASE_URL", Some("prod"), "postgres://db.example.org/app", "");
    double.put_secret("TOKEN", Some("staging"), "hunter2", "");
    let mut out = io::stdout().lock();
    writeln!(out, "LOCKER_API_BASE={}", double.base())?;
    writeln!(out, "LOCKER_ACCESS_KEY_ID={}", double.access_key_id())?;
    writeln!(out, "LOCKER_SECRET_ACCESS_KEY={}", double.secret_access_key())?;
    out.flush()?;
    drop(out);
    loop {
        thread::park();
    }
}
