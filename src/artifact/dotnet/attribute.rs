//! `AssemblyInformationalVersionAttribute`: the version for people, which often carries the commit.

use super::tables::{
    CUSTOM_ATTRIBUTE_TYPE, HAS_CUSTOM_ATTRIBUTE, MEMBER_REF_PARENT, Metadata, RESOLUTION_SCOPE, Reader, Table,
};
use crate::artifact::text;

const NAME: (&[u8], &[u8]) = (b"System.Reflection", b"AssemblyInformationalVersionAttribute");

/// The most attributes that are looked at.
const MAX_ATTRIBUTES: u32 = 1 << 20;

/// Returns the one argument of the attribute, where the assembly has it.
pub(super) fn informational_version(metadata: &Metadata<'_>) -> Option<String> {
    (1..=metadata.count(Table::CUSTOM_ATTRIBUTE).min(MAX_ATTRIBUTES)).find_map(|number| {
        let mut row = metadata.row(Table::CUSTOM_ATTRIBUTE, number)?;
        if row.coded(HAS_CUSTOM_ATTRIBUTE)? != (Some(Table::ASSEMBLY), 1) {
            return None;
        }
        let (table, constructor) = row.coded(CUSTOM_ATTRIBUTE_TYPE)?;
        if type_of(metadata, table?, constructor)? != NAME {
            return None;
        }
        // II.23.3: a prolog of 1, then the argument: its length and its text.
        let mut value = Reader(row.blob()?);
        if value.number(2)? != 1 {
            return None;
        }
        let length = value.compressed()?;
        text(value.take(length)?)
    })
}

/// Returns namespace and name of the type whose constructor this is.
fn type_of<'a>(metadata: &'a Metadata<'a>, table: Table, constructor: u32) -> Option<(&'a [u8], &'a [u8])> {
    if table == Table::MEMBER_REF {
        let (parent, number) = metadata.row(table, constructor)?.coded(MEMBER_REF_PARENT)?;
        if parent? != Table::TYPE_REF {
            return None;
        }
        let mut row = metadata.row(Table::TYPE_REF, number)?;
        row.coded(RESOLUTION_SCOPE)?;
        return row.type_name();
    }
    // The core library defines the attribute itself. Types list their methods in order: its type is the last one whose
    // methods begin at or before the constructor.
    let types = metadata.count(Table::TYPE_DEF);
    let (mut low, mut high) = (1, types.checked_add(1)?);
    while low < high {
        let middle = low.midpoint(high);
        let mut row = metadata.row(Table::TYPE_DEF, middle)?;
        row.number(4)?;
        row.type_name()?;
        if row.first_method()? <= constructor { low = middle + 1 } else { high = middle }
    }
    let mut row = metadata.row(Table::TYPE_DEF, low.checked_sub(1)?)?;
    row.number(4)?;
    row.type_name()
}
