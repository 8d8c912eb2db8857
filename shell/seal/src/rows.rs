//! MACs over database rows that grant or are executed.
//!
//! HMAC-SHA256 under the group's row-MAC key over label, table, id and the row's canonical bytes, each
//! with its length in front (u64 big-endian), so that nothing can slide from one part into the next.

use crate::mac;

/// First part of what is covered: a row MAC is never taken for another MAC.
const LABEL: &[u8] = b"reeve/1 row";

/// The row's MAC.
#[must_use]
pub fn row_mac(key: &[u8], table: &str, id: &str, bytes: &[u8]) -> [u8; 32] {
    mac::hmac_sha256(key, &covered(table, id, bytes))
}

/// Whether `mac` is the row's MAC. Constant time in the contents.
#[must_use]
pub fn verify_row(key: &[u8], table: &str, id: &str, bytes: &[u8], mac: &[u8]) -> bool {
    mac::verify_hmac_sha256(key, &covered(table, id, bytes), mac)
}

fn covered(table: &str, id: &str, bytes: &[u8]) -> Vec<u8> {
    let parts = [LABEL, table.as_bytes(), id.as_bytes(), bytes];
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn a_mac_holds_for_its_table_id_and_bytes_only() {
        let mac = row_mac(&KEY, "account", "1", b"{}");
        assert!(verify_row(&KEY, "account", "1", b"{}", &mac));
        assert!(!verify_row(&KEY, "profile", "1", b"{}", &mac));
        assert!(!verify_row(&KEY, "account", "2", b"{}", &mac));
        assert!(!verify_row(&KEY, "account", "1", b"{ }", &mac));
        assert!(!verify_row(&[8; 32], "account", "1", b"{}", &mac));
        assert!(!verify_row(&KEY, "account", "1", b"{}", b""));
    }

    proptest! {
        #[test]
        fn two_rows_share_a_mac_only_when_equal(
            (a, b) in (("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}"), ("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}")),
        ) {
            let mac_a = row_mac(&KEY, &a.0, &a.1, a.2.as_bytes());
            prop_assert_eq!(verify_row(&KEY, &b.0, &b.1, b.2.as_bytes(), &mac_a), a == b);
        }

        #[test]
        fn one_flipped_bit_of_row_or_mac_is_noticed(
            bytes in prop::collection::vec(any::<u8>(), 1..64), place in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let mut mac = row_mac(&KEY, "account", "id", &bytes);
            let mut changed = bytes.clone();
            let at = place.index(bytes.len() + mac.len());
            match at.checked_sub(bytes.len()) {
                None => changed[at] ^= 1 << bit,
                Some(at) => mac[at] ^= 1 << bit,
            }
            prop_assert!(!verify_row(&KEY, "account", "id", &changed, &mac));
        }
    }
}
