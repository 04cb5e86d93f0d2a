//! [`Code`]: the closed list of what mintage can answer, each with its meaning, hint and statuses.

use std::fmt;

/// The class of an exit status; scripts rely on these four numbers and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Exit {
    /// 1: the answer is no.
    No,
    /// 2: the command was not understood.
    Usage,
    /// 3: the question could not be answered, or the work could not be done.
    Unable,
}

impl Exit {
    /// Returns the process exit status: 1, 2 or 3.
    pub fn status(self) -> u8 {
        match self {
            Self::No => 1,
            Self::Usage => 2,
            Self::Unable => 3,
        }
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $exit:ident $http:literal $meaning:literal $hint:literal)*) => {
        /// Names one reason for a refusal or a failure; kebab-case in every output.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the code as it is written everywhere, in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Returns what the code says, as one sentence without its full stop.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// Returns what the reader can do about it.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }

            /// Returns the class of the exit status a command ends with when this is the reason.
            pub fn exit(self) -> Exit {
                match self { $(Self::$variant => Exit::$exit,)* }
            }

            /// Returns the HTTP status of a response that has nothing but this reason to give.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }
        }
    };
}

codes! {
    ActivationsExhausted "activations-exhausted" No 409 "every activation that the license allows is in use" "release a machine that no longer runs the product, or ask for more activations"
    AuditBroken "audit-broken" No 500 "the audit of the ledger was changed" "compare it with a backup; a checkpoint kept elsewhere says how far it was whole"
    BadKey "bad-key" Unable 400 "a key is not a usable Ed25519 key" "check that the right file or text was given, and the whole of it; `mintage keygen` makes a pair for whoever signs"
    BadPassphrase "bad-passphrase" Unable 400 "the passphrase is missing or does not open the key" "type it at a terminal or name a file with --passphrase-file"
    BadSignature "bad-signature" No 200 "the signature does not belong to this document and any trusted key" "the text was changed after signing, or another key signed it; ask the issuer for a fresh copy and for the public key"
    Borrowed "borrowed" No 409 "the seat is taken along until a stated time, and its lease counts offline until then" "wait until then, or ask the issuer to take the seat back"
    BuildNotCovered "build-not-covered" No 200 "the build is dated after the end of maintenance" "run an earlier build, or renew maintenance"
    BuildRequired "build-required" No 200 "builds are approved for the license, and the request names none" "name the build: `mintage activate --manifest FILE` in the request, `mint proof --manifest FILE` or `--manifest-key KEYID` in the answer"
    Busy "busy" Unable 503 "the server holds as many documents as it has memory for" "try again as soon as the header Retry-After says"
    ClockBehind "clock-behind" No 200 "the license was issued more than 300 seconds in this machine's future" "set the clock of this machine"
    ClockRolledBack "clock-rolled-back" No 200 "the clock is more than 300 seconds earlier than a time this machine has seen, or a signed document names" "set the clock of this machine to the present"
    DamagedText "damaged-text" No 400 "the text was damaged on its way and could not be repaired" "copy it again, whole, or ask for it as a file or with --armor"
    DuplicateMember "duplicate-member" No 400 "a member stands twice in one JSON object" "no honest issuer writes this; ask for a fresh copy"
    Expired "expired" No 200 "the license has expired and its grace period is over" "renew the license"
    FastForwarded "fast-forwarded" No 200 "the sequence is higher than an issuer can have come to by then" "nothing of it was taken over here; ask the issuer, whose signing key may be stolen, for one signed by a new key"
    FileExists "file-exists" Unable 409 "the output file exists" "choose another name, or replace it with --force"
    FileUnreadable "file-unreadable" Unable 400 "a file could not be read" "check the path and its permissions"
    FileUnwritable "file-unwritable" Unable 500 "an output could not be written, and nothing of it was left behind" "check the path, its permissions and the free space"
    Forked "forked" No 200 "two documents carry the same sequence and differ, or two roots of trust disagree" "ask the issuer which is the true one"
    IdTaken "id-taken" No 409 "another machine's activation or seat has this id in the ledger" "choose another id, or leave it out for a random one"
    Internal "internal" Unable 500 "something went wrong inside the program" "report it with the log's lines of the same request id"
    KeyExposed "key-exposed" Unable 400 "a private key file can be read by others" "run `chmod 600` on it, or say --allow-readable-key"
    KeyRetired "key-retired" No 200 "the signing key was not in use when the document was issued" "ask the issuer for a copy signed by a current key"
    KeyRevoked "key-revoked" No 200 "the signing key was revoked" "ask the issuer for a copy signed by a current key"
    KeyTooCostly "key-too-costly" Unable 400 "opening the key file would take more work or memory than mintage allows" "re-encrypt it: `openssl pkcs8 -topk8 -scrypt`, or PBKDF2 with at most 10,000,000 rounds"
    LeaseEnded "lease-ended" No 409 "the seat was given back, or was not renewed in time" "claim a seat again"
    LedgerUnavailable "ledger-unavailable" Unable 503 "the ledger could not be asked: it is unreachable, locked, read-only, corrupted or of a newer schema" "check the address, the rights and that its file or server is there"
    LicenseExists "license-exists" No 409 "the ledger already holds a license of this id" "choose another id, or renew the license that is there"
    LicenseMismatch "license-mismatch" No 200 "two documents speak of different licenses" "use the documents that belong together"
    LimitExceeded "limit-exceeded" No 200 "usage is over an effective limit" "use less, or ask for a larger license"
    MachineUnreadable "machine-unreadable" Unable 200 "this machine's fingerprint could not be read, so the binding could not be checked" "run with the rights to read it, or supply the value with --fingerprint"
    Malformed "malformed" No 400 "the document does not have the form its kind demands" "ask the issuer for a fresh copy"
    ManifestMismatch "manifest-mismatch" No 200 "the files are not those of the manifest" "reinstall the product"
    ManifestScope "manifest-scope" No 200 "the manifest was approved for other licenses" "ask the issuer to approve this build for the license"
    Misdirected "misdirected" No 421 "the request names a host that this server does not answer to" "use the server's own name, or let it answer to this one with --host"
    NoLicense "no-license" No 200 "no license is configured" "name a file, or set MINTAGE_LICENSE or MINTAGE_LICENSE_FILE"
    NoTrustedKey "no-trusted-key" Unable 503 "no trusted public key was given, so nothing can be verified" "name one with --trust or MINTAGE_TRUST"
    NonceMismatch "nonce-mismatch" No 409 "the nonce is not the one that was handed out" "start again from a fresh request"
    NotAFile "not-a-file" Unable 400 "what stands where a file belongs is none, or none that a manifest can list" "remove or rename it, leave it out with --exclude, or list links with --symlinks record"
    NotEntitled "not-entitled" No 200 "the license does not grant a feature" "ask for a license that names it"
    NotFound "not-found" No 404 "there is nothing under this name or address" "check its spelling"
    NotServed "not-served" No 404 "this server was not given what the request needs" "ask its operator, or a server that was"
    NotYetValid "not-yet-valid" No 200 "the license is not valid yet" "wait for its first day, or ask for one that starts earlier"
    PathClash "path-clash" No 200 "two paths differ by case or Unicode form alone, and some file systems take them for one" "rename one of them in the build, or keep the folder where names are told apart"
    ProofRequired "proof-required" No 200 "the license is valid only together with an activation proof" "activate this machine and verify the proof"
    Released "released" No 200 "this machine gave the activation back" "activate again: `mintage activate --license LICENSE --request-out FILE`"
    Revoked "revoked" No 200 "the issuer withdrew the license" "ask the issuer why, and for a new one"
    RolledBack "rolled-back" No 200 "the document is older than one already accepted" "use the newest copy"
    Sealed "sealed" Unable 200 "the claims are sealed, so they could not be judged" "name the issuer's secret for it with --unseal"
    SeatsExhausted "seats-exhausted" No 409 "every seat is taken" "wait for one to be released, or ask for more seats"
    ServerUnreachable "server-unreachable" Unable 503 "a server could not be reached, or gave no answer that can be used" "check its address, the network, the proxy and the authorities that are trusted, and try again"
    Stale "stale" No 200 "the document is past the time its successor was due" "fetch the newest copy"
    Suspended "suspended" No 200 "the issuer suspended the license" "ask the issuer why"
    TimedOut "timed-out" Unable 408 "it took longer than is allowed" "try again"
    TooLarge "too-large" No 413 "the body is larger than what is read" "send less"
    TooManyRequests "too-many-requests" Unable 429 "too many attempts came from one address" "wait as long as the header Retry-After says"
    Truncated "truncated" No 400 "the document ends before it is complete" "fetch or copy it again, whole"
    Unauthorized "unauthorized" No 401 "the request needs a key, and carries none or a wrong one" "send the admin key as X-Admin-Api-Key, or as Authorization: Bearer"
    UnknownKey "unknown-key" No 200 "the document names a signing key that is not trusted here" "ask the issuer for that public key and name it with --trust"
    UnknownLicense "unknown-license" No 404 "the ledger holds no such license" "check the id or license key; `mintage ledger list` shows the licenses of the ledger"
    UnknownName "unknown-name" Usage 400 "a plan, limit or feature is not one of the vendor's" "use a name that the plans file defines"
    UnstableFile "unstable-file" Unable 409 "a file changed while it was read" "stop what writes to it and try again"
    Unsupported "unsupported" No 400 "the document demands something this version does not understand" "use a newer mintage"
    Usage "usage" Usage 400 "the command was not understood" "run it with --help"
    WeakFingerprint "weak-fingerprint" No 400 "a fingerprint lets other machines pass than its profile's rule does" "ask for one as `mintage fingerprint` prints it, unchanged; --allow-weak accepts one of a single component"
    WeakKey "weak-key" No 400 "a public key is of small order or not canonically encoded" "no honest key generator makes such a key; ask the issuer for the true one"
    WeakPassphrase "weak-passphrase" Unable 400 "the passphrase is empty or easily guessed" "take four or more random words, or at least 10 characters that nobody would try"
    WrongEnvironment "wrong-environment" No 200 "the document was made for another environment" "use the one made for this environment"
    WrongKind "wrong-kind" No 400 "the document is of another kind than the one asked for" "see what it is with `mintage inspect`"
    WrongMachine "wrong-machine" No 200 "the document is bound to another machine" "run `mintage fingerprint` there and send the result to the issuer"
    WrongMethod "wrong-method" No 405 "the route is called with another method" "see the header Allow"
    WrongProduct "wrong-product" No 200 "the license is for another product" "use the license of this product"
    WrongPurpose "wrong-purpose" No 200 "the signing key is not trusted for this kind of document" "ask the issuer for a copy signed by the right key"
    WrongTenant "wrong-tenant" No 200 "the license was issued to another tenant" "use the license of this tenant"
    WrongVersion "wrong-version" No 200 "the activation does not cover this version of the product" "activate again for this version"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_alphabetical_order_and_kebab_case() {
        let words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(words.is_sorted(), "{words:?}");
        for word in words {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
        }
    }

    #[test]
    fn meanings_and_hints_are_sentences_without_a_full_stop() {
        for code in Code::ALL {
            for text in [code.meaning(), code.hint()] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{code}: {text}");
            }
        }
    }
}
