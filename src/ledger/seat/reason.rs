//! [`EndReason`]: why a lease ends.

/// Why a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// It was not renewed in time.
    Expired,
    /// Somebody else took it away.
    Forced,
    /// Its holder gave it back.
    Released,
}

impl EndReason {
    /// Returns the reason as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Forced => "forced",
            Self::Released => "released",
        }
    }
}
