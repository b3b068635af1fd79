//! The sources of the rules: paraphrased clauses of the Barbican seed, and the decisions.

use crate::notation::clauses;

clauses! {
    "Barbican/results" "a plugin answers with a result, which isolates it from the data of the host";
    "Barbican/statuses" "the status of a result says what the host does next";
    "Barbican/order_meta" "the data of the client, such as a request";
    "Barbican/plugin_meta" "the plugin's own data of an order, which the host stores and gives to later calls";
    "Barbican/plugin_meta.free" "a plugin may update them, or ignore them";
    "Barbican/base" "a plugin implements the base class, whose optional methods are asked for first";
    "Barbican/sub_status_message" "a plugin gives a message that helps the client, on errors above all";
    "Barbican/supports" "a plugin is asked whether it can make a certificate of the client's data";
    "Barbican/issue" "a plugin begins an order, with empty data of its own";
    "Barbican/waiting" "an order that waits is checked after the delay";
    "Barbican/generated" "an order is complete with a certificate, and perhaps intermediates, in PEM";
    "Barbican/unavailable" "when the authority is not available, the same method is called again after the delay";
    "Barbican/client_data" "when the client's data are wrong, the order stays open, and is checked after the delay";
    "Barbican/canceled" "a canceled order is complete";
    "Barbican/invalid" "an invalid operation or an exception ends the order";
    "Barbican/check" "a plugin looks whether a certificate has been made";
    "Barbican/modify" "a plugin gets the client's new data of an order";
    "Barbican/cancel" "a plugin cancels an order, at once or as a later check shows";
    "Barbican/ca_info" "a plugin describes its authorities, and which is the default";
    "Barbican/sub_cas" "a plugin that says so creates and deletes subordinate authorities";
    "B2" "a certificate is required, and a text of PEM";
    "B5" "a canceled order has no certificate";
    "B6" "after a crash a plugin is asked again, asked what became of it, or checked";
    "B7" "the method that a plugin wishes for is honoured";
    "B8" "modify and cancel reach the plugin, and an order comes to an end";
    "B9" "what a plugin leaves in its metadata is what is stored, and a checkpoint is durable";
    "B10" "every order is asked for, and every call has the same authority and request";
    "B11" "certificate and intermediates are PEM";
    "B12" "the types of requests";
    "B11a" "the key is the request's, the chain links, the validity holds, every requested name is there";
    "B14" "descriptions of authorities expire, names are unique, there may be a default";
    "B15" "serial numbers are random, keys have identifiers, the validity is that of the order, and no order makes an authority";
    "B16" "an unsupported change leaves the order as it was";
    "B18" "revocation and renewal are capabilities, and revoking twice is as once";
    "B19" "creating and deleting an authority are intents";
    "B20" "a client's data may be anything that is JSON, and request_data is base64 of exactly one request";
    "R1" "capabilities are constants; a call may be dropped at any time; a plugin that blocks says so";
    "R2" "an intent is stored before the effect, and asked for after a crash";
    "R3" "the same intent twice is one effect, where that is declared";
    "R4" "a panic is contained, and is still a fault";
    "R7" "an error says whether an effect may remain";
    "R8" "what a plugin keeps with an order is bounded";
    "H126" "an authority certifies no RSA key below 2048 bits";
    "H166" "an authority that says so does work of its own whenever it is asked, and says when there is more";
    "H172" "an order may name the certificate that it replaces, and ends as any other";
    "H368" "certificates are as RFC 5280 demands, and an authority need not accept every reason of a revocation";
    "K1" "secrets go into no log, error, name or debugging text";
}
