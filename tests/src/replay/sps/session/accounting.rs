//! Reads upstream's accounting of a session: the successful fetches, the check-ins, and the calls of hooks.

use serde_json::Value;

use super::journal::HookCall;
use crate::replay::Expected;

/// The number of successful fetches, and of calls of the hook that checks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounting {
    /// The fetches that found something.
    pub found: u64,
    /// The calls of `do_check_in_credential`.
    pub check_ins: u64,
}

impl Accounting {
    /// Reads the accounting of a vector.
    ///
    /// # Errors
    /// The reason why the accounting does not have the form that vectors use.
    pub fn read(expected: &Expected) -> Result<Self, String> {
        let number = |name: &str| {
            expected.get("accounting")[name].as_u64().ok_or(format!("the accounting has no `{name}`"))
        };
        Ok(Self { found: number("fetches_found")?, check_ins: number("check_in_hook_calls")? })
    }
}

/// Returns the calls of hooks in each step, without their connections and logins.
///
/// # Errors
/// The reason why the calls do not have the form that vectors use.
pub fn hooks_of(expected: &Expected) -> Result<Vec<Vec<HookCall>>, String> {
    let steps = expected.get("steps").as_array().ok_or("no `steps`")?;
    let call = |hook: &Value| {
        let (account, asset) = match hook.get("remote_app_account") {
            Some(account) => (account, &hook["remote_app_asset"]),
            None => (&hook["account"], &hook["asset"]),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = hook["hook"].as_str().ok_or("a hook without a name")?;
        Ok(HookCall { hook: name.to_owned(), account: text(account), asset: text(asset) })
    };
    steps
        .iter()
        .map(|step| step["hooks"].as_array().into_iter().flatten().map(call).collect::<Result<_, _>>())
        .collect()
}
