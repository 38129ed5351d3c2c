//! Who a caller is, by what it shows: a service token, an API key of a tenant, or a JWT.

mod api_key;
mod cache;
mod jwt;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::blocking::blocking;
use crate::caller::{self, Caller};
use crate::capability::ServiceToken;
use crate::config::Config;
use crate::pace::Pace;
use crate::refusal::{Code, Refusal};
use crate::store::Store;
use crate::store::state::audit::AuditRow;
use crate::time::Timestamp;
use cache::Cache;
use jwt::Jwt;

pub use api_key::{NewApiKey, new_api_key};
pub use jwt::JwtKeysError;

/// What callers may show, and who they are then.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// Whether anything is asked for.
    is_open: bool,
    tokens: Vec<ServiceToken>,
    jwt: Option<Jwt>,
    store: Arc<Store>,
    /// What is known of what was shown in the last seconds.
    cache: Cache,
    /// How often somebody may show what nobody has seen before and what opens nothing.
    guesses: Pace,
    /// How often it is written down that an address was refused, and that any was.
    notes: Pace,
    all_notes: Pace,
}

/// For how long an answer holds without a look at the database: so long a key may still open the
/// service that was just revoked.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// The longest that is looked at.
const LONGEST: usize = 8 << 10;

impl Credentials {
    /// # Errors
    /// When there is a file of keys for JWTs that cannot be used.
    pub(crate) fn new(config: &Config, store: &Arc<Store>) -> Result<Self, JwtKeysError> {
        Ok(Self {
            is_open: !config.asks_for_credentials(),
            tokens: config.tokens.iter().map(|token| ServiceToken::new(token)).collect(),
            jwt: Jwt::new(config)?,
            store: store.clone(),
            cache: Cache::new(KNOWN_FOR),
            guesses: Pace::new(30, Duration::from_secs(1)),
            notes: Pace::new(5, Duration::from_secs(60)),
            all_notes: Pace::new(60, Duration::from_secs(1)),
        })
    }

