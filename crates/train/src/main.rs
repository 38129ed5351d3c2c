//! Trains a network of this repository from data and seed.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use blindsight_model::picture::Preparation;
use blindsight_model::sequential::{About, InputNormalisation};
use blindsight_train::{
    Bits, Compile, Distillation, Epoch, Evaluation, Fit, Loss, Model, Progress, Recipe, Samples,
    Teacher, TrainError, curve, recipe, recipe_names,
};
use clap::Parser;
use clap::builder::PossibleValuesParser;

/// Trains a network of this repository: the weights, a picture of the training beside them, and one
/// line of JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which network.
    #[arg(value_parser = PossibleValuesParser::new(recipe_names()))]
    name: String,
    /// The folder with the four IDX files of MNIST, packed with gzip or not.
    #[arg(long)]
    data: PathBuf,
    /// Where the weights go, with the picture beside them; NAME.safetensors in the folder of trained
    /// networks by default.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The folder of trained networks.
    #[arg(long, default_value = "models/train")]
    folder: PathBuf,
    /// What everything random follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Other than those of the recipe, for a try.
    #[arg(long)]
    epochs: Option<usize>,
    /// A trained network that it learns from as well, of this kind of file: half of the loss is what
    /// that one makes of the pictures. It must read the same pixels.
    #[arg(long)]
    teacher: Option<PathBuf>,
    /// Replaces files that are there.
    #[arg(long)]
    force: bool,
    /// Does not read the test digits: for choosing settings.
    #[arg(long)]
    no_test: bool,
    /// How many threads there are, at most.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Training digits that choose, and are not learnt from.
const HELD_OUT: usize = 5_000;
/// The digits held out are the same for every seed of a training.
const HELD_OUT_SEED: u64 = 1;
/// What rounding may cost before the network learns to be rounded.
const MOST_LOST: f64 = 0.001;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let recipe = recipe(&arguments.name).ok_or("there is no such network")?;
    let files = Files::of(&arguments)?;
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    let mut model = recipe.network.clone().compile(recipe.optimiser, recipe.loss)?;
    let [mean, deviation] = recipe.normalisation;
    let preparation = Preparation::new(model.architecture().input(), &[mean], &[deviation])?;
    let classes = recipe.digits;
    let digits = Samples::mnist(&arguments.data, "train", &preparation)?;
    let (train, held_out) = digits.split(HELD_OUT, HELD_OUT_SEED);
    let (train, held_out) = (train.of_classes(classes)?, held_out.of_classes(classes)?);

    let start = Instant::now();
    let about = about(&recipe, &arguments);
    let teacher = match &arguments.teacher {
        Some(path) => {
            let bytes =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some(Teacher::new(Model::from_safetensors(&bytes, recipe.optimiser, recipe.loss)?))
        }
        None => None,
    };
    let school = School { train: &train, held_out: &held_out, teacher: teacher.as_ref() };
    let trained = train_model(&mut model, &recipe, &arguments, school);
    if let Err(TrainError::NotFinite { .. }) = &trained {
        model.save(&files.stopped, &about)?;
        eprintln!("what was good before is in {}", files.stopped.display());
    }
    let Trained { history, refined } = trained?;
    let seconds = start.elapsed().as_secs_f64();
    match recipe.loss {
        Loss::CrossEntropy(_) => model.save(&files.weights, &about)?,
        // Its decoder is needed for learning alone.
        Loss::Reconstruction => model.encoder()?.save(&files.weights, &about)?,
    }
    std::fs::write(&files.picture, curve(recipe.title, &history))?;
    eprintln!("written to {} and {}", files.weights.display(), files.picture.display());

    let test = match arguments.no_test {
        true => None,
        false => {
            let digits = Samples::mnist(&arguments.data, "t10k", &preparation)?;
            Some(digits.of_classes(classes)?)
        }
    };
    let bits = Bits::new(recipe.bits)?;
    let mut measure = |samples: &Samples| -> Result<serde_json::Value, TrainError> {
        let (plain, rounded) = (model.evaluate(samples)?, model.evaluate_rounded(samples, bits)?);
        Ok(serde_json::json!({ "accuracy": plain.accuracy, "rounded": rounded.accuracy }))
    };
    let report = serde_json::json!({
        "network": arguments.name,
        "output": files.weights,
        "seed": arguments.seed,
        "epochs": history.len(),
        "seconds": (seconds * 10.0).round() / 10.0,
        "bits": recipe.bits,
        "learnt_to_be_rounded": refined,
        "held_out": measure(&held_out)?,
        "test": test.as_ref().map(measure).transpose()?,
    });
    println!("{report}");
    Ok(())
}

