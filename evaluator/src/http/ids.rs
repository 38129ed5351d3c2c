//! Lists of ids of key sets, as parameters carry them.

use uuid::Uuid;

/// Most ids of a list.
pub(super) const MOST: usize = 8;

/// Reads ids with commas between them: one or more, not too many, each once.
///
/// # Errors
/// What is wrong with the list, to stand after its name.
pub(super) fn parse(text: &str) -> Result<Vec<Uuid>, String> {
    let mut ids = Vec::new();
    for text in text.split(',') {
        let id = Uuid::try_parse(text).ok();
        // One form only, as in paths.
        let id = id.filter(|id| id.to_string() == text).ok_or("is no list of ids")?;
        if ids.contains(&id) {
            return Err("names a key set twice".to_owned());
        }
        if ids.len() == MOST {
            return Err(format!("names more than {MOST} key sets"));
        }
        ids.push(id);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_one_form() {
        let list = |count: u128| -> Vec<String> {
            (0..count).map(|id| Uuid::from_u128(id).to_string()).collect()
        };
        assert_eq!(parse(&list(1).join(",")), Ok(vec![Uuid::nil()]));
        assert_eq!(parse(&list(8).join(",")).map(|ids| ids.len()), Ok(8));
        let [one, two] = [list(1).join(","), list(2).join(",")];
        let wrong = [
            String::new(),
            ",".to_owned(),
            format!("{one},"),
            format!("{one}, {one}"),
            format!("{two},{one}"),
            format!("{{{one}}}"),
            one.replace('-', ""),
            "ABCDEF00-0000-4000-8000-000000000000".to_owned(),
            list(9).join(","),
            "x".repeat(100_000),
        ];
        for wrong in wrong {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }
}
