//! [`Profile`]: a physical machine or a virtual one.

/// The kind of machine, which decides what is collected and how much of it must match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A physical machine: more than half of the weight must match.
    #[default]
    Host,
    /// A virtual machine, which is easily copied: all of it must match.
    Vm,
}

impl Profile {
    /// Returns the name that documents and the command line use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Vm => "vm",
        }
    }

    /// Reads `host` or `vm`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Host, Self::Vm].into_iter().find(|profile| profile.as_str() == text)
    }
}
