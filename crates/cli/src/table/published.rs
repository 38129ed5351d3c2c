//! The rows: what others published, and how ours is run beside it.

/// A row of the table.
pub(super) struct Published {
    /// Its name, which is that of a network of ours.
    pub(super) name: &'static str,
    /// Whose figures stand beside it, and which network that is.
    pub(super) whose: &'static str,
    /// How ours is run.
    pub(super) how: How,
    /// On what.
    pub(super) inputs: Inputs,
    pub(super) theirs: Theirs,
}

/// What a network of ours reads.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Inputs {
    /// Of MNIST.
    Digits,
    /// Of CIFAR-10.
    Photos,
}

/// How a network of ours is run.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum How {
    /// A file of `models/train`, compiled for batches: with so many of the plain network's labels, or
    /// the usual part of them.
    Batch {
        /// Where the usual part costs more than half of what a row may miss by.
        agreement: Option<f64>,
    },
    /// A served model, one picture at a time: the seconds are those from a picture to its label.
    Served,
    /// A file of `models/train`, compiled for one picture at a time.
    Latency,
}

/// What was published: seconds of a batch, predictions an hour, accuracy in per cent.
pub(super) struct Theirs {
    pub(super) seconds: Option<f64>,
    pub(super) hourly: Option<f64>,
    pub(super) accuracy: Option<f64>,
}

const fn row(
    name: &'static str,
    whose: &'static str,
    seconds: Option<f64>,
    hourly: f64,
    accuracy: f64,
) -> Published {
    let theirs = Theirs { seconds, hourly: Some(hourly), accuracy: Some(accuracy) };
    Published { name, whose, how: How::Batch { agreement: None }, inputs: Inputs::Digits, theirs }
}

/// A row with so many of the plain network's labels.
const fn agreeing(agreement: f64, row: Published) -> Published {
    Published { how: How::Batch { agreement: Some(agreement) }, ..row }
}

/// A row of photos: seconds of a batch, and accuracy in per cent.
const fn photos(name: &'static str, whose: &'static str, how: How) -> Published {
    let theirs = Theirs { seconds: Some(11_686.0), hourly: None, accuracy: Some(91.5) };
    Published { name, whose, how, inputs: Inputs::Photos, theirs }
}

/// SEALion (van Elsloo et al. 2019), its tables; CryptoNets as SEALion gives it; CryptoDL (Hesamifard et
/// al. 2017); LoLa (Brutzkus et al. 2019) for one digit.
pub(super) const PUBLISHED: [Published; 11] = [
    row("dnn-30", "SEALion DNN-30", Some(1.14), 12_933_344.0, 97.40),
    row("dnn-100", "SEALion DNN-100", Some(3.28), 4_494_965.0, 98.01),
    row("cnn-16", "SEALion CNN-16", Some(192.0), 153_600.0, 98.96),
    row("cnn-16-l0", "SEALion CNN-16, L0", Some(60.0), 491_520.0, 98.91),
    row("cryptonets", "CryptoNets", Some(250.0), 58_982.0, 98.95),
    // Squares of squares make large errors of small ones: digits that the network was not calibrated on
    // need more than the usual precision.
    agreeing(0.9996, row("cryptodl-relu", "CryptoDL, ReLU", None, 164_000.0, 99.52)),
    // As far as requests of 160 MB go.
    agreeing(0.998, row("cryptodl-sigmoid", "CryptoDL, sigmoid", None, 164_000.0, 98.94)),
    agreeing(0.998, row("cryptodl-tanh", "CryptoDL, tanh", None, 164_000.0, 98.15)),
    Published {
        name: "shallow-lenet5",
        whose: "one digit (LoLa)",
        how: How::Served,
        inputs: Inputs::Digits,
        theirs: Theirs { seconds: Some(2.2), hourly: None, accuracy: None },
    },
    photos("resnet20", "CryptoDL, CIFAR-10", How::Served),
    photos("resnet20-quadratic", "the same, of squares", How::Latency),
];
