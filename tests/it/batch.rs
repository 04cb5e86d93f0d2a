//! `mint --batch` and `verify --batch`.

mod minted;
mod resumed;
mod told;
mod verified;

use crate::harness::{Bench, ISSUED, Outcome, example};

impl Bench {
    /// Mints a batch with the published key, every license issued at one time.
    pub(crate) fn mint_batch(&self, arguments: &[&str]) -> Outcome {
        let key = example("vendor.key");
        self.run([&["mint", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED][..], arguments].concat())
    }
}

/// The string that a member of a line of JSON holds.
fn member(line: &str, name: &str) -> String {
    let members = mintage::json::parse(line.as_bytes()).unwrap().into_object("line").unwrap();
    let value = members.into_iter().find(|(other, _)| other == name).unwrap().1;
    match value {
        mintage::json::Value::String(text) => text.into_owned(),
        other => mintage::json::canonical(&other),
    }
}
