//! The folder of compiled models, looked at again and again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use blindsight_engine::BundleLimits;

use super::{Parse, ServedFile};

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

/// What a file is, or why it has no model.
pub(super) type Outcome = Result<ServedFile, String>;

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::TempFolder;

    /// What the files say, in place of models.
    fn look(folder: &mut Folder, at_rest: bool) -> (bool, Vec<(String, String)>) {
        let parse: Parse = Box::new(|bytes| Err(String::from_utf8_lossy(bytes).into_owned()));
        let changed = folder.look(&parse, at_rest).unwrap();
        let files = folder.files().map(|(name, outcome)| {
            (name.to_owned(), outcome.as_ref().err().cloned().unwrap_or_default())
        });
        (changed, files.collect())
    }

    fn found(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn files_are_read_when_they_have_come_to_rest() {
        let temp = TempFolder::new();
        let write = |name: &str, text: &str| fs::write(temp.path().join(name), text).unwrap();
        let mut folder = Folder::new(temp.path());
        write("a.bs", "one");
        write("a.txt", "nothing");
        assert_eq!(look(&mut folder, false), (true, found(&[("a.bs", "one")])));
        assert_eq!(look(&mut folder, true), (false, found(&[("a.bs", "one")])));
        // A file that grows from look to look is being copied.
        for text in ["tw", "two", "two and more"] {
            write("a.bs", text);
            write("b.bs", text);
            assert_eq!(look(&mut folder, true), (false, found(&[("a.bs", "one")])));
        }
        let both = found(&[("a.bs", "two and more"), ("b.bs", "two and more")]);
        assert_eq!(look(&mut folder, true), (true, both.clone()));
        assert_eq!(look(&mut folder, true), (false, both));
        fs::remove_file(temp.path().join("a.bs")).unwrap();
        assert_eq!(look(&mut folder, true), (true, found(&[("b.bs", "two and more")])));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let temp = TempFolder::new();
        fs::create_dir(temp.path().join("folder.bs")).unwrap();
        symlink(temp.path().join("nowhere"), temp.path().join("link.bs")).unwrap();
        let mut folder = Folder::new(temp.path());
        let reason = "This is no file that can be read";
        let expected = found(&[("folder.bs", reason), ("link.bs", reason)]);
        assert_eq!(look(&mut folder, false), (true, expected.clone()));
        assert_eq!(look(&mut folder, true), (false, expected));
        fs::write(temp.path().join("nowhere"), "there").unwrap();
        assert!(!look(&mut folder, true).0);
        assert_eq!(look(&mut folder, true).1[1].1, "there");
    }

    #[test]
    fn a_folder_that_is_gone_changes_nothing() {
        let temp = TempFolder::new();
        let path = temp.path().join("models");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("a.bs"), "one").unwrap();
        let mut folder = Folder::new(&path);
        look(&mut folder, false);
        fs::remove_dir_all(&path).unwrap();
        let parse: Parse = Box::new(|_| Err(String::new()));
        assert!(folder.look(&parse, true).is_err());
        assert_eq!(folder.files().count(), 1);
    }
}
