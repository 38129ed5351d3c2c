//! Texts that people will be shown.

use crate::error::ContractError;

/// Most characters of a name of a class.
pub(crate) const CLASS_CHARACTERS: usize = 100;

/// Most characters of a title.
pub(crate) const TITLE_CHARACTERS: usize = 200;

/// A text that can be shown: something to see, no control characters, and none that turn the
/// direction of what stands around it.
pub(crate) fn check(field: &'static str, text: &str, most: usize) -> Result<(), ContractError> {
    let short = text.chars().take(most + 1).count() <= most;
    if short && !text.trim().is_empty() && !text.chars().any(is_hidden) {
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

/// Characters that nobody sees, or that change how others are shown: soft hyphens, marks of
/// direction, spaces without width, separators of lines, annotations, tags.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
