//! The pattern of `like_regex` and its flags, in the words of the engine's own regular expressions.

use std::rc::Rc;

use super::tree::Pattern;
use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::regex::{Patterns, Regex};

/// A pattern with XQuery's flags.
///
/// # Errors
/// `42601` for a flag that is none, `0A000` for `x`, `2201B` for a pattern that is none.
pub(super) fn pattern(text: String, flags: &str) -> Result<Pattern> {
    if let Some(flag) = flags.chars().find(|flag| !"ismxq".contains(*flag)) {
        return Err(Error::new(ErrorKind::SyntaxError, "invalid input syntax for type jsonpath")
            .with_detail(format!("Unrecognized flag character \"{flag}\" in LIKE_REGEX predicate.")));
    }
    let flags: String = "ismxq".chars().filter(|flag| flags.contains(*flag)).collect();
    let regex = compile(&text, &flags)?;
    Ok(Pattern { text, flags, regex })
}

fn compile(text: &str, flags: &str) -> Result<Rc<Regex>> {
    let has = |flag| flags.contains(flag);
    let mut options = String::new();
    if has('i') {
        options.push('i');
    }
    if has('q') {
        // makes the others but `i` mean nothing
        options.push('q');
    } else if has('x') {
        let message = "XQuery \"x\" flag (expanded regular expressions) is not implemented";
        return Err(Error::new(ErrorKind::FeatureNotSupported, message));
    } else {
        options.push(match (has('s'), has('m')) {
            (true, true) => 'w',
            (true, false) => 's',
            (false, true) => 'n',
            (false, false) => 'p',
        });
    }
    Patterns::default().get(text, &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_xquery() {
        let matches =
            |text: &str, flags, subject| pattern(text.to_owned(), flags).unwrap().regex.is_match(subject).unwrap();
        assert!(matches("a.c", "s", "a\nc") && !matches("a.c", "", "a\nc") && !matches("a.c", "m", "a\nc"));
        assert!(matches("^b", "m", "a\nb") && !matches("^b", "", "a\nb") && matches("^b.c", "sm", "a\nb\nc"));
        assert!(matches("A", "i", "a") && matches("A.", "iq", "a.") && !matches("a.", "q", "ab"));
        assert_eq!(pattern("a".to_owned(), "qixx").unwrap().flags, "ixq");
        assert_eq!(pattern("a".to_owned(), "x").unwrap_err().kind(), ErrorKind::FeatureNotSupported);
        assert_eq!(
            pattern("a".to_owned(), "aé").unwrap_err().detail(),
            Some("Unrecognized flag character \"a\" in LIKE_REGEX predicate.")
        );
        assert_eq!(pattern("(".to_owned(), "").unwrap_err().kind(), ErrorKind::InvalidRegex);
    }
}
