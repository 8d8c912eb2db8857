//! Database rows that grant or are executed: MACed, checked and read.

use crate::group_keys::GroupKeys;
use crate::refusal::{Code, Refusal};
use reeve_model::{Account, HealthService, HealthServiceTrust};
use reeve_seal::rows;
use reeve_wire::keeper::Row;
use serde::de::DeserializeOwned;

/// Table of [`Account`] rows.
pub(crate) const ACCOUNT: &str = "account";
/// Table of [`HealthService`] rows.
pub(crate) const HEALTH_SERVICE: &str = "health_service";

/// Tables whose rows grant or are executed. A name that is not here gets no MAC, so that the key cannot be
/// used to authenticate anything else.
const TABLES: [&str; 25] = [
    ACCOUNT,
    HEALTH_SERVICE,
    "account_credential",
    "association",
    "class",
    "credential",
    "distribution",
    "enrolment_token",
    "group",
    "group_member",
    "management_group",
    "object",
    "override",
    "pack",
    "profile",
    "role",
    "role_assignment",
    "secret_grant",
    "session",
    "setting",
    "tombstone",
    "token",
    "user",
    "user_role",
    "workflow",
];

/// The MAC of a row, for tables that grant or are executed. Rows the keeper reads itself must be readable.
pub(crate) fn grant(keys: &GroupKeys, row: &Row) -> Result<Vec<u8>, Refusal> {
    if !TABLES.contains(&row.table.as_str()) {
        return Err(Refusal::malformed(format!("rows of table {:?} get no MAC", row.table)));
    }
    match row.table.as_str() {
        ACCOUNT => drop(parse::<Account>(row)?),
        HEALTH_SERVICE => drop(parse::<HealthService>(row)?),
        _ => {}
    }
    Ok(rows::row_mac(row_key(keys), &row.table, &row.id, &row.bytes).to_vec())
}

/// Whether the row is one this keeper MACed, unchanged.
pub(crate) fn is_genuine(keys: &GroupKeys, row: &Row) -> bool {
    TABLES.contains(&row.table.as_str()) && rows::verify_row(row_key(keys), &row.table, &row.id, &row.bytes, &row.mac)
}

/// A row of table `account`, checked.
pub(crate) fn account(keys: &GroupKeys, row: Option<&Row>) -> Result<Account, Refusal> {
    parse(genuine(keys, row, ACCOUNT)?)
}

/// A row of table `health_service`, checked, whose health service is trusted enough to be given anything.
pub(crate) fn approved_health_service(keys: &GroupKeys, row: Option<&Row>) -> Result<HealthService, Refusal> {
    let health_service: HealthService = parse(genuine(keys, row, HEALTH_SERVICE)?)?;
    match health_service.trust {
        HealthServiceTrust::Verified | HealthServiceTrust::Unverified => Ok(health_service),
        HealthServiceTrust::Pending => Err(Refusal::new(
            Code::NotApproved,
            format!("health service {} is waiting for approval", health_service.id),
        )),
        HealthServiceTrust::Banned => {
            Err(Refusal::new(Code::NotApproved, format!("health service {} is banned", health_service.id)))
        }
    }
}

fn genuine<'a>(keys: &GroupKeys, row: Option<&'a Row>, table: &str) -> Result<&'a Row, Refusal> {
    let row = row.ok_or_else(|| Refusal::malformed(format!("the row of table {table} is missing")))?;
    if row.table != table {
        return Err(Refusal::malformed(format!("a row of table {table} is needed, not of {:?}", row.table)));
    }
    if !is_genuine(keys, row) {
        return Err(Refusal::new(
            Code::BadMac,
            format!("row {:?} of table {table} was changed outside the server: its MAC is wrong", row.id),
        ));
    }
    Ok(row)
}

trait HasId {
    fn id(&self) -> String;
}

impl HasId for Account {
    fn id(&self) -> String {
        self.id.to_string()
    }
}

impl HasId for HealthService {
    fn id(&self) -> String {
        self.id.to_string()
    }
}

fn parse<T: DeserializeOwned + HasId>(row: &Row) -> Result<T, Refusal> {
    let value: T = serde_json::from_slice(&row.bytes).map_err(|error| {
        Refusal::malformed(format!("row {:?} of table {} is not readable: {error}", row.id, row.table))
    })?;
    if value.id() != row.id {
        return Err(Refusal::malformed(format!("row {:?} of table {} is about {}", row.id, row.table, value.id())));
    }
    Ok(value)
}

fn row_key(keys: &GroupKeys) -> &[u8] {
    // Exposed because the MAC works on the bytes.
    keys.row_mac.expose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_group::{self, account_row, health_service_row};

    #[test]
    fn a_row_verifies_as_granted_and_no_other_way() {
        let keys = test_group::keys();
        let row = account_row(&keys, &test_group::account(1));
        assert!(is_genuine(&keys, &row));
        let changes: [fn(&mut Row); 6] = [
            |row| row.table = "profile".to_owned(),
            |row| row.id.push('0'),
            |row| row.bytes[5] ^= 1,
            |row| row.mac[31] ^= 0x80,
            |row| row.mac.truncate(16),
            |row| row.mac.clear(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut row = row.clone();
            change(&mut row);
            assert!(!is_genuine(&keys, &row), "change {number}");
        }
        assert!(!is_genuine(&test_group::keys(), &row), "of another group");
    }

    #[test]
    fn only_tables_that_grant_or_are_executed_get_a_mac() {
        let keys = test_group::keys();
        for table in ["", "Account", "performance", "account ", "keeper"] {
            let row = Row { table: table.to_owned(), id: "1".to_owned(), bytes: b"{}".to_vec(), mac: Vec::new() };
            assert_eq!(grant(&keys, &row).unwrap_err().code, Code::Malformed, "{table}");
        }
        let row = Row { table: "profile".to_owned(), id: "1".to_owned(), bytes: b"{}".to_vec(), mac: Vec::new() };
        assert_eq!(grant(&keys, &row).unwrap().len(), 32);
    }

    #[test]
    fn a_row_the_keeper_reads_must_be_readable_and_about_its_id() {
        let keys = test_group::keys();
        let good = account_row(&keys, &test_group::account(1));
        for bad in [
            Row { bytes: b"{}".to_vec(), ..good.clone() },
            Row { id: test_group::account(2).id.to_string(), ..good.clone() },
            Row { table: HEALTH_SERVICE.to_owned(), ..good.clone() },
        ] {
            assert_eq!(grant(&keys, &bad).unwrap_err().code, Code::Malformed);
        }
    }

    #[test]
    fn trust_decides_which_health_services_get_anything() {
        let keys = test_group::keys();
        for (trust, code) in [
            (HealthServiceTrust::Verified, None),
            (HealthServiceTrust::Unverified, None),
            (HealthServiceTrust::Pending, Some(Code::NotApproved)),
            (HealthServiceTrust::Banned, Some(Code::NotApproved)),
        ] {
            let health_service = HealthService { trust, ..test_group::health_service(1) };
            let row = health_service_row(&keys, &health_service);
            let found = approved_health_service(&keys, Some(&row)).err().map(|refusal| refusal.code);
            assert_eq!(found, code, "{trust:?}");
        }
        assert_eq!(approved_health_service(&keys, None).unwrap_err().code, Code::Malformed);
        let account = account_row(&keys, &test_group::account(1));
        assert_eq!(approved_health_service(&keys, Some(&account)).unwrap_err().code, Code::Malformed);
    }
}
