//! GUIDs and the field's recipes for the GUIDs of elements, properties and objects.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::{Digest, Sha1};
use std::fmt;
use std::str::FromStr;

/// A 128-bit identifier in display order; text form is 36 lower-case characters with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub [u8; 16]);

/// The text is not a GUID: 32 hexadecimal digits, with hyphens after 8, 12, 16 and 20, braces allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a GUID")]
pub struct NotAGuid(pub String);

impl Guid {
    /// The GUID of a management-pack element.
    ///
    /// Field: first 16 bytes of SHA-1 over the UTF-16LE text
    /// `MPName=<pack>,KeyToken=<token>,ObjectId=<element>`, read as a little-endian GUID.
    /// `Departs:` an unsealed pack has no published recipe; its text leaves `KeyToken` out.
    #[must_use]
    pub fn of_element(pack: &str, key_token: Option<&str>, element: &str) -> Self {
        Self::sha1_utf16(&Self::element_text(pack, key_token, element))
    }

    /// The GUID of a property or other sub-element: the element's text plus `,SubObjectId=<name>`.
    #[must_use]
    pub fn of_sub_element(pack: &str, key_token: Option<&str>, element: &str, sub: &str) -> Self {
        Self::sha1_utf16(&format!("{},SubObjectId={sub}", Self::element_text(pack, key_token, element)))
    }

    /// The GUID of an object from its class and key values, hosts' keys first.
    ///
    /// Field: `TypeId={CLASS},{PROPERTY}=VALUE,…` in upper case; a singleton has its class's GUID,
    /// so callers pass the class GUID through for those.
    #[must_use]
    pub fn of_object(class: Guid, keys: &[(Guid, String)]) -> Self {
        let mut text = format!("TypeId={}", class.braced_upper());
        for (property, value) in keys {
            text.push_str(&format!(",{}={}", property.braced_upper(), value.to_uppercase()));
        }
        Self::sha1_utf16(&text)
    }

    fn element_text(pack: &str, key_token: Option<&str>, element: &str) -> String {
        match key_token {
            Some(token) => format!("MPName={pack},KeyToken={token},ObjectId={element}"),
            None => format!("MPName={pack},ObjectId={element}"),
        }
    }

    fn sha1_utf16(text: &str) -> Self {
        let mut hash = Sha1::new();
        for unit in text.encode_utf16() {
            hash.update(unit.to_le_bytes());
        }
        let digest: [u8; 20] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, rest @ ..] = digest;
        let [i, j, k, l, m, n, o, p, ..] = rest;
        // The first three fields of a GUID are little-endian in memory and big-endian in text.
        Self([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
    }

    /// `{XXXXXXXX-…}` in upper case, as the object recipe wants it.
    #[must_use]
    pub fn braced_upper(&self) -> String {
        format!("{{{self}}}").to_uppercase()
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let bad = || NotAGuid(text.chars().take(64).collect());
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        let well_formed = inner.len() == 36
            && inner.char_indices().all(|(i, c)| match i {
                8 | 13 | 18 | 23 => c == '-',
                _ => c.is_ascii_hexdigit(),
            });
        if !well_formed {
            return Err(bad());
        }
        let digits: String = inner.chars().filter(|c| *c != '-').collect();
        let number = u128::from_str_radix(&digits, 16).map_err(|_| bad())?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_is_canonical() {
        let guid: Guid = "{0123ABCD-89ab-cdef-0123-456789abcdef}".parse().unwrap();
        assert_eq!(guid.to_string(), "0123abcd-89ab-cdef-0123-456789abcdef");
        assert_eq!(guid.to_string().parse::<Guid>().unwrap(), guid);
    }

    #[test]
    fn anything_but_a_guid_is_refused() {
        for bad in ["", "0123", "0123abcd-89ab-cdef-0123-456789abcdeg", "+123abcd-89ab-cdef-0123-456789abcdef", "é"] {
            assert!(bad.parse::<Guid>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_well_known_class_has_its_published_guid() {
        // Microsoft.Windows.Computer, as it stands in the views of public packs.
        let guid =
            Guid::of_element("Microsoft.Windows.Library", Some("31bf3856ad364e35"), "Microsoft.Windows.Computer");
        assert_eq!(guid.to_string(), "ea99500d-8d52-fc52-b5a5-10dcd1e9d2bd");
    }
}
