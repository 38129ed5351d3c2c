use std::fs;
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

use super::idx::tests::{images, labels};
use super::npy::tests::file as npy;
use super::*;
use crate::calibration::{Calibration, CalibrationError, Margins, calibrate_inputs};
use crate::cifar::{CifarReader, RECORD_BYTES};
use crate::model::tests::made_up_model;
use crate::tensor::Shape;

fn png(seed: u8) -> Vec<u8> {
    let image = RgbImage::from_fn(40, 36, |x, y| {
        Rgb([(x as u8 * 5).wrapping_mul(seed), y as u8 * 7, seed.wrapping_mul(31)])
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn cifar(records: u8) -> Vec<u8> {
    let record = |label: u8| {
        let planes = (1..RECORD_BYTES).map(move |i| (i * (usize::from(label) + 3) % 256) as u8);
        std::iter::once(label).chain(planes)
    };
    (0..records).flat_map(record).collect()
}

/// Name and contents.
type File<'a> = (&'a str, &'a [u8]);

/// A folder with these files.
fn folder(files: &[File<'_>]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// The data set of one file.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = folder(&[(name, bytes)]);
    let path = folder.path().join(name);
    (folder, path)
}

fn preparation() -> Preparation {
    Preparation::new(Shape::PICTURE, &[0.5], &[0.25]).unwrap()
}

/// Reads and prepares everything.
fn read(path: &Path, limit: Option<u64>) -> Result<Vec<Tensor>, DatasetError> {
    let dataset = Dataset::open(path, limit)?;
    dataset.samples()?.map(|sample| sample?.prepare(&preparation())).collect()
}

/// File names and labels in the order of reading.
fn listed(path: &Path, limit: Option<u64>, classes: &[&str]) -> Vec<(String, Option<usize>)> {
    let dataset = Dataset::open(path, limit).unwrap().with_classes(classes.iter().copied());
    let name = |sample: Sample| {
        let name = Path::new(&sample.name).strip_prefix(path).unwrap().display().to_string();
        (name, sample.label)
    };
    dataset.samples().unwrap().map(|sample| name(sample.unwrap())).collect()
}

#[test]
fn a_folder_is_read_by_name() {
    let picture = png(1);
    let folder = folder(&[
        ("b.PNG", &picture),
        ("a.png", &png(2)),
        ("10.png", &picture),
        ("notes.txt", b"not a picture"),
        (".hidden.png", b"not a picture"),
    ]);
    let names = |limit| listed(folder.path(), limit, &[]).into_iter().map(|x| x.0);
    assert!(names(None).eq(["10.png", "a.png", "b.PNG"]));
    assert!(names(Some(2)).eq(["10.png", "a.png"]));
    assert_eq!(Dataset::open(folder.path(), Some(9)).unwrap().count(), 3);
    assert_eq!(Dataset::open(folder.path(), None).unwrap().ignored_files(), 1);
    let inputs = read(folder.path(), None).unwrap();
    assert_eq!(inputs[1], preparation().decode(&png(2)).unwrap());
    assert_ne!(inputs[0], inputs[1]);
}

#[test]
fn folders_in_a_folder_are_classes_that_take_turns() {
    let picture = png(1);
    let names = ["dog/1.png", "dog/2.png", "cat/x.png", "2/a.png", "2/b.png", "fish/a.png"];
    let folder = folder(&names.map(|name| (name, &picture[..])));
    let all = listed(folder.path(), None, &["cat", "dog", "bird"]);
    let expected = [
        ("2/a.png", Some(2)),
        ("cat/x.png", Some(0)),
        ("dog/1.png", Some(1)),
        ("fish/a.png", None),
        ("2/b.png", Some(2)),
        ("dog/2.png", Some(1)),
    ];
    assert_eq!(all, expected.map(|(name, label)| (name.to_owned(), label)));
    assert_eq!(listed(folder.path(), Some(3), &["cat", "dog", "bird"])[..], all[..3]);
}

#[test]
fn cifar_files_give_what_their_reader_gives() {
    let bytes = cifar(3);
    for name in ["train.bin", "whatever"] {
        let (_folder, path) = file(name, &bytes);
        let dataset = Dataset::open(&path, None).unwrap();
        assert_eq!(dataset.count(), 3);
        let records = CifarReader::new(&bytes[..]).map(Result::unwrap);
        for (sample, record) in dataset.samples().unwrap().zip(records) {
            let sample = sample.unwrap();
            assert_eq!(sample.label, Some(record.label.index()));
            assert!(sample.name.starts_with("picture ") && sample.name.ends_with(name));
            let made_up = made_up_model().metadata().normalisation;
            let preparation = Preparation::of_picture32(&made_up);
            assert_eq!(sample.prepare(&preparation).unwrap(), record.picture.normalise(&made_up));
        }
    }
}

#[test]
fn idx_files_find_their_labels() {
    let pictures = images([3, 4, 4], &(0..48).collect::<Vec<_>>());
    let names = labels(3, &[7, 0, 9]);
    let (packed, unlabelled) = (gzip(&pictures), [None; 3]);
    let labelled = [Some(7), Some(0), Some(9)];
    let cases: [(&str, &[u8], &str, &[u8], _); 6] = [
        ("t-images-idx3-ubyte", &pictures, "t-labels-idx1-ubyte", &names, labelled),
        ("t-images-idx3-ubyte.gz", &packed, "t-labels-idx1-ubyte.gz", &gzip(&names), labelled),
        ("t-images-idx3-ubyte.gz", &packed, "t-labels-idx1-ubyte", &names, labelled),
        ("t-images.idx3-ubyte", &pictures, "t-labels.idx1-ubyte", &names, labelled),
        ("t-images-idx3-ubyte", &pictures, "other-labels-idx1-ubyte", &names, unlabelled),
        ("pictures", &packed, "labels", &names, unlabelled),
    ];
    for (name, bytes, beside, names, expected) in cases {
        let folder = folder(&[(name, bytes), (beside, names)]);
        let dataset = Dataset::open(folder.path().join(name), None).unwrap();
        let samples: Vec<_> = dataset.samples().unwrap().map(Result::unwrap).collect();
        let found: Vec<_> = samples.iter().map(|sample| sample.label).collect();
        assert_eq!(found, expected, "{name} beside {beside}");
        let grey = Preparation::new(Shape::new(1, 4, 4).unwrap(), &[0.0], &[1.0]).unwrap();
        let input = samples[1].clone().prepare(&grey).unwrap();
        assert_eq!(input.values()[3], 19.0 / 255.0);
    }
}

#[test]
fn arrays_of_floats_are_inputs_already() {
    let numbers: Vec<u8> = (0..3072).flat_map(|i| (i as f32 - 99.5).to_le_bytes()).collect();
    let (_folder, path) = file("x.npy", &npy("<f4", "(1, 3, 32, 32)", &numbers));
    let inputs = read(&path, None).unwrap();
    assert_eq!(inputs[0].values()[..2], [-99.5, -98.5]);
    let (_folder, path) = file("x.npy", &npy("<f4", "(2, 32, 48)", &numbers));
    let refused = read(&path, None).unwrap_err().to_string();
    assert!(refused.contains("picture 0 of"), "{refused}");
    assert!(refused.ends_with("is an input of 1x32x48, but the network reads 3x32x32"));
}

#[test]
fn sequences_are_channels_of_numbers() {
    let numbers: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let (_folder, path) = file("x.npy", &npy("<f4", "(2, 3, 2)", &numbers));
    let dataset = Dataset::open(&path, None).unwrap();
    let shape = Shape::new(3, 1, 2).unwrap();
    let sequence = Preparation::new(shape, &[0.0; 3], &[1.0; 3]).unwrap();
    let second = dataset.samples().unwrap().nth(1).unwrap().unwrap();
    let input = second.prepare(&sequence).unwrap();
    assert_eq!((input.shape(), input.values()[0]), (shape, 6.0));
}

#[test]
fn hostile_files_are_refused_by_name() {
    let pictures = images([2, 2, 2], &[1; 8]);
    let packed = gzip(&pictures);
    let bomb = gzip(&[&images([60_000, 4096, 4096], &[])[..], &vec![0; 1 << 20]].concat());
    let head_only = images([u32::MAX, 28, 28], &[]);
    let cases: [(&str, &[u8], &str); 22] = [
        ("empty", b"", "none of a folder"),
        ("notes.txt", b"hello", "none of a folder"),
        ("empty.npy", b"", "ends within its header"),
        ("text.npy", b"hello, world", "no .npy file"),
        ("short.npy", &npy("|u1", "(9, 2, 2)", &[0; 8])[..], "but its head promises 164"),
        ("long.npy", &npy("|u1", "(1, 2, 2)", &[0; 8]), "has 136 bytes, but its head promises"),
        ("none.npy", &npy("|u1", "(0, 2, 2)", &[]), "there are no pictures"),
        ("huge.npy", &npy("<f8", "(18446744073709551615, 4, 4)", &[0; 8]), "promises 1844674"),
        ("mime", b"\x93NUMpty as a file", "no .npy file"),
        ("empty-idx3-ubyte", b"", "ends within the head"),
        ("x-idx3-ubyte", b"hello, world", "no IDX file"),
        ("short-idx3-ubyte", &pictures[..20], "has 20 bytes, but its head promises 24"),
        ("long-idx3-ubyte", &[&pictures[..], &[0]].concat(), "has 25 bytes"),
        ("none-idx3-ubyte", &images([0, 2, 2], &[]), "there are no pictures"),
        ("lying-idx3-ubyte", &head_only, "promises 3367254359296"),
        ("label-idx3-ubyte", &labels(1, &[3]), "1 dimensions"),
        ("short-idx3-ubyte.gz", &packed[..packed.len() - 12], "could not be read"),
        ("long-idx3-ubyte.gz", &gzip(&[&pictures[..], &[0]].concat()), "goes on after the 2"),
        ("text.gz", &gzip(b"hello, world"), "no IDX file"),
        ("bomb.gz", &bomb, "promises 60000 items but ends within item 0"),
        ("part.bin", &cifar(2)[..4000], "record 1 has 927 bytes"),
        ("label.bin", &[&[10][..], &cifar(1)[1..]].concat(), "label 10"),
    ];
    for (name, bytes, expected) in cases {
        let (_folder, path) = file(name, bytes);
        let refused = read(&path, None).unwrap_err().to_string();
        assert!(refused.contains(expected), "{name}: {refused:?} lacks {expected:?}");
        assert!(refused.contains(name), "{refused:?} does not name {name}");
    }
}

#[test]
fn hostile_folders_are_refused_by_name() {
    let picture = png(1);
    let cases: [(&[File<'_>], &str, &str); 8] = [
        (&[("readme.txt", b"x")], "there are no pictures", ""),
        (&[("a/readme.txt", b"x")], "there are no pictures", ""),
        (&[("a/b/deep.png", &picture)], "there are no pictures", ""),
        (&[("a.png", &picture), ("dog/b.png", &picture)], "which are classes", ""),
        (&[("a.png", &picture), ("b.jpg", b"")], "picture file is empty", "/b.jpg"),
        (&[("a.png", &picture), ("b.jpg", b"text")], "no picture in PNG", "/b.jpg"),
        (&[("a.png", &picture), ("b.png", &picture[..200])], "could not be decoded", "/b.png"),
        (
            &[("dog/a.png", &picture), ("dog/b.gif", b"GIF89a")],
            "could not be decoded",
            "/dog/b.gif",
        ),
    ];
    for (files, expected, named) in cases {
        let folder = folder(files);
        let refused = read(folder.path(), None).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
        let place = format!("{}{}", folder.path().display(), named);
        assert!(refused.starts_with(&place), "{refused:?} does not name {named}");
    }
    let refused = Dataset::open("/no such place", None).unwrap_err().to_string();
    assert!(refused.starts_with("/no such place: it could not be read"), "{refused}");
}

#[test]
fn labels_of_another_number_are_refused() {
    let pictures = images([2, 2, 2], &[1; 8]);
    for (names, expected) in [
        (labels(3, &[1, 2, 3]), "has 3 labels for 2 pictures"),
        (pictures.clone(), "3 dimensions, but should have 1"),
        (labels(2, &[1]), "promises 2 items but ends within item 1"),
    ] {
        let folder = folder(&[("images-idx3-ubyte", &pictures), ("labels-idx1-ubyte", &names)]);
        let refused = read(&folder.path().join("images-idx3-ubyte"), None).unwrap_err();
        let sentence = refused.to_string();
        assert!(sentence.contains(expected), "{sentence:?} lacks {expected:?}");
        assert!(sentence.contains("labels-idx1-ubyte"), "{sentence}");
    }
}

#[test]
fn a_folder_that_changes_is_noticed() {
    let folder = folder(&[("a.png", &png(1)), ("b.png", &png(2))]);
    let dataset = Dataset::open(folder.path(), None).unwrap();
    fs::remove_file(folder.path().join("b.png")).unwrap();
    let mut samples = dataset.samples().unwrap();
    assert!(samples.next().unwrap().is_ok());
    let refused = samples.next().unwrap().unwrap_err().to_string();
    assert!(refused.contains("b.png"), "{refused}");
    assert!(samples.next().is_none());
    let (_folder, path) = file("x.bin", &cifar(2));
    let dataset = Dataset::open(&path, None).unwrap();
    fs::write(&path, cifar(1)).unwrap();
    let refused = dataset.samples().unwrap().last().unwrap();
    assert!(matches!(refused, Err(DatasetError::Changed { .. })));
}

#[test]
fn pixels_stay_out_of_logs() {
    let (_folder, path) = file("x.bin", &cifar(1));
    let dataset = Dataset::open(&path, None).unwrap();
    let sample = dataset.samples().unwrap().next().unwrap().unwrap();
    assert!(format!("{sample:?}").contains("Pixels(..)"));
}

fn calibrated(dataset: &Dataset) -> Result<Calibration, CalibrationError> {
    let model = made_up_model();
    let preparation = Preparation::of_picture32(&model.metadata().normalisation);
    let inputs = dataset.prepared(&preparation);
    let go_on = |_| ControlFlow::Continue(());
    let margins = Margins::default();
    Ok(calibrate_inputs(model.graph(), model.fingerprint(), &inputs, &margins, go_on)?.0)
}

#[test]
fn a_model_is_calibrated_on_a_data_set() {
    let bytes = cifar(5);
    let (_folder, path) = file("x.bin", &bytes);
    let open = || Ok(CifarReader::new(&bytes[..]));
    let model = made_up_model();
    let before = crate::calibration::calibrate(&model, open, &Margins::default()).unwrap();
    assert!(calibrated(&Dataset::open(&path, None).unwrap()).unwrap() == before);

    let folder = folder(&[("a.png", &png(1)), ("b.png", b"text"), ("c.png", b"")]);
    let refused = calibrated(&Dataset::open(folder.path(), None).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("b.png"), "{refused}");
}
