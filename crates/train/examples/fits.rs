//! What polynomials in place of ReLU, sigmoid and tanh come to, by degree and by what they are near to:
//! 784-100-10 on MNIST, measured on digits that were held out. `cargo run --release --example fits --
//! FOLDER`, where the folder has the IDX files; the last line is JSON.

use std::error::Error;
use std::path::PathBuf;

use blindsight_model::graph::ActivationKind;
use blindsight_model::picture::Preparation;
use blindsight_model::sequential::{Activation, Degree, Fitted, Nearest, Sequential};
use blindsight_model::tensor::Shape;
use blindsight_train::{Adam, Compile, CrossEntropy, Fit, Range, Samples, Shifts};

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("which folder?")?.into();
    let pictures = Preparation::new(Shape::new(1, 28, 28)?, &[0.0], &[1.0])?;
    let (train, held_out) = Samples::mnist(&folder, "train", &pictures)?.split(5_000, 1);
    let fit = Fit::epochs(10).batch(256).shifts(Shifts { most: 1, share: 0.5 });
    let fit = fit.range(Range { limit: 4.0, weight: 10.0 });
    let mut rows = Vec::new();
    println!(
        "{:<8} {:>9} {:>7} {:>9} {:>9} {:>9}",
        "", "degree", "near", "before", "replaced", "after"
    );
    for kind in [ActivationKind::Relu, ActivationKind::Sigmoid, ActivationKind::Tanh] {
        for (degree, nearest) in ways() {
            let fitted = Fitted { kind, degree, nearest };
            let network = Sequential::new([1, 28, 28]).dense(100).batch_norm();
            let network = network.activation(Activation::Fitted(fitted)).dense(10);
            let rate = Adam { rate: 6e-3, decay: 0.1, ..Adam::default() };
            let mut model = network.compile(rate, CrossEntropy { smoothing: 0.0 })?;
            model.fit(&train, fit)?;
            let before = model.evaluate(&held_out)?.accuracy;
            model.fit_activations(&train)?;
            let replaced = model.evaluate(&held_out)?.accuracy;
            model.set_optimiser(Adam { rate: 3e-3, ..rate })?;
            model.fit(&train, fit)?;
            let after = model.evaluate(&held_out)?.accuracy;
            let [percent_before, percent_replaced, percent_after] =
                [before, replaced, after].map(|part| format!("{:.2} %", 100.0 * part));
            println!(
                "{:<8} {:>9} {:>7} {percent_before:>9} {percent_replaced:>9} {percent_after:>9}",
                kind.name(),
                degree.value(),
                match nearest {
                    Nearest::Values => "values",
                    Nearest::Slopes => "slopes",
                },
            );
            rows.push(serde_json::json!({
                "function": kind.name(), "degree": degree.value(), "nearest": nearest,
                "before": before, "replaced": replaced, "after": after,
            }));
        }
    }
    println!("{}", serde_json::json!({ "rows": rows }));
    Ok(())
}

fn ways() -> impl Iterator<Item = (Degree, Nearest)> {
    let both = |degree| [Nearest::Values, Nearest::Slopes].map(|nearest| (degree, nearest));
    Degree::ALL.into_iter().flat_map(both)
}
