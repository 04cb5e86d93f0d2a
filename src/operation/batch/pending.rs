//! Licenses that have been checked and wait for their signatures, in as few pieces of memory as they need.

use std::borrow::Cow;

use crate::license::{License, UnsignedPayload};
use crate::time::Timestamp;

/// How long the texts of a license usually are, so that those of many find room at once.
const LICENSE_BYTES: usize = 400;

/// Licenses of rows that follow one another. All that is known of them stands in one text: a hundred thousand licenses have
/// to wait, and memory for each text of each would cost more than checking it.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    text: String,
    places: Vec<Place>,
}

/// One license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLicense<'a> {
    /// The row's number, counted from 1, the head of a CSV file left out.
    pub row: u64,
    /// The digest of the row's text and of the defaults beside it.
    pub digest: &'a str,
    /// The license's id.
    pub license_id: &'a str,
    /// Whom it is for.
    pub tenant_id: &'a str,
    /// The last second of its validity.
    pub expires_at: Timestamp,
    /// What will be signed.
    pub payload: UnsignedPayload<'a>,
}

/// Where the texts of a license stand, one after the other.
#[derive(Clone, Debug)]
struct Place {
    row: u64,
    expires_at: Timestamp,
    kid_at: usize,
    payload: usize,
    digest: usize,
    license_id: usize,
    tenant_id: usize,
    end: usize,
}

impl Pending {
    /// Makes room for as many rows.
    pub(super) fn for_rows(count: usize) -> Self {
        Self { text: String::with_capacity(count * LICENSE_BYTES), places: Vec::with_capacity(count) }
    }

    /// Gives back what room was not needed.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.places.shrink_to_fit();
    }

    /// Puts a license behind those that are there.
    pub(super) fn push(&mut self, row: u64, digest: &str, license: &License) {
        let UnsignedPayload { text: payload, kid_at } = license.to_unsigned();
        let mut put = |text: &str| {
            let start = self.text.len();
            self.text.push_str(text);
            start
        };
        self.places.push(Place {
            row,
            expires_at: license.expires_at,
            kid_at,
            payload: put(&payload),
            digest: put(digest),
            license_id: put(&license.license_id),
            tenant_id: put(&license.tenant_id),
            end: put(""),
        });
    }

    /// Keeps the licenses of those rows that `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.places.retain(|place| keep(place.row));
    }

    /// Returns how long all payloads are together once they name their key, or a little more.
    pub(super) fn named_bytes(&self) -> usize {
        self.text.len() + self.len() * UnsignedPayload::KID_BYTES
    }

    /// Returns how many licenses there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the licenses in the order of their rows.
    pub fn licenses(&self) -> impl Iterator<Item = PendingLicense<'_>> {
        self.places.iter().map(|place| PendingLicense {
            row: place.row,
            digest: &self.text[place.digest..place.license_id],
            license_id: &self.text[place.license_id..place.tenant_id],
            tenant_id: &self.text[place.tenant_id..place.end],
            expires_at: place.expires_at,
            payload: UnsignedPayload {
                text: Cow::Borrowed(&self.text[place.payload..place.digest]),
                kid_at: place.kid_at,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_come_back_as_they_were_put_in() {
        let license = |number: u32| {
            let end = Timestamp::from_seconds(number.into()).unwrap();
            let mut license = License::new(format!("id-{number}"), format!("tenänt-{number}"), Timestamp::EPOCH, end);
            license.label = (number == 2).then(|| "Acme".to_owned());
            license
        };
        let mut pending = Pending::for_rows(0);
        for number in 1..=3 {
            pending.push(number.into(), &format!("digest-{number}"), &license(number));
        }
        pending.shrink();
        pending.retain(|row| row != 1);
        assert!(pending.len() == 2 && !pending.is_empty());
        for (found, number) in pending.licenses().zip(2..) {
            let (license, digest) = (license(number), format!("digest-{number}"));
            let expected = PendingLicense {
                row: number.into(),
                digest: &digest,
                license_id: &license.license_id,
                tenant_id: &license.tenant_id,
                expires_at: license.expires_at,
                payload: license.to_unsigned(),
            };
            assert_eq!(found, expected);
        }
    }
}
