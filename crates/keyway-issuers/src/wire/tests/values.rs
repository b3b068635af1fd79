//! Strategies that generate every kind of data that can be sent.

use keyway_core::Integer;
use keyway_core::json::Float;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::wire::{Alphabet, WireOptions};
use crate::{
    Configuration, ConfigurationDescriptor, ConfigurationValue, Context, CredentialPart, CredentialRef,
    Description, Features, FieldSize, IntentId, Issued, Json, Login, LoginRequired, ParameterDescriptor,
    PartKind, RequestOutcome, Requester, UserId, UserInfo,
};

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z/\"\\\\\u{0}-\u{1f}\u{7f}\u{e9}\u{1f511}]{0,12}"]
}

/// Generates any JSON value.
pub(super) fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        "-?[1-9][0-9]{0,40}|0".prop_map(|digits| Json::Integer(Integer::parse(&digits).unwrap())),
        any::<f64>().prop_filter_map("finite", Float::new).prop_map(Json::Float),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            btree_map(text(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

pub(super) fn name() -> impl Strategy<Value = String> {
    "[a-z0-9_]{1,12}"
}

fn user_info() -> impl Strategy<Value = UserInfo> {
    (text(), text(), btree_map(text(), json(), 0..4)).prop_map(|(issuer, subject, claims)| {
        claims
            .into_iter()
            .fold(UserInfo::new(issuer, subject), |user_info, (name, claim)| user_info.with(name, claim))
    })
}

fn configuration_value() -> impl Strategy<Value = ConfigurationValue> {
    prop_oneof![
        text().prop_map(ConfigurationValue::text),
        any::<bool>().prop_map(ConfigurationValue::Boolean)
    ]
}

fn login() -> impl Strategy<Value = Login> {
    (user_info(), option::of(text()))
        .prop_map(|(user_info, token)| Login { user_info, access_token: token.map(Into::into) })
}

prop_compose! {
    pub(super) fn context()(
        user_info in user_info(),
        user in option::of(text()),
        intent in option::of("[A-Za-z0-9._-]{1,40}"),
        configuration in btree_map(name(), configuration_value(), 0..4),
        additional_logins in vec(login(), 0..3),
        token in option::of(text()),
    ) -> Context {
        Context {
            intent: intent.and_then(IntentId::new),
            requester: Requester {
                user: user.map_or_else(|| user_info.user_id(), UserId::received),
                user_info,
                additional_logins,
                access_token: token.map(Into::into),
            },
            configuration: configuration
                .into_iter()
                .fold(Configuration::new(), |all, (name, value)| all.with(name, value)),
        }
    }
}

pub(super) fn options() -> impl Strategy<Value = WireOptions> {
    (any::<bool>(), text()).prop_map(|(standard, version)| {
        let alphabet = if standard { Alphabet::Standard } else { Alphabet::UrlSafe };
        WireOptions::new(version).with_alphabet(alphabet).with_intent_id(true)
    })
}

fn part() -> impl Strategy<Value = CredentialPart> {
    let size = (option::of(any::<u32>()), option::of(any::<u32>()))
        .prop_map(|(rows, columns)| FieldSize { rows, columns });
    let kind = prop_oneof![
        Just(PartKind::Text),
        size.clone().prop_map(|size| PartKind::Textarea { size }),
        (size, option::of(text())).prop_map(|(size, save_as)| PartKind::Textfile { size, save_as }),
    ];
    (text(), kind, text()).prop_map(|(name, kind, value)| CredentialPart::new(name, kind, value))
}

pub(super) fn outcome() -> impl Strategy<Value = RequestOutcome> {
    prop_oneof![
        (text(), vec(part(), 0..4)).prop_map(|(state, credential)| RequestOutcome::Issued(Issued {
            credential,
            state: CredentialRef::new(state)
        })),
        (text(), text()).prop_map(|(provider, message)| RequestOutcome::LoginRequired(LoginRequired {
            provider,
            message
        })),
    ]
}

pub(super) fn description() -> impl Strategy<Value = Description> {
    let parameter = (text(), text(), any::<bool>());
    let set = btree_map(name(), parameter, 0..4).prop_map(|parameters| {
        parameters.into_iter().map(|(key, (name, description, mandatory))| ParameterDescriptor {
            mandatory,
            ..ParameterDescriptor::optional(key, name, description)
        })
    });
    let configuration = btree_map(name(), configuration_value(), 0..4);
    (text(), option::of(text()), configuration, vec(set, 0..4), any::<bool>(), any::<bool>()).prop_map(
        |(version, email, configuration, sets, stdin, idempotent)| {
            let mut builder =
                Description::builder(version).features(Features::NONE.stdin(stdin).idempotent(idempotent));
            if let Some(email) = email {
                builder = builder.developer_email(email);
            }
            for (name, default) in configuration {
                builder = builder.configuration(ConfigurationDescriptor::new(name, default));
            }
            sets.into_iter().fold(builder, crate::description::DescriptionBuilder::set).build().unwrap()
        },
    )
}
