//! Case folding: a character at a time, so that a text keeps its length in characters.
//!
//! The folds are Unicode's simple ones (`CaseFolding.txt`, status C and S): É = é and σ = Σ = ς, but ß is not ss.

/// What a character is compared as when case is ignored.
pub(crate) fn fold_char(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    if character == 'ı' {
        return character; // the Turkish dotless i: upper case I, but not the same letter as i
    }
    let upper = single(character.to_uppercase()).unwrap_or(character);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

/// `text`, folded.
pub(crate) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_one_case_pair_fold_together() {
        for pair in ["Éé", "Σσ", "Σς", "ẞß", "Kk", "Ǆǆ", "ǅǆ", "ᾈᾀ", "Ωω", "Жж"] {
            let folded: Vec<char> = pair.chars().map(fold_char).collect();
            assert_eq!(folded[0], folded[1], "{pair}");
        }
    }

    #[test]
    fn letters_that_only_look_alike_stay_apart() {
        for pair in ["ıi", "ßs", "İi", "eé", "xy"] {
            let folded: Vec<char> = pair.chars().map(fold_char).collect();
            assert_ne!(folded[0], folded[1], "{pair}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for character in ('\0'..=char::MAX).filter(|character| character.is_alphabetic()) {
            assert_eq!(fold_char(fold_char(character)), fold_char(character), "{character}");
        }
    }
}
