//! Packed polynomials.

use blindsight_ring::bits::{pack_u32, pack_u64, packed_len, unpack_u32, unpack_u64};
use blindsight_ring::{Basis, Limb, Ntt, Poly, Prime};

use super::ReadError;
use super::frame::{Reader, Writer};

/// The bytes a polynomial modulo this basis takes.
pub(super) fn byte_len(basis: &Basis) -> usize {
    basis.primes().iter().map(|p| limb_byte_len(p)).sum()
}

/// Writes the limbs one after another, each residue with the bits of its prime.
pub(super) fn write(writer: &mut Writer, poly: &Poly<Ntt>) {
    let payload = writer.payload_mut();
    for (prime, limb) in poly.basis().primes().iter().zip(poly.limbs()) {
        let packed = match limb {
            Limb::Narrow(words) => pack_u32(words, prime.bits(), payload),
            Limb::Wide(words) => pack_u64(words, prime.bits(), payload),
        };
        packed.expect("the residues of a polynomial lie below their primes");
    }
}

/// Reads a polynomial modulo `basis`, which `what` names in errors. Every residue is checked.
pub(super) fn read(
    reader: &mut Reader<'_>,
    basis: &Basis,
    what: &'static str,
) -> Result<Poly<Ntt>, ReadError> {
    // All bytes first: nothing is allocated for a payload that ends early.
    let mut packed = reader.bytes(what, byte_len(basis))?;
    let mut limbs = Vec::with_capacity(basis.len());
    for (limb, prime) in basis.primes().iter().enumerate() {
        let (bytes, rest) = packed.split_at(limb_byte_len(prime));
        packed = rest;
        let residues = unpack(prime, bytes);
        limbs.push(residues.map_err(|source| ReadError::Residues { what, limb, source })?);
    }
    Ok(Poly::from_limbs(basis, limbs))
}

fn unpack(prime: &Prime, bytes: &[u8]) -> Result<Limb, blindsight_ring::bits::BitsError> {
    let mut limb = Limb::stale(prime);
    match &mut limb {
        // A narrow prime lies below 2^31.
        Limb::Narrow(words) => unpack_u32(bytes, prime.bits(), prime.value() as u32, words)?,
        Limb::Wide(words) => unpack_u64(bytes, prime.bits(), prime.value(), words)?,
    }
    Ok(limb)
}

fn limb_byte_len(prime: &Prime) -> usize {
    packed_len(prime.degree(), prime.bits()).expect("a limb fits in memory")
}
