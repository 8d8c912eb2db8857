//! The group's certificate authority.
//!
//! A certificate holds what the keeper knows and nothing that was asked for: of the request only the
//! public key counts, and that its sender has the private half.

use crate::refusal::{Code, Refusal};
use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SubjectPublicKeyInfo,
};
use reeve_model::{HealthService, ManagementGroupId, Wall};
use reeve_seal::{digest, random};
use reeve_secret::Secret;
use reeve_wire::limits::AGENT_CERTIFICATE_LIFE_S;
use std::net::IpAddr;
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Life of the authority's own certificate, seconds: 10 years.
const AUTHORITY_LIFE_S: i64 = 3_653 * 86_400;
/// Longest life of the server's certificate, seconds.
const SERVER_CERTIFICATE_LIFE_S: u64 = 90 * 86_400;
/// How far a certificate's start lies in the past at most, for clocks that are behind, seconds.
const BACKDATED_S_MAX: u64 = 300;
/// Most names in the server's certificate.
const SERVER_NAMES_MAX: usize = 64;

/// The authority: its certificate and its key.
pub(crate) struct CertificateAuthority {
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// A fresh authority for a group: P-256, 10 years, no authority below it.
    pub(crate) fn generate(group: ManagementGroupId, now: Wall) -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make the authority's key")?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&format!("Reeve management group {group}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial());
        (params.not_before, params.not_after) =
            validity(now, BACKDATED_S_MAX, AUTHORITY_LIFE_S).context("the clock is beyond the calendar")?;
        let certificate = params.self_signed(&key).context("cannot sign the authority's certificate")?;
        Self::of(certificate.der().to_vec(), key)
    }

    /// The authority of a stored certificate and key, which must belong together.
    pub(crate) fn open(certificate: &[u8], key: &Secret) -> anyhow::Result<Self> {
        // Exposed because the signature works on the bytes.
        let key = KeyPair::try_from(key.expose()).context("the authority's key is damaged")?;
        let (_, parsed) = X509Certificate::from_der(certificate).context("the authority's certificate is damaged")?;
        anyhow::ensure!(
            parsed.public_key().subject_public_key.data == key.public_key_raw(),
            "the authority's certificate is not the one of its key"
        );
        Self::of(certificate.to_vec(), key)
    }

    fn of(certificate: Vec<u8>, key: KeyPair) -> anyhow::Result<Self> {
        let issuer = Issuer::from_ca_cert_der(&certificate.as_slice().into(), key)
            .context("the authority's certificate is damaged")?;
        Ok(Self { certificate, issuer })
    }

    /// DER.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key to store, PKCS #8.
    pub(crate) fn to_secret(&self) -> Secret {
        Secret::new(self.issuer.key().serialize_der())
    }

    /// A certificate for the agent of an approved health service; leaf first, then the authority's.
    pub(crate) fn issue_to_agent(
        &self,
        group: ManagementGroupId,
        health_service: &HealthService,
        csr: &[u8],
        life_s: u64,
        now: Wall,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let key = proven_key(csr)?;
        if digest::sha256(&key).0 != health_service.tls_key_digest.as_slice() {
            return Err(Refusal::new(
                Code::NotApproved,
                format!(
                    "the key in the request is not the approved one of health service {}; a new key needs approval",
                    health_service.id
                ),
            ));
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&health_service.id.to_string());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let uri = format!("reeve://{group}/health-service/{}", health_service.id);
        params.subject_alt_names = vec![SanType::URI(ia5(&uri)?)];
        self.issue(params, &key, life_s.min(AGENT_CERTIFICATE_LIFE_S), now)
    }

    /// The server's own certificate.
    pub(crate) fn issue_to_server(
        &self,
        names: &[String],
        csr: &[u8],
        life_s: u64,
        now: Wall,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let key = proven_key(csr)?;
        let first = names.first().ok_or_else(|| Refusal::malformed("the server's certificate needs a name"))?;
        if names.len() > SERVER_NAMES_MAX {
            return Err(Refusal::malformed(format!("more than {SERVER_NAMES_MAX} names for the server's certificate")));
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = name(first);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = names.iter().map(|name| server_name(name)).collect::<Result<_, _>>()?;
        self.issue(params, &key, life_s.min(SERVER_CERTIFICATE_LIFE_S), now)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        key: &[u8],
        life_s: u64,
        now: Wall,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        if life_s == 0 {
            return Err(Refusal::malformed("a certificate needs a life of at least a second"));
        }
        // A tenth at most, so that half of a short life is still ahead.
        let backdated_s = BACKDATED_S_MAX.min(life_s / 10);
        let life_s = i64::try_from(life_s).map_err(|_| Refusal::malformed("the life is too long"))?;
        (params.not_before, params.not_after) = validity(now, backdated_s, life_s)
            .ok_or_else(|| Refusal::new(Code::Unavailable, "the keeper's clock is beyond the calendar"))?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.serial_number = Some(serial());
        params.use_authority_key_identifier_extension = true;
        let key = SubjectPublicKeyInfo::from_der(key).map_err(unusable)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(|error| {
            Refusal::new(Code::Unavailable, format!("the keeper cannot sign the certificate: {error}"))
        })?;
        Ok(vec![leaf.der().to_vec(), self.certificate.clone()])
    }
}