/// Where everything goes.
struct Files {
    weights: PathBuf,
    picture: PathBuf,
    /// The last good weights of a training that had to stop.
    stopped: PathBuf,
}

impl Files {
    /// Refuses files that are there, unless they may be replaced.
    fn of(arguments: &Arguments) -> Result<Self, String> {
        let weights = match &arguments.output {
            Some(path) => path.clone(),
            None => arguments.folder.join(&arguments.name).with_extension("safetensors"),
        };
        let picture = weights.with_extension("svg");
        let stopped = weights.with_extension("stopped.safetensors");
        let there = [&weights, &picture, &stopped].into_iter().find(|path| path.exists());
        if let Some(path) = there.filter(|_| !arguments.force) {
            return Err(format!("{} is there: --force replaces it", path.display()));
        }
        Ok(Self { weights, picture, stopped })
    }
}

/// What a network learns from.
#[derive(Clone, Copy)]
struct School<'a> {
    train: &'a Samples,
    held_out: &'a Samples,
    teacher: Option<&'a Teacher>,
}

impl<'a> School<'a> {
    /// With half of the loss from the teacher, if there is one.
    fn of(self, fit: Fit<'a>) -> Fit<'a> {
        let fit = fit.held_out(self.held_out).progress(Progress::Shown);
        match self.teacher {
            Some(teacher) => {
                fit.distillation(Distillation { teacher, share: 0.5, temperature: 1.0 })
            }
            None => fit,
        }
    }
}

struct Trained {
    history: Vec<Epoch>,
    /// Whether it learnt to be rounded, after it was trained.
    refined: bool,
}

fn train_model(
    model: &mut Model,
    recipe: &Recipe,
    arguments: &Arguments,
    school: School<'_>,
) -> Result<Trained, TrainError> {
    let School { train, held_out, .. } = school;
    let with = |fit: Fit<'static>| school.of(fit.seed(arguments.seed));
    let long = |fit: Fit<'static>| arguments.epochs.map_or(fit, |epochs| fit.with_epochs(epochs));
    let mut history = model.fit(train, with(long(recipe.fit)))?;
    if let Some(learning) = recipe.continuation() {
        say("before functions are replaced", model.evaluate(held_out)?);
        model.fit_activations(train)?;
        say("before it learns on", model.evaluate(held_out)?);
        model.set_optimiser(learning.optimiser)?;
        append(&mut history, model.fit(train, with(long(learning.fit)))?);
    }
    let bits = Bits::new(recipe.bits)?;
    let plain = model.evaluate(held_out)?;
    let rounded = model.evaluate_rounded(held_out, bits)?;
    say("as it is", plain);
    say(&format!("rounded to {} bits", recipe.bits), rounded);
    let refined = plain.accuracy - rounded.accuracy > MOST_LOST;
    if refined {
        let learning = recipe.refinement();
        model.set_optimiser(learning.optimiser)?;
        append(&mut history, model.fit(train, with(learning.fit).rounding(bits))?);
        say("rounded after it learnt that", model.evaluate(held_out)?);
    }
    Ok(Trained { history, refined })
}

fn append(history: &mut Vec<Epoch>, more: Vec<Epoch>) {
    let before = history.len();
    let later = |epoch: Epoch| Epoch { number: before + epoch.number, ..epoch };
    history.extend(more.into_iter().map(later));
}

fn say(what: &str, evaluation: Evaluation) {
    let Evaluation { accuracy, loss } = evaluation;
    eprintln!("{what}: {:.2} % right of what was held out, loss {loss:.4}", 100.0 * accuracy);
}

fn about(recipe: &Recipe, arguments: &Arguments) -> About {
    let Arguments { name, seed, epochs, teacher, .. } = arguments;
    let [mean, deviation] = recipe.normalisation;
    let epochs = epochs.map(|epochs| format!(" --epochs {epochs}")).unwrap_or_default();
    let teacher = teacher.as_ref().and_then(|path| path.file_name());
    let teacher = teacher.map(|name| format!(" --teacher {}", name.display())).unwrap_or_default();
    About {
        title: Some(recipe.title.to_owned()),
        source: Some("Blindsight, trained on MNIST (LeCun, Cortes and Burges)".to_owned()),
        licence: Some("MIT OR Apache-2.0".to_owned()),
        command: Some(format!("just train {name} --data FOLDER --seed {seed}{epochs}{teacher}")),
        classes: recipe.classes(),
        normalisation: Some(InputNormalisation { mean: vec![mean], deviation: vec![deviation] }),
    }
}
