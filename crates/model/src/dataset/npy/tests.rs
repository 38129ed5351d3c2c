use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// A file as NumPy writes it.
pub(in crate::dataset) fn file(descr: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let order = "'fortran_order': False";
    with_header(&format!("{{'descr': '{descr}', {order}, 'shape': {shape}, }}"), numbers)
}

fn with_header(text: &str, numbers: &[u8]) -> Vec<u8> {
    let padded = format!("{text:<117}\n");
    let length = u16::try_from(padded.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], padded.as_bytes(), numbers].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn read(bytes: &[u8]) -> Result<Vec<NpyPicture>, NpyError> {
    NpyPictures::new(bytes)?.collect()
}

fn tensor([channels, height, width]: [usize; 3], values: &[f32]) -> NpyPicture {
    let shape = Shape::new(channels, height, width).unwrap();
    NpyPicture::Tensor(Tensor::new(shape, values.to_vec()).unwrap())
}

#[test]
fn bytes_are_pixels_whatever_the_order_of_axes() {
    let colours = [NpyPicture::Pixels(Pixels::rgb(2, 2, (0..12).collect()).unwrap())];
    let last: Vec<u8> = (0..12).collect();
    assert_eq!(read(&file("|u1", "(1, 2, 2, 3)", &last)).unwrap(), colours);
    let first = [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11];
    assert_eq!(read(&file("|u1", "(1, 3, 2, 2)", &first)).unwrap(), colours);
    let grey = |values: [u8; 6]| NpyPicture::Pixels(Pixels::grey(3, 2, values.into()).unwrap());
    let expected = [grey([0, 1, 2, 3, 4, 5]), grey([6, 7, 8, 9, 10, 11])];
    for shape in ["(2, 2, 3)", "(2, 2, 3, 1)"] {
        assert_eq!(read(&file("|u1", shape, &last)).unwrap(), expected, "{shape}");
    }
    let four = NpyPicture::Pixels(Pixels::grey(4, 3, last.clone()).unwrap());
    assert_eq!(read(&file("|u1", "(1, 1, 3, 4)", &last)).unwrap(), [four]);
}

#[test]
fn floats_are_prepared_inputs() {
    let bytes = floats(&[0.5, -1.0, 2.0, 300.0]);
    assert_eq!(
        read(&file("<f4", "(2, 1, 2)", &bytes)).unwrap(),
        [tensor([1, 1, 2], &[0.5, -1.0]), tensor([1, 1, 2], &[2.0, 300.0])]
    );
    // Rows of numbers.
    assert_eq!(
        read(&file("<f4", "(2, 2)", &bytes)).unwrap(),
        [tensor([2, 1, 1], &[0.5, -1.0]), tensor([2, 1, 1], &[2.0, 300.0])]
    );
    let bytes = [1, 2, 3, 4];
    assert!(matches!(read(&file("|u1", "(2, 2)", &bytes)), Err(NpyError::NotPictures { .. })));
    let doubles: Vec<u8> = [0.1_f64, 7.0].into_iter().flat_map(f64::to_le_bytes).collect();
    assert_eq!(
        read(&file("<f8", "(1, 2, 1)", &doubles)).unwrap(),
        [tensor([1, 2, 1], &[0.1, 7.0])]
    );
    let six = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let last = read(&file("<f4", "(1, 2, 1, 3)", &floats(&six)));
    // Height 2 and width 1 with the channels together.
    assert_eq!(last.unwrap(), [tensor([3, 2, 1], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0])]);
    let wide = read(&file("<f4", "(1, 2, 3, 1)", &floats(&six)));
    assert_eq!(wide.unwrap(), [tensor([1, 2, 3], &six)]);
    let many: Vec<f32> = (0..8).map(|x| x as f32).collect();
    let deep = read(&file("<f4", "(1, 2, 2, 2)", &floats(&many)));
    assert_eq!(deep.unwrap(), [tensor([2, 2, 2], &many)]);
}

