//! Bytes from JavaScript.

use js_sys::Uint8Array;

use crate::error::{ClientError, Code};

/// A copy of the bytes, if there are not too many.
///
/// The array is taken as a JavaScript object, so that its length is checked before memory is taken.
pub(crate) fn bytes(
    what: &str,
    array: &Uint8Array,
    most: usize,
    code: Code,
) -> Result<Vec<u8>, ClientError> {
    let found = array.length();
    if found as usize > most {
        let message = format!("{what} has {found} bytes; at most {most} are accepted");
        return Err(ClientError::new(code, message));
    }
    Ok(array.to_vec())
}
