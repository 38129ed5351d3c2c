mod batch;
mod hostile;
mod mutations;
mod parts;
#[cfg(feature = "exact")]
mod signs;

use super::{Bundle, BundleError, BundleLimits, CheckedCode, CheckedProgram};
use crate::program::{Program, ProgramError};
use crate::testing::{
    SET, contract, full, full_request, leveled, leveled_contract, light, light_bundle,
    light_request,
};

/// Through the door, and what loading does first.
fn read(bytes: &[u8]) -> Result<Bundle, BundleError> {
    let bundle = Bundle::parse(bytes, &BundleLimits::default())?;
    bundle.check()?;
    Ok(bundle)
}

/// The whole program of a bundle.
fn program(bundle: &Bundle) -> Program {
    let checked = steps(bundle);
    let mut program = checked.program.clone();
    for (index, plan) in program.transforms.iter_mut().enumerate() {
        *plan = checked.transform(index).unwrap();
    }
    for (index, plaintext) in program.plaintexts.iter_mut().enumerate() {
        *plaintext = checked.plaintext(index).unwrap();
    }
    program
}

#[test]
fn bundles_come_back() {
    for (program, request) in [(full(), full_request()), (light(), light_request())] {
        let contract = contract(&program, request);
        let loaded = program.encoded_byte_len(&SET);
        let bytes = Bundle::write(&contract, &program, loaded).unwrap();
        let bundle = read(&bytes).unwrap();
        assert_eq!(bundle.contract_bytes()[..], contract.to_bytes());
        assert_eq!((bundle.loaded_bytes(), bundle.layers()), (loaded, 2));
        let back = self::program(&bundle);
        assert_eq!(format!("{back:?}"), format!("{program:?}"));
        assert_eq!(Bundle::write(&contract, &back, loaded).unwrap(), bytes);
        assert_eq!(bundle.fingerprint()[..], bytes[12..44]);
    }
    let [one, other] = ["one", "other"].map(|id| read(&light_bundle(id)).unwrap());
    assert_ne!(one.fingerprint(), other.fingerprint());
}

#[test]
fn bundles_without_bootstraps_come_back() {
    let (program, contract) = (leveled(), leveled_contract());
    let bytes = Bundle::write(&contract, &program, 0).unwrap();
    let back = self::program(&read(&bytes).unwrap());
    assert_eq!(format!("{back:?}"), format!("{program:?}"));
    // A polynomial is data that somebody else wrote.
    let mut broken = program;
    broken.polynomials[0].coefficients[1] = f64::NAN;
    let refused = Bundle::write(&contract, &broken, 0).unwrap_err();
    assert!(matches!(refused, BundleError::Program(_)), "{refused}");
}

#[test]
fn what_cannot_be_run_is_not_written() {
    let program = light();
    let contract = contract(&program, light_request());
    let loaded = program.encoded_byte_len(&SET);
    let write = |contract, program, loaded| Bundle::write(contract, program, loaded).unwrap_err();
    assert!(matches!(write(&contract, &program, loaded - 1), BundleError::Memory { .. }));
    let mut other = contract.clone();
    other.keys.clear();
    let missing = write(&other, &program, loaded);
    assert!(matches!(missing, BundleError::Program(ProgramError::Keys)), "{missing}");
    let mut more = contract.clone();
    blindsight_contract::testing::slots(&mut more).ciphertexts = 2;
    let unread = write(&more, &program, loaded);
    assert!(
        matches!(unread, BundleError::Program(ProgramError::Ciphertexts { named: 1, sent: 2 })),
        "{unread}"
    );
    let mut broken = program.clone();
    broken.transforms[0].sums[0][0].weights.pop();
    broken.transforms[0].sums[0][0].weights.clear();
    assert!(matches!(write(&contract, &broken, loaded), BundleError::Program(_)));
}

/// The checked program of a bundle of steps.
fn steps(bundle: &Bundle) -> CheckedProgram<'_> {
    match bundle.code().unwrap() {
        CheckedCode::Steps(program) => *program,
        _ => unreachable!("a bundle of steps"),
    }
}
