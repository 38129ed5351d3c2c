//! Which keys a program uses.

use blindsight_ckks::keys::{KeyError, KeyKind, KeyList};
use blindsight_ckks_eval::KeyUses;
use blindsight_ckks_eval::polynomial;
use blindsight_ring::GaloisElement;

use super::check::ValueType;
use super::{Circuit, Operation, Program};

impl Program {
    /// The keys that a client must make: what the steps use, and nothing else.
    ///
    /// # Errors
    /// When one of them may not exist under the scheme.
    pub(super) fn key_list(
        &self,
        circuit: &Circuit,
        values: &[ValueType],
    ) -> Result<KeyList, KeyError> {
        let degree = circuit.set().degree();
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
                Operation::Square { input, .. } => {
                    uses.add(KeyKind::Relinearisation, values[*input].level);
                }
                Operation::Polynomial { input, polynomial } => {
                    let depth = polynomial::depth(self.polynomials[*polynomial].coefficients.len());
                    let top = values[*input].level;
                    for level in top - depth + 1..=top {
                        uses.add(KeyKind::Relinearisation, level);
                    }
                }
                Operation::Request { .. }
                | Operation::Combine { .. }
                | Operation::AddPlaintext { .. }
                | Operation::Rescale { .. } => {}
            }
        }
        if let Some(bootstrap) = circuit.bootstrap().filter(|_| bootstraps) {
            bootstrap.add_uses(&mut uses)?;
        }
        uses.list(circuit.set(), circuit.key_levels())
    }
}
