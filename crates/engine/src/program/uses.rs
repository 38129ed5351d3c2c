//! Which keys a program uses.

use blindsight_ckks::keys::{KeyError, KeyKind, KeyList};
use blindsight_ckks_eval::{BootstrapParameters, KeyUses};
use blindsight_ring::GaloisElement;

use super::check::ValueType;
use super::{Operation, Program};

impl Program {
    /// The keys that a client must make: what the steps use, and nothing else.
    ///
    /// # Errors
    /// When one of them may not exist under the scheme.
    pub(super) fn key_list(
        &self,
        bootstrap: &BootstrapParameters,
        values: &[ValueType],
    ) -> Result<KeyList, KeyError> {
        let degree = bootstrap.set().degree();
        let mut uses = KeyUses::default();
        let mut bootstraps = false;
        for step in &self.steps {
            match &step.operation {
                Operation::Transform { transform, .. } => {
                    self.transforms[*transform].add_uses(&mut uses);
                }
                Operation::Rotate { input, steps } => {
                    let element = GaloisElement::rotation(*steps, degree);
                    uses.add_rare(KeyKind::Automorphism(element), values[*input].level);
                }
                Operation::Bootstrap { .. } => bootstraps = true,
                Operation::Combine { .. }
                | Operation::AddPlaintext { .. }
                | Operation::Rescale { .. } => {}
            }
        }
        if bootstraps {
            bootstrap.add_uses(&mut uses)?;
        }
        uses.list(bootstrap.set(), bootstrap.key_levels())
    }
}