/// The public key (SPKI, DER) of a request whose own signature is right.
fn proven_key(csr: &[u8]) -> Result<Vec<u8>, Refusal> {
    let malformed = || Refusal::malformed("the certificate request is not PKCS #10 in DER");
    let (rest, request) = X509CertificationRequest::from_der(csr).map_err(|_| malformed())?;
    if !rest.is_empty() {
        return Err(malformed());
    }
    request.verify_signature().map_err(|_| {
        Refusal::malformed("the certificate request is not signed with the key it names; its sender may not have it")
    })?;
    let key = request.certification_request_info.subject_pki.raw;
    SubjectPublicKeyInfo::from_der(key).map_err(unusable)?;
    Ok(key.to_vec())
}

fn unusable(error: rcgen::Error) -> Refusal {
    Refusal::malformed(format!("a key of this kind cannot be used (P-256 can): {error}"))
}

fn server_name(name: &str) -> Result<SanType, Refusal> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(Refusal::malformed(format!("{name:?} is neither a host name nor an address")));
    }
    Ok(SanType::DnsName(ia5(name)?))
}

fn ia5(text: &str) -> Result<rcgen::string::Ia5String, Refusal> {
    text.try_into().map_err(|_| Refusal::malformed(format!("{text:?} is not ASCII")))
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    // 64 characters is the limit of a common name; the alternative names are what counts.
    name.push(DnType::CommonName, common.chars().take(64).collect::<String>());
    name
}

fn serial() -> rcgen::SerialNumber {
    let mut bytes = random::bytes::<16>();
    if let Some(first) = bytes.first_mut() {
        // Positive, and the same length always.
        *first = (*first & 0x3f) | 0x40;
    }
    rcgen::SerialNumber::from_slice(&bytes)
}

