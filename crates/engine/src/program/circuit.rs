//! What the steps of a program are made of, beside the scheme: a bootstrap, or none.

use std::sync::Arc;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::{BootstrapParameters, KeyLevels};

use super::ProgramError;

/// A scheme with the bootstrap of a program, or without one: then the program is leveled, and ends
/// before the chain does.
#[derive(Debug, Clone)]
pub struct Circuit {
    set: Arc<Parameters>,
    bootstrap: Option<BootstrapParameters>,
    key_levels: KeyLevels,
}

impl Circuit {
    /// The circuit of a scheme with this bootstrap.
    ///
    /// # Errors
    /// When the bootstrap does not fit the scheme, or the scheme has no keys of a shape that is
    /// needed.
    pub fn new(
        set: Arc<Parameters>,
        bootstrap: Option<BootstrapLiteral>,
    ) -> Result<Self, ProgramError> {
        let bootstrap =
            bootstrap.map(|literal| BootstrapParameters::new(set.clone(), literal)).transpose()?;
        let key_levels = match &bootstrap {
            Some(bootstrap) => bootstrap.key_levels().clone(),
            None => KeyLevels::leveled(&set)?,
        };
        Ok(Self { set, bootstrap, key_levels })
    }

    /// The scheme.
    #[must_use]
    pub fn set(&self) -> &Arc<Parameters> {
        &self.set
    }

    /// The bootstrap, unless the program is leveled.
    #[must_use]
    pub fn bootstrap(&self) -> Option<&BootstrapParameters> {
        self.bootstrap.as_ref()
    }

    /// The levels at which keys are made.
    #[must_use]
    pub fn key_levels(&self) -> &KeyLevels {
        &self.key_levels
    }

    /// Whether both are made of the same: models of one circuit share its tables.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|c| c.bootstrap().map(BootstrapParameters::literal));
        self.set.fingerprint() == other.set.fingerprint() && one == two
    }
}