    /// Who is calling: by what is shown, where anything is asked for, else by address.
    ///
    /// # Errors
    /// `unauthorized`, `busy`.
    pub(crate) async fn caller(
        self: &Arc<Self>,
        sender: IpAddr,
        shown: Option<&str>,
    ) -> Result<Caller, Refusal> {
        if self.is_open {
            return Ok(Caller::of_address(sender));
        }
        let shown = shown.filter(|shown| shown.len() <= LONGEST).unwrap_or_default();
        if let Some(token) = self.tokens.iter().find(|token| token.is(shown)) {
            return Ok(Caller::of_token(token));
        }
        if !self.is_worth_a_look(shown) {
            let refusal = self.nothing_shown(!shown.is_empty());
            return self.refuse(sender, refusal).await;
        }
        let sha256 = Sha256::digest(shown).into();
        let known = self.cache.get(&sha256, Instant::now());
        if let Some(verdict) = known.verdict {
            return verdict;
        }
        // Who was let in a moment ago does not wait behind those who guess.
        if !known.was_let_in {
            self.check_guesses(sender)?;
        }
        let shown = shown.to_owned();
        let verdict = blocking(self, move |this| this.look(&shown, &sha256)).await;
        match verdict {
            Ok(caller) => {
                self.cache.note(sha256, Ok(caller.clone()), Instant::now());
                Ok(caller)
            }
            Err(refusal) if refusal.code == Code::Unauthorized => {
                self.cache.note(sha256, Err(refusal.clone()), Instant::now());
                // Counted when it is known to be wrong: those who are right are not slowed down.
                let _ = self.guesses.take(&Caller::of_address(sender), Instant::now());
                self.refuse(sender, refusal).await
            }
            // The database failed, which says nothing of who asks.
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether it has the form of something that is asked for.
    fn is_worth_a_look(&self, shown: &str) -> bool {
        api_key::has_form(shown) || (self.jwt.is_some() && jwt::has_form(shown))
    }

    fn look(&self, shown: &str, sha256: &[u8; 32]) -> Result<Caller, Refusal> {
        let name = if api_key::has_form(shown) {
            self.tenant_of_key(sha256)?
        } else {
            let jwt = self.jwt.as_ref().ok_or_else(|| self.nothing_shown(true))?;
            jwt.tenant(shown).map_err(|error| unauthorized(error.to_string()))?
        };
        if !caller::is_tenant_name(&name) {
            return Err(unauthorized("The JWT names a tenant that cannot be called so."));
        }
        // A tenant that nobody has written down may have what every caller may have.
        if self.store.db.read(|c| c.tenant(&name))?.is_some_and(|tenant| tenant.disabled) {
            return Err(unauthorized("This tenant is not let in any more."));
        }
        Ok(Caller::of_tenant(&name))
    }

    fn tenant_of_key(&self, sha256: &[u8; 32]) -> Result<String, Refusal> {
        let row = self.store.db.read(|c| c.api_key(sha256))?;
        let row = row.ok_or_else(|| unauthorized("There is no such API key."))?;
        if row.revoked_at.is_some() {
            return Err(unauthorized("This API key was revoked."));
        }
        if !row.is_valid(Timestamp::now()) {
            return Err(unauthorized("This API key has expired."));
        }
        Ok(row.tenant)
    }

    fn nothing_shown(&self, is_something: bool) -> Refusal {
        unauthorized(match (is_something, self.jwt.is_some()) {
            (true, _) => {
                "This opens nothing here: it is no token, and no key or JWT of this service."
            }
            (false, true) => "This service is for those who show a token, an API key or a JWT.",
            (false, false) => "This service is for those who hold its token, or an API key.",
        })
    }

    fn check_guesses(&self, sender: IpAddr) -> Result<(), Refusal> {
        match self.guesses.wait(&Caller::of_address(sender), Instant::now()) {
            None => Ok(()),
            Some(wait) => {
                let detail = "Too many wrong keys came from your address; try again.";
                let seconds = wait.as_secs_f64().ceil().clamp(1.0, 3600.0) as u32;
                Err(Refusal::new(Code::Busy, detail).retry_after(seconds))
            }
        }
    }

    /// Refuses, and writes it down, if that has not been done too often.
    async fn refuse(self: &Arc<Self>, sender: IpAddr, refusal: Refusal) -> Result<Caller, Refusal> {
        let (sender, now) = (Caller::of_address(sender), Instant::now());
        let everybody = Caller::stored("");
        if self.notes.take(&sender, now).is_ok() && self.all_notes.take(&everybody, now).is_ok() {
            let row = AuditRow::now(sender, "authentication refused", &refusal.detail);
            let noted =
                blocking(self, move |this| Ok(this.store.db.write(|t| t.note_audit(&row))?));
            if let Err(error) = noted.await {
                tracing::warn!(%error, "a refusal was not written down");
            }
        }
        Err(refusal)
    }
}

fn unauthorized(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Unauthorized, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::state::tenants::{Quotas, TenantRow};
    use crate::testing::TempFolder;

    fn sender() -> IpAddr {
        "192.0.2.7".parse().unwrap()
    }

    fn credentials(folder: &TempFolder, config: Config) -> Arc<Credentials> {
        let store = Arc::new(Store::open(folder.path(), None, None).unwrap());
        Arc::new(Credentials::new(&config, &store).unwrap())
    }

    fn insert_key(credentials: &Credentials, tenant: &str) -> NewApiKey {
        let new = new_api_key(tenant, None);
        let row = TenantRow {
            name: tenant.to_owned(),
            quotas: Quotas::default(),
            disabled: false,
            created_at: Timestamp(0),
        };
        let insert = credentials.store.db.write(|t| {
            t.insert_tenant(&row)?;
            t.insert_api_key(&new.row, &new.sha256)
        });
        insert.unwrap();
        new
    }

    #[actix_web::test]
    async fn tokens_come_before_addresses() {
        let folder = TempFolder::new();
        let open = credentials(&folder, Config::default());
        for shown in [None, Some("anything")] {
            assert_eq!(open.caller(sender(), shown).await, Ok(Caller::of_address(sender())));
        }
        drop(open);
        let tokens = ["one token of some length", "two tokens of some length"].map(str::to_owned);
        let config = Config { tokens: tokens.to_vec(), ..Config::default() };
        let closed = credentials(&folder, config);
        for token in &tokens {
            let named = Caller::of_token(&ServiceToken::new(token));
            assert_eq!(closed.caller(sender(), Some(token)).await, Ok(named));
        }
        for wrong in [None, Some("one token of some"), Some("")] {
            let refused = closed.caller(sender(), wrong).await.unwrap_err();
            assert_eq!(refused.code, Code::Unauthorized);
        }
        // Keys open it too, where tokens are asked for.
        let key = insert_key(&closed, "acme").text;
        assert_eq!(closed.caller(sender(), Some(&key)).await, Ok(Caller::of_tenant("acme")));
    }

    #[actix_web::test]
    async fn who_guesses_is_slowed_down_and_who_is_known_is_not() {
        let folder = TempFolder::new();
        let config = Config { require_keys: true, ..Config::default() };
        let closed = credentials(&folder, config);
        let key = insert_key(&closed, "acme").text;
        assert!(closed.caller(sender(), Some(&key)).await.is_ok());
        let mut codes = Vec::new();
        for _ in 0..40 {
            let guess = new_api_key("acme", None).text;
            codes.push(closed.caller(sender(), Some(&guess)).await.unwrap_err().code);
        }
        assert_eq!(codes[0], Code::Unauthorized);
        assert_eq!(codes[39], Code::Busy);
        assert!(closed.caller(sender(), Some(&key)).await.is_ok());
        closed.cache.expire();
        assert!(closed.caller(sender(), Some(&key)).await.is_ok());
        let other = "192.0.2.8".parse().unwrap();
        let guess = new_api_key("acme", None).text;
        assert_eq!(closed.caller(other, Some(&guess)).await.unwrap_err().code, Code::Unauthorized);
        // Nor is every guess written down.
        let noted = closed.store.db.read(|c| c.audit(Timestamp(0), 100)).unwrap();
        assert_eq!(noted.iter().filter(|row| row.who == "192.0.2.7").count(), 5);
        assert!(noted.iter().all(|row| row.action == "authentication refused"));
    }

    #[actix_web::test]
    async fn an_answer_is_kept_for_a_moment_only() {
        let folder = TempFolder::new();
        let config = Config { require_keys: true, ..Config::default() };
        let closed = credentials(&folder, config);
        let new = insert_key(&closed, "acme");
        let ask = || closed.caller(sender(), Some(&new.text));
        assert_eq!(ask().await, Ok(Caller::of_tenant("acme")));
        let revoke =
            |t: &dyn crate::store::state::Writes| t.revoke_api_key(&new.row.id, Timestamp::now());
        assert!(closed.store.db.write(revoke).unwrap());
        assert!(ask().await.is_ok(), "without a question to the database");
        closed.cache.expire();
        assert_eq!(ask().await.unwrap_err().detail, "This API key was revoked.");
    }
}
