//! The folder of compiled models, looked at again and again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use blindsight_engine::BundleLimits;

use super::{Parse, ServedModel};

/// The folder, and what was found in it.
pub(super) struct Folder {
    path: PathBuf,
    /// By name.
    files: BTreeMap<String, Known>,
}

/// A file.
struct Known {
    /// How it looked when it was read, and what it was; `None` before.
    read: Option<(Stamp, Outcome)>,
    /// How it looks since it was written again: read when it has come to rest.
    changing: Option<Stamp>,
}

/// The model of a file, or why it has none.
pub(super) type Outcome = Result<Arc<dyn ServedModel>, String>;

/// What tells that a file was written again: its time, its length, whether it is a file at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    is_file: bool,
}

/// The ending of files with compiled models.
const ENDING: &str = "bs";

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), files: BTreeMap::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was found, by file name.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        self.files.iter().filter_map(|(name, known)| {
            let (_, outcome) = known.read.as_ref()?;
            Some((name.as_str(), outcome))
        })
    }

    /// Reads what is new, and returns whether anything changed. With `at_rest`, a file is read
    /// only when it looks as at the last look: a copy under way is no damaged model.
    ///
    /// # Errors
    /// When the folder cannot be read; then everything stays as it was.
    pub(super) fn look(&mut self, parse: &Parse, at_rest: bool) -> io::Result<bool> {
        let found = self.list()?;
        let before = self.files.len();
        self.files.retain(|name, _| found.contains_key(name));
        let mut changed = self.files.len() < before;
        for (name, (path, stamp)) in found {
            if !self.is_due(&name, stamp, at_rest) {
                continue;
            }
            let read = match read(&path, stamp) {
                Ok(bytes) => (stamp, parse(&bytes)),
                // What prevents reading may go away without a trace on the file: tried again.
                Err(reason) => (if stamp.is_file { Stamp::none() } else { stamp }, Err(reason)),
            };
            self.files.insert(name, Known { read: Some(read), changing: None });
            changed = true;
        }
        Ok(changed)
    }

    /// Whether a file is to be read now.
    fn is_due(&mut self, name: &str, stamp: Stamp, at_rest: bool) -> bool {
        let known = (self.files.entry(name.to_owned()))
            .or_insert_with(|| Known { read: None, changing: None });
        if known.read.as_ref().is_some_and(|(read, _)| *read == stamp) {
            known.changing = None;
            return false;
        }
        !at_rest || known.changing.replace(stamp) == Some(stamp)
    }

    fn list(&self) -> io::Result<BTreeMap<String, (PathBuf, Stamp)>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let stamp = Stamp::of(&path);
                found.insert(name, (path, stamp));
            }
        }
        Ok(found)
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let Ok(metadata) = fs::metadata(path) else {
            return Self::none();
        };
        let (modified, length) = (metadata.modified().ok(), metadata.len());
        Self { modified, length, is_file: metadata.is_file() }
    }

    /// Nothing that can be read.
    fn none() -> Self {
        Self { modified: None, length: 0, is_file: false }
    }
}

/// The bytes of a file, if there are not too many.
fn read(path: &Path, stamp: Stamp) -> Result<Vec<u8>, String> {
    // Opening a pipe, for one, would not return.
    if !stamp.is_file {
        return Err("This is no file that can be read".to_owned());
    }
    let most = BundleLimits::default().file_bytes as u64;
    if stamp.length > most {
        return Err(format!("the file has {} bytes; at most {most} are read", stamp.length));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("the file cannot be read: {error}")),
    }
}
