//! What the system does to this process: secrets stay out of core dumps and out of the reach of other processes of the
//! same user, and a limit that is reached is an error instead of an end.

#[cfg(unix)]
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
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

/// Has a write beyond the limit on a file's size fail, so that it is told and what is half-written is removed; the signal
/// would end the process without a word. Called before the first thread starts, since each takes over what is held back.
pub(crate) fn survive_size_limit() {
    #[cfg(unix)]
    {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGXFSZ);
        // Where it cannot be held back, the limit ends the process as it ends any other.
        let _ = signals.thread_block();
    }
}

/// Holds back the signals that end a process, in this thread and those that it starts; dropped, the thread takes what it
/// took before.
#[cfg(unix)]
pub(crate) struct HeldBack {
    before: SigSet,
}

#[cfg(unix)]
impl HeldBack {
    /// Holds back SIGHUP, SIGINT, SIGQUIT and SIGTERM.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { before: endings().thread_swap_mask(SigmaskHow::SIG_BLOCK)? })
    }
}

#[cfg(unix)]
impl Drop for HeldBack {
    fn drop(&mut self) {
        // What the mask was, it can be again.
        let _ = self.before.thread_set_mask();
    }
}

/// The signals by which people and systems end a process.
#[cfg(unix)]
pub(crate) fn endings() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM])
}

/// Does what starts threads of its own, none of which ends the process when a signal asks for that: at a prompt the
/// terminal must come first.
pub(crate) fn with_quiet_threads<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    let _held_back = HeldBack::new();
    start()
}