fn validity(now: Wall, backdated_s: u64, life_s: i64) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let now_s = now.0.div_euclid(1_000_000);
    let start = now_s.checked_sub(i64::try_from(backdated_s).ok()?)?;
    let end = now_s.checked_add(life_s)?;
    Some((OffsetDateTime::from_unix_timestamp(start).ok()?, OffsetDateTime::from_unix_timestamp(end).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_group::{self, NOW};
    use rcgen::{CustomExtension, PKCS_ED25519};
    use x509_parser::extensions::GeneralName;

    const GROUP: ManagementGroupId = ManagementGroupId(reeve_model::Guid([0xaa; 16]));
    const DAY_S: i64 = 86_400;

    fn authority() -> CertificateAuthority {
        CertificateAuthority::generate(GROUP, NOW).unwrap()
    }

    fn plain_csr(key: &KeyPair) -> Vec<u8> {
        CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
    }

    fn spki(csr: &[u8]) -> Vec<u8> {
        let (_, csr) = X509CertificationRequest::from_der(csr).unwrap();
        csr.certification_request_info.subject_pki.raw.to_vec()
    }

    fn approved(csr: &[u8]) -> HealthService {
        HealthService { tls_key_digest: digest::sha256(&spki(csr)).to_bytes(), ..test_group::health_service(1) }
    }

    fn code<T>(result: Result<T, Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn an_agents_certificate_holds_our_values_whatever_the_request_asked_for() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut wish = CertificateParams::new(vec!["management-server".to_owned()]).unwrap();
        wish.subject_alt_names.push(SanType::URI("reeve://other/health-service/other".try_into().unwrap()));
        wish.distinguished_name.push(DnType::CommonName, "root");
        wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::CodeSigning];
        wish.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Basic constraints: cA = TRUE, and an extension nobody knows.
        let mut ca = CustomExtension::from_oid_content(&[2, 5, 29, 19], vec![0x30, 0x03, 0x01, 0x01, 0xff]);
        ca.set_criticality(true);
        wish.custom_extensions = vec![ca, CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999], vec![5, 0])];
        let csr = wish.serialize_request(&key).unwrap().der().to_vec();

        let authority = authority();
        let health_service = approved(&csr);
        let chain = authority.issue_to_agent(GROUP, &health_service, &csr, 86_400, NOW).unwrap();
        assert_eq!(chain[1], authority.certificate());
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        let (_, ca) = X509Certificate::from_der(&chain[1]).unwrap();
        leaf.verify_signature(Some(ca.public_key())).unwrap();
        assert_eq!(leaf.issuer(), ca.subject());
        assert_eq!(leaf.subject().to_string(), format!("CN={}", health_service.id));
        assert_eq!(leaf.public_key().raw, spki(&csr));
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        let uri = format!("reeve://{GROUP}/health-service/{}", health_service.id);
        assert_eq!(names.value.general_names, [GeneralName::URI(&uri)]);
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth && !usage.code_signing && !usage.any && usage.other.is_empty());
        assert_eq!(leaf.key_usage().unwrap().unwrap().value.flags, 1, "digital signature only");
        assert!(!leaf.is_ca());
        let known = ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"];
        for extension in leaf.extensions() {
            assert!(known.contains(&extension.oid.to_id_string().as_str()), "{}", extension.oid);
        }
        assert_eq!(leaf.validity().not_before.timestamp(), NOW.0 / 1_000_000 - 300);
        assert_eq!(leaf.validity().not_after.timestamp(), NOW.0 / 1_000_000 + DAY_S);
    }

    #[test]
    fn a_life_is_capped_and_a_short_one_starts_close_to_now() {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let csr = plain_csr(&key);
        let authority = authority();
        let now_s = NOW.0 / 1_000_000;
        let life = |chain: Vec<Vec<u8>>| {
            let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
            (now_s - leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp() - now_s)
        };
        let agent = |life_s| life(authority.issue_to_agent(GROUP, &approved(&csr), &csr, life_s, NOW).unwrap());
        assert_eq!(agent(u64::MAX), (300, 14 * DAY_S));
        assert_eq!(agent(20), (2, 20));
        let names = ["server".to_owned()];
        let server = |life_s| life(authority.issue_to_server(&names, &csr, life_s, NOW).unwrap());
        assert_eq!(server(u64::MAX), (300, 90 * DAY_S));
        assert_eq!(code(authority.issue_to_server(&names, &csr, 0, NOW)), Some(Code::Malformed));
        let (_, ca) = X509Certificate::from_der(authority.certificate()).unwrap();
        assert_eq!(ca.validity().not_after.timestamp() - now_s, AUTHORITY_LIFE_S);
    }

    #[test]
    fn another_key_than_the_approved_one_gets_no_certificate() {
        let csr = plain_csr(&KeyPair::generate().unwrap());
        let other = plain_csr(&KeyPair::generate().unwrap());
        let refused = authority().issue_to_agent(GROUP, &approved(&other), &csr, 86_400, NOW);
        assert_eq!(code(refused), Some(Code::NotApproved));
        for digest in [vec![], vec![0; 32], digest::sha256(&spki(&csr)).0[..31].to_vec()] {
            let row = HealthService { tls_key_digest: digest, ..test_group::health_service(1) };
            assert_eq!(code(authority().issue_to_agent(GROUP, &row, &csr, 86_400, NOW)), Some(Code::NotApproved));
        }
    }

    #[test]
    fn a_request_without_proof_of_possession_is_refused() {
        let csr = plain_csr(&KeyPair::generate().unwrap());
        let mut flipped = csr.clone();
        *flipped.last_mut().unwrap() ^= 1;
        // The key of one request under the signature of another.
        let other = plain_csr(&KeyPair::generate().unwrap());
        let (own, foreign) = (spki(&csr), spki(&other));
        let at = csr.windows(own.len()).position(|window| window == own).unwrap();
        let mut substituted = csr.clone();
        substituted[at..at + foreign.len()].copy_from_slice(&foreign);
        let trailing = [csr.clone(), vec![0]].concat();
        for bad in [flipped, substituted, trailing, vec![], b"not a request".to_vec(), csr[..20].to_vec()] {
            let refused = authority().issue_to_server(&["server".to_owned()], &bad, 86_400, NOW);
            assert_eq!(code(refused), Some(Code::Malformed));
        }
    }

    #[test]
    fn the_servers_certificate_names_hosts_and_addresses_only() {
        let csr = plain_csr(&KeyPair::generate().unwrap());
        let authority = authority();
        let names = ["reeve.example.org", "192.0.2.1", "2001:db8::1", "host_1"].map(str::to_owned);
        let chain = authority.issue_to_server(&names, &csr, 86_400, NOW).unwrap();
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        let found = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
        let v6: &[u8] = &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let want = [
            GeneralName::DNSName("reeve.example.org"),
            GeneralName::IPAddress(&[192, 0, 2, 1]),
            GeneralName::IPAddress(v6),
            GeneralName::DNSName("host_1"),
        ];
        assert_eq!(found, want);
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth && !usage.any);
        let long = "x".repeat(64);
        for bad in
            ["", "*", "*.example.org", "a..b", "-a", "a-", "a b", "reeve://x/health-service/y", "é", "a\0b", &long]
        {
            let refused = authority.issue_to_server(&[bad.to_owned()], &csr, 86_400, NOW);
            assert_eq!(code(refused), Some(Code::Malformed), "{bad:?}");
        }
        assert_eq!(code(authority.issue_to_server(&[], &csr, 86_400, NOW)), Some(Code::Malformed));
    }

    #[test]
    fn a_stored_authority_is_the_same_and_a_certificate_of_another_is_refused() {
        let authority = authority();
        let again = CertificateAuthority::open(authority.certificate(), &authority.to_secret()).unwrap();
        assert_eq!(again.certificate(), authority.certificate());
        let other = CertificateAuthority::generate(GROUP, NOW).unwrap();
        assert!(CertificateAuthority::open(other.certificate(), &authority.to_secret()).is_err());
    }
}
