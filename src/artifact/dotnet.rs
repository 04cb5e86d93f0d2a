//! What a .NET assembly says it is, read from its metadata tables as ECMA-335, partition II, lays them down.

mod attribute;
mod image;
mod tables;

use std::io::{Read, Seek};

use sha1::{Digest, Sha1};

use super::{Bounded, text};
use crate::id::Hex;
use crate::manifest::identity::Assembly;
use tables::{Metadata, Table};

/// Reads the one row of the assembly table; `None` for anything that is no assembly, such as a native library or a module
/// of one.
pub(super) fn read(file: &mut Bounded<impl Read + Seek>) -> Option<Assembly> {
    let bytes = image::metadata(file)?;
    let metadata = Metadata::parse(&bytes)?;
    // II.22.2: HashAlgId, four version numbers, Flags, PublicKey, Name, Culture.
    let mut row = metadata.row(Table::ASSEMBLY, 1)?;
    row.number(4)?;
    let version = [row.number(2)?, row.number(2)?, row.number(2)?, row.number(2)?];
    row.number(4)?;
    let (key, name, culture) = (row.blob()?, row.string()?, row.string()?);
    Some(Assembly {
        name: text(name)?,
        version: version.map(|number| number.to_string()).join("."),
        culture: if culture.is_empty() { "neutral".to_owned() } else { text(culture)? },
        public_key_token: token(key),
        informational_version: attribute::informational_version(&metadata),
    })
}

/// The last eight bytes of SHA-1 over the whole key, reversed (II.6.3).
fn token(key: &[u8]) -> Option<String> {
    if key.is_empty() {
        return None;
    }
    let mut token: [u8; 8] = Sha1::digest(key).last_chunk().copied()?;
    token.reverse();
    Some(Hex(&token).to_string())
}
