//! Objects as files.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// A folder of buckets. What is written survives the end of the process, not of the machine.
#[derive(Debug)]
pub(crate) struct Objects {
    folder: PathBuf,
    /// Names of files that are being written.
    next: AtomicU64,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Without the bucket.
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
}

impl Entry {
    /// Two contents of one object never have the same.
    pub(crate) fn tag(&self) -> String {
        let since = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("\"{:x}-{:x}\"", self.bytes, since.as_nanos())
    }
}

/// Where unfinished files lie, beside the buckets.
const UNFINISHED: &str = ".unfinished";

impl Objects {
    /// Uses a folder, which is made if it is not there.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        let unfinished = folder.join(UNFINISHED);
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(unfinished)?;
        Ok(Self { folder, next: AtomicU64::new(0) })
    }

    /// The file of a path `BUCKET/KEY`; `None` if no file can have that name.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let strange = |part: &str| part.is_empty() || part.starts_with('.') || part.contains('\0');
        (!name.split('/').any(strange)).then(|| self.folder.join(name))
    }

    /// Stores an object whole. With `only_new`, an object that is there stays as it is, and the answer
    /// is `None`.
    pub(crate) fn put(
        &self,
        name: &str,
        bytes: &[u8],
        only_new: bool,
    ) -> io::Result<Option<Entry>> {
        let path = self.path(name).ok_or(io::ErrorKind::InvalidInput)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.folder.join(UNFINISHED).join(number.to_string());
        File::create(&unfinished)?.write_all(bytes)?;
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let placed = if only_new {
            // Unlike a rename, a link takes nobody's place.
            let linked = fs::hard_link(&unfinished, &path);
            fs::remove_file(&unfinished)?;
            linked
        } else {
            fs::rename(&unfinished, &path)
        };
        match placed {
            Ok(()) => entry(name.to_owned(), &path).map(Some),
            Err(error) if only_new && error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An object, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<Entry> {
        let path = self.path(name)?;
        entry(name.to_owned(), &path).ok()
    }

    /// Some bytes of an object.
    pub(crate) fn read(&self, name: &str, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let path = self.path(name).ok_or(io::ErrorKind::NotFound)?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Deletes an object, if it is there.
    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        let Some(path) = self.path(name) else { return Ok(()) };
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The objects of a bucket whose keys begin with `prefix` and come after `after`, in the order of
    /// their keys.
    pub(crate) fn list(&self, bucket: &str, prefix: &str, after: &str) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        let Some(root) = self.path(bucket) else { return Ok(found) };
        // The folders that the prefix names whole need not be searched beside.
        let (folder, _) = prefix.rsplit_once('/').unwrap_or_default();
        let start =
            if folder.is_empty() { Some(root) } else { self.path(&format!("{bucket}/{folder}")) };
        if let Some(start) = start.filter(|start| start.is_dir()) {
            collect(&start, folder, &mut found)?;
        }
        found.retain(|entry| entry.key.starts_with(prefix) && entry.key.as_str() > after);
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }
}

fn collect(folder: &Path, key: &str, found: &mut Vec<Entry>) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let file = file?;
        let Ok(name) = file.file_name().into_string() else { continue };
        let key = if key.is_empty() { name } else { format!("{key}/{name}") };
        if file.file_type()?.is_dir() {
            collect(&file.path(), &key, found)?;
        } else if let Ok(entry) = entry(key, &file.path()) {
            // One that was deleted meanwhile is not there.
            found.push(entry);
        }
    }
    Ok(())
}

fn entry(key: String, path: &Path) -> io::Result<Entry> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(Entry { key, bytes: metadata.len(), modified: metadata.modified()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> (tempfile::TempDir, Objects) {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path().to_owned()).unwrap();
        (folder, objects)
    }

    fn keys(objects: &Objects, prefix: &str, after: &str) -> Vec<String> {
        objects.list("b", prefix, after).unwrap().into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn objects_come_back_in_order_and_are_deleted() {
        let (_folder, objects) = objects();
        for name in ["b/x/2", "b/x/10", "b/xy", "b/a/b/c", "other/x/1"] {
            objects.put(name, name.as_bytes(), false).unwrap();
        }
        assert_eq!(keys(&objects, "", ""), ["a/b/c", "x/10", "x/2", "xy"]);
        assert_eq!(keys(&objects, "x", ""), ["x/10", "x/2", "xy"]);
        assert_eq!(keys(&objects, "x/", "x/10"), ["x/2"]);
        assert_eq!(keys(&objects, "nowhere/", ""), [""; 0]);
        assert_eq!(objects.read("b/xy", 1, 2).unwrap(), b"/x");
        objects.delete("b/xy").unwrap();
        objects.delete("b/xy").unwrap();
        assert_eq!(objects.find("b/xy"), None);
    }

    #[test]
    fn only_new_objects_take_nobodys_place() {
        let (_folder, objects) = objects();
        assert!(objects.put("b/k", b"first", true).unwrap().is_some());
        assert!(objects.put("b/k", b"second", true).unwrap().is_none());
        assert_eq!(objects.read("b/k", 0, 99).unwrap(), b"first");
        assert!(objects.put("b/k", b"third", false).unwrap().is_some());
        assert_eq!(objects.read("b/k", 0, 99).unwrap(), b"third");
    }

    #[test]
    fn names_do_not_lead_out_of_the_folder() {
        let (_folder, objects) = objects();
        for name in ["b/../../etc/passwd", "b//x", ".unfinished/1", ""] {
            assert!(objects.put(name, b"x", false).is_err(), "{name}");
            assert_eq!(objects.find(name), None);
        }
    }
}
