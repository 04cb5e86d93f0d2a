//! The components that `fp1` knows: their names, weights and how their values are digested.
//!
//! How a value is collected under a name is frozen within `fp1`; another way of collecting it is another name.

/// What an operating system calls this installation.
pub(super) const MACHINE_ID: &str = "os.machine-id";
/// The permanent addresses of the physical network interfaces.
pub(super) const MAC: &str = "net.mac";
/// The serial of the disks that hold the root file system.
pub(super) const DISK: &str = "disk.root";
/// What a cloud calls this instance.
pub(super) const INSTANCE: &str = "cloud.instance-id";
/// The UUID that the firmware gives the whole machine.
pub(super) const PRODUCT_UUID: &str = "dmi.product-uuid";
/// The serial that the firmware gives the main board.
pub(super) const BOARD_SERIAL: &str = "dmi.board-serial";
/// The UID of a cluster's `kube-system` namespace; supplied, never read.
pub(super) const CLUSTER: &str = "k8s.cluster-uid";

/// The longest name of a component, in bytes.
const LONGEST_NAME: usize = 64;

/// How a component's values become digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// One HMAC: for values that nobody can guess.
    HmacSha256,
    /// 200,000 rounds of PBKDF2, then the HMAC: for values that could be tried one by one, such as serials.
    Pbkdf2,
}

impl Kdf {
    /// Returns the name that documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Pbkdf2 => "pbkdf2-200k",
        }
    }

    /// Reads the name that documents use; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::HmacSha256, Self::Pbkdf2].into_iter().find(|kdf| kdf.as_str() == text)
    }
}

/// Returns the weight of a component and how it is digested; `None` when this version does not know it.
pub(super) fn lookup(name: &str) -> Option<(u32, Kdf)> {
    match name {
        MACHINE_ID | PRODUCT_UUID => Some((3, Kdf::HmacSha256)),
        MAC | DISK => Some((2, Kdf::Pbkdf2)),
        INSTANCE | CLUSTER => Some((4, Kdf::HmacSha256)),
        BOARD_SERIAL => Some((1, Kdf::Pbkdf2)),
        // Nobody knows how guessable a supplied value is. It weighs as much as the machine id: what comes from a file
        // travels with the file, so it must not outvote what comes from the machine.
        _ if is_suppliable(name) => Some((3, Kdf::Pbkdf2)),
        _ => None,
    }
}

/// Whether a component of this name is supplied by a person: `k8s.cluster-uid`, or `x.` and a name of `a-z`, `0-9`, `-`.
pub fn is_suppliable(name: &str) -> bool {
    name == CLUSTER || name.strip_prefix("x.").is_some_and(|own| !own.is_empty() && is_name(name) && !own.contains('.'))
}

/// Whether a text can name a component of this or a later version.
pub(super) fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_contract() {
        let weights =
            [MACHINE_ID, MAC, DISK, INSTANCE, PRODUCT_UUID, BOARD_SERIAL, CLUSTER].map(|name| lookup(name).unwrap().0);
        assert_eq!(weights, [3, 2, 2, 4, 3, 1, 4]);
    }

    #[test]
    fn guessable_values_are_stretched() {
        for (name, kdf) in [
            (MACHINE_ID, Kdf::HmacSha256),
            (MAC, Kdf::Pbkdf2),
            (DISK, Kdf::Pbkdf2),
            (INSTANCE, Kdf::HmacSha256),
            (PRODUCT_UUID, Kdf::HmacSha256),
            (BOARD_SERIAL, Kdf::Pbkdf2),
            (CLUSTER, Kdf::HmacSha256),
            ("x.dongle", Kdf::Pbkdf2),
        ] {
            assert_eq!(lookup(name).unwrap().1, kdf, "{name}");
        }
    }

    #[test]
    fn only_the_cluster_and_own_names_can_be_supplied() {
        for name in ["k8s.cluster-uid", "x.dongle", "x.tpm-ek", "x.0"] {
            assert!(is_suppliable(name), "{name}");
        }
        let long = format!("x.{}", "a".repeat(63));
        for name in ["", "x", "x.", "x.A", "x.a b", "x.a.b", "x.é", "x.a\n", "os.machine-id", "net.mac", "y.a", &long]
        {
            assert!(!is_suppliable(name), "{name}");
        }
    }
}
