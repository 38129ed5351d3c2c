//! The rows of tenants, of their API keys, and of how much they did on a day.

use super::Result;
use crate::caller::Caller;
use crate::time::Timestamp;

/// Who pays for callers: a name that API keys or JWTs stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its name.
    pub name: String,
    /// How much it may have.
    pub quotas: Quotas,
    /// Whether it is kept out.
    pub disabled: bool,
    /// When it came.
    pub created_at: Timestamp,
}

/// How much a tenant may have; what is not said is the service's setting for every caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Stored bytes.
    pub bytes: Option<u64>,
    /// Jobs that wait.
    pub queued: Option<u32>,
    /// Jobs that run.
    pub running: Option<u32>,
    /// Jobs that are accepted on a day of UTC.
    pub jobs_a_day: Option<u32>,
}

/// An API key, without what makes it one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// What it is called.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKeyRow {
    /// Whether it opens anything at this moment.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// How many jobs of a tenant may run, and how many do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningShare {
    /// Its quota.
    pub most: u32,
    /// Those that run.
    pub running: u32,
}

/// What can be asked of tenants.
pub trait ReadTenants {
    /// All tenants, by name.
    ///
    /// # Errors
    /// When the database fails.
    fn tenants(&self) -> Result<Vec<TenantRow>>;

    /// The tenant of this name.
    ///
    /// # Errors
    /// When the database fails.
    fn tenant(&self, name: &str) -> Result<Option<TenantRow>>;

    /// All API keys, by tenant and age.
    ///
    /// # Errors
    /// When the database fails.
    fn api_keys(&self) -> Result<Vec<ApiKeyRow>>;

    /// The API key with this hash.
    ///
    /// # Errors
    /// When the database fails.
    fn api_key(&self, sha256: &[u8; 32]) -> Result<Option<ApiKeyRow>>;

    /// How many jobs of a tenant were accepted on a day.
    ///
    /// # Errors
    /// When the database fails.
    fn jobs_of_day(&self, caller: &Caller, day: i64) -> Result<u32>;
}

/// What can be done with tenants.
pub trait WriteTenants {
    /// Notes a tenant. `false` if the name is taken.
    ///
    /// # Errors
    /// When the database fails.
    fn insert_tenant(&self, row: &TenantRow) -> Result<bool>;

    /// Changes a tenant's quotas, and whether it is disabled. `false` if it is not there.
    ///
    /// # Errors
    /// When the database fails.
    fn change_tenant(&self, row: &TenantRow) -> Result<bool>;

    /// Notes an API key of a tenant that is there.
    ///
    /// # Errors
    /// When the database fails.
    fn insert_api_key(&self, row: &ApiKeyRow, sha256: &[u8; 32]) -> Result<()>;

    /// Ends an API key. `false` if it is not there, or was revoked before.
    ///
    /// # Errors
    /// When the database fails.
    fn revoke_api_key(&self, id: &str, now: Timestamp) -> Result<bool>;

    /// Forgets how many jobs there were on days before one.
    ///
    /// # Errors
    /// When the database fails.
    fn forget_days(&self, before: i64) -> Result<()>;
}
