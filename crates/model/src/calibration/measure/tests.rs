use super::*;
use crate::calibration::Margin;
use crate::calibration::{CoverageWarning, Place};
use crate::cifar::CifarReader;
use crate::model::tests::made_up_model;
use crate::picture::PLANE;
use crate::tensor::{Shape, Tensor};

pub(crate) fn pictures() -> Vec<Picture32> {
    let picture = |seed: usize| {
        let planes = std::array::from_fn(|i| (i * (seed + 3) % 256) as u8);
        Picture32::from_planes(&planes)
    };
    (0..4).map(picture).collect()
}

fn margins() -> Margins {
    Margins::uniform(Margin::new(1.5).unwrap())
}

/// A calibration of any network that reads pictures.
pub(crate) fn measured(graph: &Graph) -> Calibration {
    let normalisation = made_up_model().metadata().normalisation;
    let first = Calibrator::of_graph(graph.clone(), normalisation, Fingerprint::of(b""));
    both_passes(first, &Margins::default())
}

pub(crate) fn calibration() -> Calibration {
    both_passes(Calibrator::new(&made_up_model()), &margins())
}

fn both_passes(mut first: Calibrator, margins: &Margins) -> Calibration {
    for picture in pictures() {
        first.measure(&picture).unwrap();
    }
    let mut second = first.second_pass(margins).unwrap();
    for picture in pictures() {
        second.measure(&picture).unwrap();
    }
    second.finish().unwrap()
}

/// As if the last activation had one more channel.
pub(crate) fn calibration_with_another_channel() -> Calibration {
    let mut calibration = calibration();
    let last = calibration.activations.last_mut().unwrap();
    *last = super::super::ActivationRange::new(
        [last.largest(), &[1.0]].concat(),
        last.per_channel(),
        last.margin(),
        last.histogram().clone(),
    )
    .unwrap();
    calibration
}

#[test]
fn every_place_is_measured() {
    let model = made_up_model();
    let calibration = calibration();
    assert_eq!(calibration.pictures(), 4);
    assert_eq!(calibration.activations().len(), 19);
    // Compare one place with a run of the network itself.
    let network = PlainNetwork::new(model.graph().clone());
    let mut largest = [0.0_f32; 32];
    for picture in pictures() {
        let input = picture.normalise(&model.metadata().normalisation);
        let observe = |index, values: &Tensor| {
            if index == 7 {
                for (largest, plane) in largest.iter_mut().zip(values.planes()) {
                    *largest = plane.iter().fold(*largest, |max, x| max.max(x.abs()));
                }
            }
        };
        network.run_observed(&input, observe).unwrap();
    }
    let range = &calibration.activations()[7];
    assert_eq!(range.largest(), largest);
    assert!(range.per_channel());
    assert!(largest.iter().all(|&x| x > 0.1), "no channel is dead");
    let counted = range.histogram().total();
    // Every value counts as at most 1, and as less outside the channel with the most.
    assert!((16 * 16..4 * 32 * 16 * 16).contains(&counted));
    assert_eq!(calibration.scores().histogram().total(), 4 * 10);
    let bound = calibration.scores().max_magnitude() * 1.5;
    assert_eq!(calibration.scores().bound(), bound);
}

#[test]
fn a_file_of_records_gives_the_same() {
    let record = |picture: Picture32| {
        let plane = move |c| (0..PLANE).map(move |i| 3 * i + c);
        let bytes = (0..3).flat_map(plane).map(|i| picture.rgb()[i]).collect::<Vec<_>>();
        [vec![0], bytes].concat()
    };
    let file: Vec<u8> = pictures().into_iter().flat_map(record).collect();
    let open = || Ok(CifarReader::new(&file[..]));
    let from_file = calibrate(&made_up_model(), open, &margins()).unwrap();
    assert!(from_file == calibration());

    let truncated = || Ok(CifarReader::new(&file[1..]));
    let refused = calibrate(&made_up_model(), truncated, &margins());
    assert!(matches!(refused, Err(CalibrationError::Cifar(_))));
}

#[test]
fn the_second_pass_must_see_the_same_pictures() {
    let pictures = pictures();
    let mut first = Calibrator::new(&made_up_model());
    first.measure(&pictures[0]).unwrap();
    let second = first.second_pass(&margins()).unwrap();

    let mut other = second.clone();
    let refused = other.measure(&pictures[1]).unwrap_err();
    assert!(matches!(refused, CalibrationError::OtherPictures));

    let refused = second.clone().finish().unwrap_err();
    assert!(matches!(refused, CalibrationError::OtherPictures));
    let mut same = second;
    same.measure(&pictures[0]).unwrap();
    same.finish().unwrap();
}

