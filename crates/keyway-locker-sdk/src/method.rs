//! The methods of the protocol.

/// A method of the protocol `locker.sdk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Capabilities,
    GetSecret,
    ListSecrets,
    PageSecrets,
    CreateSecret,
    UpdateSecret,
    GetEnvironment,
    ListEnvironments,
    PageEnvironments,
    CreateEnvironment,
    UpdateEnvironment,
}

impl Method {
    /// All methods, in the order in which they are announced.
    pub(crate) const ALL: [(&'static str, Self); 11] = [
        ("environment.create", Self::CreateEnvironment),
        ("environment.get", Self::GetEnvironment),
        ("environment.list", Self::ListEnvironments),
        ("environment.list_page", Self::PageEnvironments),
        ("environment.update", Self::UpdateEnvironment),
        ("secret.create", Self::CreateSecret),
        ("secret.get", Self::GetSecret),
        ("secret.list", Self::ListSecrets),
        ("secret.list_page", Self::PageSecrets),
        ("secret.update", Self::UpdateSecret),
        ("system.capabilities", Self::Capabilities),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, method)| method)
    }

    /// Tells whether the method changes data.
    pub(crate) const fn writes(self) -> bool {
        matches!(
            self,
            Self::CreateSecret | Self::UpdateSecret | Self::CreateEnvironment | Self::UpdateEnvironment
        )
    }
}
