//! Keeps secrets of this process out of core dumps and out of the reach of other processes of the same user.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids core dumps; called before a key or passphrase is read. What the system does not know it cannot forbid, so
/// nothing is reported.
pub(crate) fn keep_secrets() {
    #[cfg(unix)]
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