#[test]
fn hostile_files_are_refused() {
    let good = file("|u1", "(2, 2, 2)", &[7; 8]);
    let with = |at: usize, byte| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let fortran = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 2), }";
    let huge = u64::MAX;
    let cases: [(Vec<u8>, &str); 31] = [
        (vec![], "ends within its header"),
        (good[..7].to_vec(), "ends within its header"),
        (good[..9].to_vec(), "ends within its header"),
        (good[..60].to_vec(), "ends within its header"),
        (with(0, 0x92), "no .npy file"),
        (b"PK\x03\x04 an archive of arrays".to_vec(), "no .npy file"),
        (with(6, 0), "version 0"),
        (with(6, 4), "version 4"),
        (with(6, 2), "its header has"),
        (with(9, 0xff), "its header has 65398 bytes"),
        (with(12, 0xff), "it is not text"),
        (with(10, b'['), "a sign is missing"),
        (with_header(fortran, &[7; 8]), "Fortran order"),
        (file(">f4", "(1, 1, 2)", &[0; 8]), "of type \">f4\""),
        (file("<f2", "(1, 1, 2)", &[0; 4]), "of type \"<f2\""),
        (file("<i8", "(1, 1, 2)", &[0; 16]), "of type \"<i8\""),
        (file("|O", "(1, 1, 2)", &[0; 16]), "of type \"|O\""),
        (file("|u1", "()", &[7]), "shape []"),
        (file("|u1", "(4,)", &[7; 4]), "shape [4]"),
        (file("|u1", "(2, 2)", &[7; 4]), "shape [2, 2]"),
        (file("|u1", "(1, 2, 2, 2)", &[7; 8]), "with 1 or 3 channels"),
        (file("|u1", "(1, 1, 1, 2, 2)", &[7; 4]), "pictures are N x H x W"),
        (file("|u1", "(1, 3, 2, 3)", &[7; 18]), "channels come first or last"),
        (file("|u1", "(1, 0, 2)", &[]), "shape [1, 0, 2]"),
        (file("<f4", &format!("({huge}, {huge}, {huge})"), &[7; 8]), "too large"),
        (file("<f4", &format!("(1, {huge}, 2, 2)"), &[7; 8]), "too large"),
        (file("|u1", "(1, 12000, 12000)", &[7; 8]), "too large"),
        (file("|u1", &format!("({huge}, 4096, 4096)"), &[7; 8]), "ends within picture 0"),
        (file("|u1", "(3, 2, 2)", &[7; 11]), "promises 3 pictures but ends within picture 2"),
        (file("|u1", "(1, 2, 2)", &[7; 5]), "goes on after the 1 pictures"),
        (file("<f4", "(1, 1, 2)", &floats(&[0.0, f32::NAN])), "picture 0 has values"),
    ];
    for (bytes, expected) in cases {
        let refused = read(&bytes).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
    }
    let large: Vec<u8> = [0.0, 1e300_f64].into_iter().flat_map(f64::to_le_bytes).collect();
    let refused = read(&file("<f8", "(1, 1, 2)", &large)).unwrap_err();
    assert!(matches!(refused, NpyError::NotFinite { picture: 0 }));
}

#[test]
fn later_versions_have_longer_headers() {
    let version_1 = file("|u1", "(1, 1, 2)", &[5, 6]);
    for major in [2, 3] {
        let mut bytes = version_1.clone();
        bytes[6] = major;
        bytes.splice(10..10, [0, 0]);
        assert_eq!(read(&bytes).unwrap(), read(&version_1).unwrap());
        let promised = NpyPictures::new(&bytes[..]).unwrap().file_bytes();
        assert_eq!(promised, bytes.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    #[cfg_attr(miri, ignore = "the sine of Miri differs from call to call")]
    fn arrays_round_trip(
        [count, channels, height, width] in [0_usize..4, 1_usize..5, 4_usize..7, 4_usize..7],
        seed in any::<u32>(),
        last in any::<bool>(),
    ) {
        let value = |i: usize| (i as f32 * 0.31 + (seed % 1000) as f32).sin() * 9.0;
        // Channels last is recognised by their number.
        let last = last && channels % 2 == 1;
        let sides = if last { [height, width, channels] } else { [channels, height, width] };
        let shape = format!("({count}, {}, {}, {})", sides[0], sides[1], sides[2]);
        let each = channels * height * width;
        let position = |i: usize| {
            let (picture, rest) = (i / each, i % each);
            let (plane, pixel) = (height * width, rest / channels);
            let to = if last { rest % channels * plane + pixel } else { rest };
            picture * each + to
        };
        let numbers: Vec<u8> =
            (0..count * each).flat_map(|i| value(position(i)).to_le_bytes()).collect();
        let pictures = read(&file("<f4", &shape, &numbers)).unwrap();
        prop_assert_eq!(pictures.len(), count);
        for (index, picture) in pictures.into_iter().enumerate() {
            let values: Vec<f32> = (0..each).map(|i| value(index * each + i)).collect();
            prop_assert_eq!(picture, tensor([channels, height, width], &values));
        }
    }

    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = file("<f4", "(2, 3, 2, 2)", &floats(&[0.5; 24]));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
    }
}
