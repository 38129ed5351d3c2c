//! Texts that people will be shown.

use crate::error::ContractError;

/// Most characters of a name of a class.
pub(crate) const CLASS_CHARACTERS: usize = 100;

/// Most characters of a title.
pub(crate) const TITLE_CHARACTERS: usize = 200;

/// A text that can be shown: no control characters, and none that turn the direction of what
/// stands around it.
pub(crate) fn check(field: &'static str, text: &str, most: usize) -> Result<(), ContractError> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let characters = text.chars().take(most + 1).count();
    if (1..=most).contains(&characters) && !text.chars().any(hidden) {
        Ok(())
    } else {
        Err(ContractError::Text { field, most })
    }
}

/// A name that stands in addresses and file names.
pub(crate) fn check_id(id: &str) -> Result<(), ContractError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let starts = id.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if starts && id.len() <= 64 && id.bytes().all(plain) { Ok(()) } else { Err(ContractError::Id) }
}
