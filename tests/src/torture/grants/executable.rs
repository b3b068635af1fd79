//! The issuer of the torture as an executable that `keyway-process` runs.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use keyway_executable::answer;
use pollster::block_on;

use super::accounts::Accounts;
use super::issuer::{Behaviour, FaultyIssuer};
use super::offer::OFFERS;
use crate::torture::draw::Draw;

/// Answers one input of a host, from the argument `asked` or standard input.
///
/// # Errors
/// When it cannot read, write, or open the accounts.
pub fn executable(folder: &Path, seed: &str, asked: Option<String>) -> Result<(), String> {
    let asked = if let Some(asked) = asked {
        asked.into_bytes()
    } else {
        let mut asked = Vec::new();
        std::io::stdin().read_to_end(&mut asked).map_err(|error| error.to_string())?;
        asked
    };
    let offer = OFFERS.iter().find(|offer| offer.executable).ok_or("no service has an executable")?;
    let seed = seed.parse::<u64>().map_err(|error| error.to_string())?;
    // The choices depend on the seed and the input, so a repeated input leads to the same choices.
    let question = asked.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let issuer = FaultyIssuer {
        offer,
        accounts: Arc::new(Accounts::open(folder)?),
        behaviour: Behaviour::Executable,
        draw: Mutex::new(Draw::new(seed).fork(question)),
        defect: None,
    };
    let printed = block_on(answer(&issuer, &asked));
    std::io::stdout().write_all(printed.expose().as_bytes()).map_err(|error| error.to_string())
}
