//! What all models of one scheme share, and how a model is made ready.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use blindsight_ckks::keys::KeyError;
use blindsight_ckks_eval::batch::BatchCircuit;
use blindsight_ckks_eval::linear_transform::LinearTransform;
use blindsight_ckks_eval::{Bootstrapper, Context, Plaintext};
use thiserror::Error;

use crate::bundle::{Bundle, BundleError, CheckedCode, CheckedProgram, slots};
#[cfg(feature = "exact")]
use crate::model::tail::Tail;
use crate::model::{Code, Model, StepModel};
use crate::program::{Circuit, PlaintextData, ProgramError};

/// Makes models of bundles.
#[derive(Debug, Default)]
pub struct Engine {
    /// The schemes of models that are in use.
    schemes: Mutex<Vec<Weak<Scheme>>>,
}

/// A parameter set with its tables, and a bootstrap, if there is one, with its matrices.
#[derive(Debug)]
pub struct Scheme {
    context: Context,
    circuit: Circuit,
    bootstrapper: OnceLock<Bootstrapper>,
}

/// Why a bundle cannot be made ready to run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bundle's constants are damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The scheme has no keys of a shape that the bootstrap needs.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Engine {
    /// Encodes a bundle's constants. What its scheme shares with other models is made at the first
    /// of them, and dropped with the last.
    ///
    /// # Errors
    /// When the bundle's constants are damaged.
    pub fn load(&self, bundle: &Bundle) -> Result<Model, LoadError> {
        let contract = bundle.contract().clone();
        let source = match bundle.code()? {
            CheckedCode::Steps(source) => *source,
            CheckedCode::Batch(plan) => {
                let request = slots(&contract).map_err(BundleError::Program)?;
                let (level, scale) = (request.level(), request.scale());
                let circuit = BatchCircuit::new(contract.set(), level, scale, plan)
                    .map_err(|source| BundleError::Program(ProgramError::Batch { source }))?;
                return Ok(Model { contract, code: Code::Batch(circuit) });
            }
            #[cfg(feature = "exact")]
            CheckedCode::Signs(network) => {
                return Ok(Model { contract, code: Code::Signs(network) });
            }
        };
        let scheme = self.scheme(&source.checked.circuit);
        scheme.prepare()?;
        let context = &scheme.context;
        // One after another: each is encoded by all threads, and all in the clear take much memory.
        let transform = |index| Ok(LinearTransform::new(context, source.transform(index)?));
        let transforms = (0..source.program.transforms.len()).map(transform);
        let transforms = transforms.collect::<Result<_, BundleError>>()?;
        let plaintext = |index| {
            let PlaintextData { values, level, scale } = source.plaintext(index)?;
            Ok(Plaintext::encode(context, &values, scale, level))
        };
        let plaintexts = (0..source.program.plaintexts.len()).map(plaintext);
        let plaintexts = plaintexts.collect::<Result<_, BundleError>>()?;
        #[cfg(feature = "exact")]
        let tail = tail(bundle, &source)?;
        let CheckedProgram { mut program, checked, .. } = source;
        program.transforms = Vec::new();
        program.plaintexts = Vec::new();
        let steps = StepModel {
            scheme,
            program,
            checked,
            transforms,
            plaintexts,
            #[cfg(feature = "exact")]
            tail,
        };
        Ok(Model { contract, code: Code::Steps(Box::new(steps)) })
    }

    /// The scheme of this circuit.
    fn scheme(&self, circuit: &Circuit) -> Arc<Scheme> {
        let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.retain(|scheme| scheme.strong_count() > 0);
        let known = schemes.iter().filter_map(Weak::upgrade).find(|s| s.circuit.is_same(circuit));
        known.unwrap_or_else(|| {
            let scheme = Arc::new(Scheme {
                context: Context::new(circuit.set().clone()),
                circuit: circuit.clone(),
                bootstrapper: OnceLock::new(),
            });
            schemes.push(Arc::downgrade(&scheme));
            scheme
        })
    }
}

/// What scores are made of, where a label can be answered.
#[cfg(feature = "exact")]
fn tail(bundle: &Bundle, source: &CheckedProgram<'_>) -> Result<Option<Tail>, BundleError> {
    let contract = bundle.contract();
    let (Some(end), Some(answer)) = (bundle.end(), contract.answer().compact()) else {
        return Ok(None);
    };
    // Without a label, nobody asks.
    let tail = || Tail::new(source, end, answer, contract.set().slots());
    bundle.label_contract(None).map(|_| tail()).transpose()
}

impl Scheme {
    /// Tables of the parameter set.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What the programs are made of.
    #[must_use]
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// The bytes of matrices that all models of the scheme share.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bootstrapper.get().map_or(0, Bootstrapper::byte_len)
    }

    /// The bootstrap, if there is one: a scheme is prepared before a model has it.
    pub(crate) fn bootstrapper(&self) -> Option<&Bootstrapper> {
        self.bootstrapper.get()
    }

    fn prepare(&self) -> Result<(), KeyError> {
        let Some(parameters) = self.circuit.bootstrap() else { return Ok(()) };
        // Two models that are loaded at the same time may both make it; one is kept.
        if self.bootstrapper.get().is_none() {
            let made = Bootstrapper::new(&self.context, parameters)?;
            let _ = self.bootstrapper.set(made);
        }
        Ok(())
    }
}
