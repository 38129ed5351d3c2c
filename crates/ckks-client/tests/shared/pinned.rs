//! Lists of keys that a seed gives, which may not change under one version. Keys are too large to keep,
//! so it is their SHA-256.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Hashes of keys by what the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) version: u32,
    pub(crate) keys: BTreeMap<String, String>,
}

impl Pinned {
    /// Compares the list of today with the file, or writes that where it may.
    pub(crate) fn hold(&self, path: &Path) {
        let kept = Self::read(&fs::read_to_string(path).unwrap());
        kept.may_become(self).unwrap();
        if std::env::var_os("BLINDSIGHT_WRITE_GOLDEN").is_some() {
            fs::write(path, self.to_text()).unwrap();
        }
        let kept = fs::read_to_string(path).unwrap();
        assert!(kept == self.to_text(), "the list of pinned keys is another one now");
    }

    /// The list that a file says.
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let version = lines.next().unwrap().strip_prefix("generation ").unwrap().parse().unwrap();
        let key = |line: &str| {
            let (hash, name) = line.split_once("  ").unwrap();
            (name.to_owned(), hash.to_owned())
        };
        Self { version, keys: lines.map(key).collect() }
    }

    pub(crate) fn to_text(&self) -> String {
        let lines = self.keys.iter().map(|(name, hash)| format!("{hash}  {name}\n"));
        format!("generation {}\n", self.version) + &lines.collect::<String>()
    }

    /// Whether the file may say `new` from now on: other keys may come and go, but one key has one
    /// hash under one version, and versions only rise.
    pub(crate) fn may_become(&self, new: &Self) -> Result<(), String> {
        if new.version < self.version {
            return Err("a generation version is never used again".to_owned());
        }
        let changed = |(name, hash): &(&String, &String)| {
            self.keys.get(*name).is_some_and(|kept| kept != *hash)
        };
        let changed: Vec<&str> =
            new.keys.iter().filter(changed).map(|(name, _)| name.as_str()).collect();
        if new.version == self.version && !changed.is_empty() {
            let names = changed.join(", ");
            return Err(format!("keys changed without a new GENERATION_VERSION: {names}"));
        }
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
