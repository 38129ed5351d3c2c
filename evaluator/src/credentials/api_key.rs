//! API keys of tenants: unguessable, named by an id that stands in them, stored as their SHA-256.

use sha2::{Digest as _, Sha256};

use crate::capability;
use crate::store::state::tenants::ApiKeyRow;
use crate::time::Timestamp;

/// A key that was just made.
#[derive(Debug)]
pub struct NewApiKey {
    /// The key itself, which nobody can tell again.
    pub text: String,
    /// Its hash.
    pub sha256: [u8; 32],
    /// What is stored beside the hash.
    pub row: ApiKeyRow,
}

const START: &str = "bsk_";
const ID: usize = 8;
/// A capability's: 32 bytes in base64url.
const SECRET: usize = 43;

/// A fresh key of a tenant: `bsk_`, eight hexadecimal digits that name it, `_`, and as many random
/// characters as a capability has.
#[must_use]
pub fn new_api_key(tenant: &str, expires_at: Option<Timestamp>) -> NewApiKey {
    let id = capability::new_id().simple().to_string()[..ID].to_owned();
    let text = format!("{START}{id}_{}", capability::new_capability());
    let row = ApiKeyRow {
        id,
        tenant: tenant.to_owned(),
        created_at: Timestamp::now(),
        expires_at,
        revoked_at: None,
    };
    NewApiKey { sha256: Sha256::digest(&text).into(), text, row }
}

/// Whether something looks like a key.
pub(super) fn has_form(text: &str) -> bool {
    let rest = text.strip_prefix(START).filter(|rest| rest.len() == ID + 1 + SECRET);
    rest.is_some_and(|rest| rest.is_ascii() && rest.as_bytes()[ID] == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_form_and_their_names_stand_in_them() {
        let new = new_api_key("acme", None);
        assert!(has_form(&new.text), "{}", new.text);
        assert!(new.text.starts_with(&format!("bsk_{}_", new.row.id)));
        assert_ne!(new.text, new_api_key("acme", None).text);
        assert!(new.row.is_valid(Timestamp::now()));
        for wrong in ["", "bsk_", &new.text[1..], &format!("{}a", new.text), "a.b.c"] {
            assert!(!has_form(wrong), "{wrong}");
        }
    }

    #[test]
    fn keys_end_when_they_expire_or_are_revoked() {
        let row = new_api_key("acme", Some(Timestamp(1000))).row;
        assert!(row.is_valid(Timestamp(999)) && !row.is_valid(Timestamp(1000)));
        let revoked = ApiKeyRow { revoked_at: Some(Timestamp(5)), ..row };
        assert!(!revoked.is_valid(Timestamp(1)));
    }
}
