//! Lists the sources of the rules: the keys and operations of the WaTTS seed, and the decisions. The texts are
//! paraphrased.

use crate::notation::clauses;

clauses! {
    "WaTTS/input" "a plugin gets base64 of one JSON object";
    "WaTTS/stdout" "a plugin answers with one JSON object on standard output";
    "WaTTS/watts_version" "the version of the host, for plugins that care";
    "WaTTS/action" "the action: request, revoke or parameter";
    "WaTTS/conf_params" "the operator's configuration, by name";
    "WaTTS/params" "the user's input, by key";
    "WaTTS/cred_state" "the state of the credential that is to be revoked, as the plugin returned it";
    "WaTTS/user_info" "all claims about the user from the login";
    "WaTTS/watts_userid" "the id of the user, made of issuer and subject";
    "WaTTS/parameter" "a plugin lists what it supports; no key may be missing";
    "WaTTS/version" "the version of the plugin, so that errors can be tracked";
    "WaTTS/conf_params.name" "names of settings consist of a-z, 0-9 and _";
    "WaTTS/conf_params.type" "settings are of type boolean or string";
    "WaTTS/conf_params.default" "a safe value for an unset setting";
    "WaTTS/request_params" "sets of parameters that belong together; the empty set allows a request without any";
    "WaTTS/request_params.key" "keys of parameters consist of a-z, 0-9 and _";
    "WaTTS/request_params.name" "a short name, shown to the user";
    "WaTTS/request_params.description" "a longer text, shown to the user";
    "WaTTS/request_params.type" "parameters are of type textarea";
    "WaTTS/request_params.mandatory" "whether a parameter must be filled in";
    "WaTTS/request" "makes a credential for a user";
    "WaTTS/result" "tells whether the call succeeded; otherwise there is an error";
    "WaTTS/credential" "the parts of the credential, as the user sees them";
    "WaTTS/credential.name" "the name of a part, as the user sees it";
    "WaTTS/credential.type" "how a part is shown: one line, or a text of several";
    "WaTTS/credential.rows" "how many lines to show of a text, if it is one";
    "WaTTS/credential.cols" "how many columns to show of a text, if it is one";
    "WaTTS/credential.value" "the value of a part";
    "WaTTS/state" "identifies the credential later; it holds nothing sensitive";
    "WaTTS/user_msg" "the message to the user after an error";
    "WaTTS/log_msg" "the message for the log after an error";
    "WaTTS/revoke" "the credential with the state is invalidated or removed";
    "WaTTS/revoke.result" "after ok the credential is gone, after an error it still exists";
    "W1" "wire out: how the input is written, and that a plugin reads either alphabet and refuses unknown actions";
    "W2" "wire in: one object and nothing else, exit status 0 with ok, a lenient profile for old plugins";
    "W3" "which key of which answer is required, converted or refused; no value is logged";
    "W4" "descriptions: names, order, types, defaults; they change with the version only, and may say more";
    "W5" "a request fits one set of parameters";
    "W6" "a credential is known by its state alone; revoking twice equals revoking once; another login is an outcome";
    "W7" "how plugins are run: no shell, limits, nothing left behind, as many calls at a time as an issuer declares";
    "W8" "the state is a text and carries no secret";
    "W9" "for a user interface: whether a request may come without parameters, and whether sets exist";
    "R1" "capabilities are constants; a call may be dropped at any time";
    "R2" "an intent is stored before the effect, and asked for after a crash";
    "R3" "the same intent twice is one effect, where that is declared";
    "K1" "secrets go into no log, error, environment or debugging text";
    "H294" "an intent that was answered to have had no effect has none later";
    "H328" "a revoked credential does not come back by its intent";
}
