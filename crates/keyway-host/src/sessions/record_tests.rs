use keyway_core::{SecretText, Timestamp};
use keyway_credentials::{Json, SessionId};
use proptest::prelude::*;

use super::*;

fn stored<T: Stored>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    assert!(bytes.len() <= value.encoded_len(), "{} > {}", bytes.len(), value.encoded_len());
    bytes
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_milliseconds)
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\u{e4}]{1,9}"
}

fn owed() -> impl Strategy<Value = Owed> {
    (time(), any::<u32>(), time()).prop_map(|(since, failures, next)| Owed { since, failures, next })
}

fn notice() -> impl Strategy<Value = Notice> {
    prop_oneof![Just(Notice::NotDue), owed().prop_map(Notice::Owed), Just(Notice::Done)]
}

fn reason() -> impl Strategy<Value = CheckInReason> {
    prop_oneof![
        Just(CheckInReason::Used),
        Just(CheckInReason::AuthenticationFailed),
        Just(CheckInReason::Unused),
        Just(CheckInReason::Expired),
        Just(CheckInReason::HostLost),
        text().prop_map(|by| CheckInReason::Forced { by: Holder::new(by).unwrap() }),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        prop::option::of(owed()).prop_map(|renew| Stage::Held { renew }),
        (reason(), owed()).prop_map(|(reason, owed)| Stage::Returning { reason, owed }),
        Just(Stage::Returned),
    ]
}

fn lease() -> impl Strategy<Value = Lease> {
    (text(), prop::option::of(time()), any::<(bool, bool)>()).prop_map(
        |(id, ends, (renewable, exclusive))| {
            let lease = Lease::new(LeaseId::new(id).unwrap()).renewable(renewable).exclusive(exclusive);
            match ends {
                Some(ends) => lease.expires_at(ends),
                None => lease,
            }
        },
    )
}

prop_compose! {
    fn check_out()(
        (fetch, number) in any::<([u8; 16], u16)>(), account in text(), asset in text(),
        lease in prop::option::of(lease()), (made, term) in (time(), time()),
        (renewals, is_renewing, is_proven) in any::<(u32, bool, bool)>(), stage in stage(),
    ) -> CheckOut {
        let candidate = Candidate::new(Account::new(account).unwrap(), Asset::new(asset).unwrap());
        let id = CheckOutId { fetch, number };
        CheckOut { id, candidate, lease, made, term, renewals, is_renewing, is_proven, stage }
    }
}

prop_compose! {
    fn fetch()(
        id: [u8; 16], kind in prop::sample::select(&KINDS[..]),
        account in prop::option::of(prop::option::of(text())),
        places in prop::collection::vec((any::<bool>(), text()), 0..4),
        (only, last, settled) in any::<(Option<u16>, Option<u16>, u16)>(),
        (reason, ticket) in prop::option::of(text()).prop_flat_map(|it| (Just(it), prop::option::of(text()))),
        stage in prop_oneof![
            Just(FetchStage::Pending), Just(FetchStage::Asked), owed().prop_map(FetchStage::Unsettled),
            Just(FetchStage::Undecided),
        ],
    ) -> OpenFetch {
        let accounts = match account {
            Some(account) => Accounts::Given(account.map(|it| Account::new(it).unwrap())),
            None => Accounts::Own,
        };
        let place = |(own, text)| if own { Assets::Own(text) } else { Assets::Given(Asset::new(text).unwrap()) };
        let assets: Vec<_> = places.into_iter().map(place).collect();
        OpenFetch { id, kind, search: Search { accounts, assets: assets.into() }, reason, ticket, only, last, settled, stage }
    }
}

prop_compose! {
    fn state()(
        cookie in text(), (calls, authentications) in any::<(u64, u32)>(),
        check_outs in prop::collection::vec(check_out(), 0..3), fetches in prop::collection::vec(fetch(), 0..3),
        (authenticated, ended) in (notice(), notice()), used in prop::collection::vec(any::<[u8; 16]>(), 0..3),
    ) -> SessionState {
        let cookie = (calls % 4 > 0).then(|| Arc::new(Wiped::new(format!(r#"{{"a":"{cookie}"}}"#))));
        let data = Data { session_cookie: cookie.clone(), cookie, calls };
        SessionState { data, check_outs, fetches, used, authentications, authenticated, ended }
    }
}

prop_compose! {
    fn connection()(
        texts in prop::collection::vec(prop::option::of(text()), 11), groups in prop::collection::vec(text(), 0..3),
        ports in any::<(Option<u16>, Option<u16>)>(), pair in prop::option::of(text()),
    ) -> Connection {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap();
        let mut connection = Connection::new(SessionId::new("s-1").unwrap());
        connection.protocol = next();
        connection.connection_name = next();
        connection.client_ip = next();
        connection.client_hostname = next();
        connection.gateway_domain = next();
        connection.gateway_password = next().map(SecretText::from);
        connection.gateway_username = next();
        connection.server_domain = next();
        connection.server_ip = next();
        connection.server_hostname = next();
        connection.server_username = next();
        (connection.client_port, connection.server_port) = ports;
        connection.gateway_groups = groups;
        if let Some(pair) = pair {
            connection.key_value_pairs.insert("otp".into(), Json::text(pair));
        }
        connection
    }
}

proptest! {
    #[test]
    fn states_come_back_and_cut_ones_are_refused(state in state(), cut: prop::sample::Index) {
        let bytes = stored(&state);
        prop_assert_eq!(SessionState::read(&mut Reader::new(&bytes)), Ok(state));
        prop_assert!(SessionState::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
    }

    #[test]
    fn sessions_come_back_and_cut_ones_are_refused(
        connection in connection(), holder in prop::option::of(text()), run in any::<Option<u64>>(),
        cut: prop::sample::Index,
    ) {
        let at = SessionAtStore {
            store: CredentialStoreName::new("hall").unwrap(),
            connection: Arc::new(connection),
            holder: holder.map(|holder| Holder::new(holder).unwrap()),
            host: run.map(|run| ("a".into(), run)),
        };
        let bytes = stored(&at);
        let read = SessionAtStore::read(&mut Reader::new(&bytes)).unwrap();
        prop_assert_eq!(&read.connection, &at.connection);
        prop_assert_eq!((read.store, read.holder, read.host), (at.store, at.holder, at.host));
        prop_assert!(SessionAtStore::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
    }
}
