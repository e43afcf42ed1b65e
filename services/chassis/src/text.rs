//! Forms of text that callers send.

/// Whether `text` is a phone number in E.164 form: `+` and 7 to 15 digits, the first not zero.
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
    })
}

/// Whether `text` is 1 to `limit` visible ASCII characters.
pub fn is_visible_ascii(text: &str, limit: usize) -> bool {
    (1..=limit).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether every database can keep `text`: PostgreSQL has no NUL.
pub fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_e164() {
        assert!(is_e164("+15550100") && is_e164("+1234567") && is_e164("+123456789012345"));
        for bad in ["", "+", "5550100", "+123456", "+1234567890123456", "+0123456789", "+1555010a"] {
            assert!(!is_e164(bad), "{bad}");
        }
    }

    #[test]
    fn visible_ascii_has_no_spaces_and_a_limit() {
        assert!(is_visible_ascii("a-1/~", 5));
        for bad in ["", "a b", "\t", "\u{e9}", "123456"] {
            assert!(!is_visible_ascii(bad, 5), "{bad:?}");
        }
    }
}
