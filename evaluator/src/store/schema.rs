//! Versions of the tables, and which programs may use which.
//!
//! A program is named by the newest schema that it knows. A newer schema may say that older programs
//! can still use it: so two releases run side by side while one takes the other's place.

use serde::Serialize;

use super::StoreError;

/// What a database says of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Their version; 0 where there are none.
    pub(super) version: i64,
    /// The oldest program that can use them, if they say.
    pub(super) readable_by: Option<i64>,
}

impl Found {
    /// Whether a program that knows so many versions has tables to add.
    pub(super) fn is_behind(self, known: i64) -> bool {
        self.version < known
    }

    /// Lets programs pass that can use these tables, or bring them up to date.
    ///
    /// # Errors
    /// When a later version wrote them, and did not say that this program may use them.
    pub(super) fn check_readable(self, known: i64) -> Result<(), StoreError> {
        let Self { version: found, readable_by } = self;
        let readable_by = readable_by.unwrap_or(found);
        if found > known && readable_by > known {
            return Err(StoreError::Schema { found, readable_by, known });
        }
        Ok(())
    }

    /// Lets programs pass that can use these tables as they are.
    ///
    /// # Errors
    /// Those of [`Found::check_readable`], and where tables are missing.
    pub(super) fn check_usable(self, known: i64) -> Result<(), StoreError> {
        self.check_readable(known)?;
        if self.is_behind(known) {
            return Err(StoreError::Outdated { found: self.version, known });
        }
        Ok(())
    }
}

/// What became of a database's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// The version before; 0 where there were no tables.
    pub from: i64,
    /// The version now.
    pub to: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_says_who_may_use_it() {
        let found = |version, readable_by| Found { version, readable_by };
        assert!(found(7, Some(5)).check_usable(5).is_ok());
        assert!(found(7, Some(5)).check_usable(7).is_ok());
        let refused = found(7, Some(6)).check_readable(5);
        assert!(matches!(refused, Err(StoreError::Schema { found: 7, readable_by: 6, known: 5 })));
        assert!(found(7, None).check_readable(5).is_err(), "it says nothing");
        assert!(found(5, None).check_readable(5).is_ok(), "its own");
        assert!(found(4, Some(2)).check_readable(5).is_ok(), "it is brought up to date");
        let behind = found(4, Some(2)).check_usable(5);
        assert!(matches!(behind, Err(StoreError::Outdated { found: 4, known: 5 })));
    }
}