#[test]
fn nothing_measured_is_no_calibration() {
    let refused = calibrate(&made_up_model(), || Ok([]), &Margins::default()).unwrap_err();
    assert!(matches!(refused, CalibrationError::NoPictures));
}

fn inputs() -> Vec<Tensor> {
    let normalisation = made_up_model().metadata().normalisation;
    let many = (0..5).flat_map(|_| pictures()).enumerate();
    let brighter = |(at, picture): (usize, Picture32)| {
        let mut input = picture.normalise(&normalisation);
        input.values_mut().iter_mut().for_each(|x| *x *= 1.0 + 0.02 * at as f32);
        input
    };
    many.map(brighter).collect()
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn inputs_give_what_pictures_give() {
    let model = made_up_model();
    let normalise = |picture: Picture32| picture.normalise(&model.metadata().normalisation);
    let inputs: Vec<Tensor> = pictures().into_iter().map(normalise).collect();
    let expected = calibration();
    let mut told = Vec::new();
    let tell = |progress: Progress| {
        told.push(progress.done);
        assert_eq!(progress.total, 8);
        ControlFlow::Continue(())
    };
    let (graph, fingerprint) = (model.graph(), model.fingerprint());
    let (calibration, coverage) =
        calibrate_inputs(graph, fingerprint, &inputs[..], &margins(), tell).unwrap();
    assert!(calibration == expected);
    assert!(told.is_sorted() && told.last() == Some(&8), "{told:?}");
    assert_eq!(coverage.pictures, 4);
    assert_eq!(coverage.warnings[0], CoverageWarning::FewPictures { pictures: 4 });
    assert_eq!(coverage.activations.len(), 19);
    assert_eq!(coverage.activations[7].values, 4 * 32 * 16 * 16);
}

#[test]
fn a_bound_that_grows_to_the_end_is_doubted() {
    let model = made_up_model();
    let (graph, fingerprint) = (model.graph(), model.fingerprint());
    let mut inputs = inputs();
    let measure = |inputs: &[Tensor]| {
        calibrate_inputs(graph, fingerprint, inputs, &margins(), go_on).unwrap().1
    };
    let first = |coverage: &Coverage| coverage.activations[0].moved();
    // The last of twenty is 1.38 times the original, that at three quarters 1.28.
    assert!((0.0..0.2).contains(&first(&measure(&inputs))));
    inputs[19].values_mut().iter_mut().for_each(|x| *x *= 3.0);
    let growing = measure(&inputs);
    assert!(first(&growing) > 1.0);
    let unsettled = |warning: &CoverageWarning| {
        matches!(warning, CoverageWarning::Unsettled { activation: 0, .. })
    };
    assert!(growing.warnings.iter().any(unsettled));
    // The same value among the first is no reason to doubt.
    inputs.swap(0, 19);
    assert_eq!(first(&measure(&inputs)), 0.0);
}

#[test]
fn measuring_stops_when_told() {
    let model = made_up_model();
    let (graph, fingerprint) = (model.graph(), model.fingerprint());
    for least in [1, 21] {
        let stop = |progress: Progress| match progress.done >= least {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let refused = calibrate_inputs(graph, fingerprint, &inputs()[..], &margins(), stop);
        assert!(matches!(refused, Err(CalibrationError::Stopped)));
    }
}

#[test]
fn bad_inputs_are_refused() {
    let model = made_up_model();
    let measure = |inputs: &[Tensor]| {
        let fingerprint = model.fingerprint();
        calibrate_inputs(model.graph(), fingerprint, inputs, &margins(), go_on).unwrap_err()
    };
    assert!(matches!(measure(&[]), CalibrationError::NoPictures));
    let other = Tensor::zeros(Shape::new(1, 28, 28).unwrap());
    assert!(matches!(measure(&[other]), CalibrationError::Plain(_)));
    let mut inputs = inputs();
    inputs[17].values_mut()[5] = f32::INFINITY;
    let place = Place::Activation(0);
    let refused = measure(&inputs);
    assert!(matches!(refused, CalibrationError::TooLarge { place: p } if p == place));
}

#[cfg(feature = "parallel")]
#[test]
fn the_number_of_threads_does_not_matter() {
    let model = made_up_model();
    let (graph, fingerprint) = (model.graph(), model.fingerprint());
    let inputs = inputs();
    let measure = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            calibrate_inputs(graph, fingerprint, &inputs[..], &margins(), go_on).unwrap()
        })
    };
    let (calibration, coverage) = measure(1);
    for threads in [2, 3, 7] {
        let (other, other_coverage) = measure(threads);
        assert_eq!(other.to_json(), calibration.to_json());
        assert_eq!(other_coverage, coverage);
    }
}
