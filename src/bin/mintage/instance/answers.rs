//! Which documents answer to an instance key, and which of them were given back.

use mintage::code::Code;
use mintage::dsse::Envelope;
use mintage::json::{self, Writer};
use mintage::key::PublicKey;
use mintage::proof::Proof;
use mintage::release::{MAX_RELEASE_BYTES, Release};
use mintage::time::Timestamp;

use super::{Instance, damaged, remove};
use crate::failure::Failure;
use crate::files::{self, Mode, Overwrite};

/// The largest record of what was given back under a key, in bytes: one release for each document that answered its request.
const MAX_RELEASED_BYTES: usize = 64 * MAX_RELEASE_BYTES;

/// The largest record of the documents that answer to a key, in bytes.
const MAX_ANSWERS_BYTES: usize = 64 << 10;

impl Instance {
    /// Remembers that a document answers to this key. One request may be answered by several,
    /// such as the proof of an activation and a borrowed seat.
    pub(crate) fn add_answer(&self, key: &PublicKey, proof_id: &str) -> anyhow::Result<()> {
        let mut answers = self.answers(key)?;
        if !answers.iter().any(|name| name == proof_id) {
            answers.push(proof_id.to_owned());
        }
        self.write_answers(key, &answers)
    }

    /// Forgets that a document answers to this key, and destroys the key once none does.
    pub(crate) fn drop_answer(&self, key: &PublicKey, proof_id: &str) -> anyhow::Result<()> {
        let mut answers = self.answers(key)?;
        answers.retain(|name| name != proof_id);
        if !answers.is_empty() {
            return self.write_answers(key, &answers);
        }
        self.discard(key)?;
        remove(self.file(key, "answers"))
    }

    /// Keeps what was given back, so that a copy of its proof is known for one, and lets go of its key.
    pub(crate) fn give_back(&self, proof: &Proof, release: &Envelope) -> anyhow::Result<()> {
        let key = &proof.instance_key;
        let mut lines: Vec<_> = self.released(key)?.into_iter().map(|(line, _)| line).collect();
        lines.push(release.to_json());
        let text = format!("{}\n", lines.join("\n"));
        if text.len() > MAX_RELEASED_BYTES {
            // What could not be read again would let nothing be verified here.
            let message = format!("{} documents were given back under one instance key already", lines.len() - 1);
            let hint = "activate this machine by a request of its own, and have the issuer release the old one";
            return Err(Failure::new(Code::Malformed, message).hint(hint).into());
        }
        let path = self.wanted_file(key, "released")?;
        files::write(&path, text.as_bytes(), Mode::Private, Overwrite::Update)?;
        self.drop_answer(key, &proof.proof_id)
    }

    /// Returns when this machine gave back what a proof grants; a damaged record is no "never".
    pub(crate) fn released_at(&self, proof: &Proof) -> anyhow::Result<Option<Timestamp>> {
        let released = self.released(&proof.instance_key)?;
        let release = released.into_iter().find(|(_, release)| release.proof_id == proof.proof_id);
        Ok(release.map(|(_, release)| release.released_at))
    }

    /// Reads what was given back under a key: each release, as it is spelled and as it reads.
    fn released(&self, key: &PublicKey) -> anyhow::Result<Vec<(String, Release)>> {
        let Some(path) = self.file(key, "released").filter(|path| path.exists()) else { return Ok(Vec::new()) };
        let data = files::read_setting(&path, MAX_RELEASED_BYTES)?;
        let read = |line: &[u8]| {
            let envelope = Envelope::parse(line).ok()?;
            let release = Release::parse(envelope.unverified_payload()).ok()?;
            Some((envelope.to_json(), release))
        };
        let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let released: Option<Vec<_>> = lines.map(read).collect();
        released.filter(|released| !released.is_empty()).ok_or_else(|| damaged(&path, "what was given back"))
    }

    /// Reads which documents answer to a key.
    fn answers(&self, key: &PublicKey) -> anyhow::Result<Vec<String>> {
        let Some(path) = self.file(key, "answers").filter(|path| path.exists()) else { return Ok(Vec::new()) };
        let data = files::read_setting(&path, MAX_ANSWERS_BYTES)?;
        let names = json::parse(&data).ok().and_then(|value| value.into_array("answers").ok());
        let names = names.and_then(|names| {
            names.into_iter().map(|name| Some(name.into_string("answers").ok()?.into_owned())).collect()
        });
        names.ok_or_else(|| damaged(&path, "what answers to an instance key"))
    }

    fn write_answers(&self, key: &PublicKey, answers: &[String]) -> anyhow::Result<()> {
        let mut out = Writer::default();
        out.begin_array();
        answers.iter().for_each(|name| out.string(name));
        out.end_array();
        let path = self.wanted_file(key, "answers")?;
        Ok(files::write(&path, format!("{}\n", out.finish()).as_bytes(), Mode::Private, Overwrite::Update)?)
    }
}
