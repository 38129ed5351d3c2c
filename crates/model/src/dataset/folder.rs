//! A folder of picture files, or of folders of them.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{DatasetError, FileError, Sample, SamplePicture};
use crate::picture::{MAX_FILE_BYTES, PictureError};

/// Most files and folders that a folder may have, those in its folders together.
pub const MAX_FILES: u64 = 1 << 20;

/// How pictures are called, in any case of letters.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "gif"];

/// The names of a folder's pictures, in the order in which they are read.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) ignored: u64,
    pictures: Vec<PathBuf>,
}

impl Folder {
    /// Lists the folder and the folders in it.
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let mut budget = MAX_FILES;
        let own = Listing::new(path, &mut budget)?;
        let mut ignored = own.ignored;
        // The position among its class's pictures comes first, so that classes take turns.
        let mut turns = Vec::new();
        for (class, folder) in own.folders.iter().enumerate() {
            let listing = Listing::new(folder, &mut budget)?;
            ignored += listing.ignored;
            turns.extend(listing.pictures.into_iter().enumerate().map(|(at, p)| (at, class, p)));
        }
        if !turns.is_empty() && !own.pictures.is_empty() {
            return Err(FileError::Mixed.at(path));
        }
        turns.sort_unstable_by_key(|&(at, class, _)| Reverse((at, class)));
        let mut pictures = own.pictures;
        while let Some((_, _, picture)) = turns.pop() {
            pictures.push(picture);
        }
        Ok(Self { path: path.to_owned(), ignored, pictures })
    }

    pub(super) fn count(&self) -> u64 {
        self.pictures.len() as u64
    }

    /// Reads the picture at that position; the name of its folder is its label.
    pub(super) fn sample(
        &self,
        at: usize,
        classes: &[String],
    ) -> Option<Result<Sample, DatasetError>> {
        let path = self.pictures.get(at)?;
        let folder = path.parent().filter(|&folder| folder != self.path);
        let label =
            folder.and_then(Path::file_name).and_then(|name| label(name.to_str()?, classes));
        let name = path.display().to_string();
        Some(match read(path) {
            Ok(bytes) if bytes.len() > MAX_FILE_BYTES => {
                let reason = PictureError::FileTooLarge { found: bytes.len() };
                Err(DatasetError::Picture { name, reason })
            }
            Ok(bytes) => Ok(Sample { picture: SamplePicture::Encoded(bytes), label, name }),
            Err(error) => Err(error.at(path)),
        })
    }
}

/// What a folder holds, by name.
struct Listing {
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    ignored: u64,
}

impl Listing {
    fn new(path: &Path, budget: &mut u64) -> Result<Self, DatasetError> {
        let io = |error| FileError::Io(error).at(path);
        let mut listing = Self { pictures: Vec::new(), folders: Vec::new(), ignored: 0 };
        for entry in fs::read_dir(path).map_err(io)? {
            let entry = entry.map_err(io)?;
            *budget = budget.checked_sub(1).ok_or_else(|| FileError::TooManyFiles.at(path))?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // Follows links: many data sets are trees of them. A dead one is named, not skipped.
            let metadata = fs::metadata(&path).map_err(|error| FileError::Io(error).at(&path))?;
            if metadata.is_dir() {
                listing.folders.push(path);
            } else if is_called_picture(&path) {
                listing.pictures.push(path);
            } else {
                listing.ignored += 1;
            }
        }
        listing.pictures.sort_unstable();
        listing.folders.sort_unstable();
        Ok(listing)
    }
}

fn is_called_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// The class of that name, or else of that number.
fn label(name: &str, classes: &[String]) -> Option<usize> {
    let named = classes.iter().position(|class| class == name);
    let by_case = || classes.iter().position(|class| class.eq_ignore_ascii_case(name));
    let by_number = || {
        let digits = name.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| name.parse().ok()).flatten();
        number.filter(|&number| classes.is_empty() || number < classes.len())
    };
    named.or_else(by_case).or_else(by_number)
}

/// The file, or more than the most bytes that a picture may have.
fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    // Asked before it is opened: opening a pipe waits.
    if !fs::metadata(path)?.is_file() {
        return Err(FileError::Special);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_classes_by_name_or_number() {
        let classes = ["cat", "Dog", "7", "dog"].map(str::to_owned);
        let cases = [
            ("cat", Some(0)),
            ("CAT", Some(0)),
            ("Dog", Some(1)),
            ("dog", Some(3)),
            ("7", Some(2)),
            ("1", Some(1)),
            ("03", Some(3)),
            ("4", None),
            ("+1", None),
            ("bird", None),
            ("", None),
            ("99999999999999999999999", None),
        ];
        for (name, expected) in cases {
            assert_eq!(label(name, &classes), expected, "{name:?}");
        }
        assert_eq!(label("12", &[]), Some(12));
        assert_eq!(label("cat", &[]), None);
    }

    #[test]
    fn pictures_are_known_by_their_endings() {
        for name in ["a.png", "b.JPG", "c.d.jpeg", "e.WebP", "f.bmp", "g.gif"] {
            assert!(is_called_picture(Path::new(name)), "{name}");
        }
        for name in ["png", "a.txt", "b.png.part", "c", "d.tiff"] {
            assert!(!is_called_picture(Path::new(name)), "{name}");
        }
    }
}
