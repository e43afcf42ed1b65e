//! Paging: sizes, and tokens that fit only the list that gave them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use crewline_api::errors::v1::ErrorReason;

use crate::refusal::Refusal;
use crate::text::is_storable;

const DEFAULT_SIZE: i32 = 50;
const MAX_SIZE: i32 = 200;

/// Where a page of a list begins and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    list: String,
    /// The key of the last row of the page before.
    pub after: Option<String>,
    /// Rows in the page.
    pub size: u64,
}

impl Page {
    /// Reads the two fields of a list request. `list` names the list with all that it was filtered by: a token
    /// of one is refused by another.
    pub fn read(list: impl Into<String>, size: i32, token: &str) -> Result<Self, Refusal> {
        let list = list.into();
        if size < 0 {
            return Err(Refusal::invalid("page_size", "must not be negative"));
        }
        let size = if size == 0 { DEFAULT_SIZE } else { size.min(MAX_SIZE) };
        let after = if token.is_empty() { None } else { Some(open(&list, token)?) };
        Ok(Self { list, after, size: u64::from(size.unsigned_abs()) })
    }

    /// How many rows to ask the store for: one more than the page, to know whether another follows.
    pub fn limit(&self) -> u64 {
        self.size + 1
    }

    /// The token of the page that begins after the row with this key.
    pub fn token_after(&self, key: &str) -> String {
        seal(&self.list, key)
    }

    /// Cuts the extra row off, and makes the token of the page after; empty if there is none.
    pub fn cut<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> String) -> String {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last().map(|last| self.token_after(&key(last))).unwrap_or_default()
    }
}

fn seal(list: &str, key: &str) -> String {
    let mut bytes = checksum(list, key).to_be_bytes().to_vec();
    bytes.extend_from_slice(key.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn open(list: &str, token: &str) -> Result<String, Refusal> {
    let invalid = || Refusal::new(ErrorReason::PageTokenInvalid, "the page token is damaged, or of another list");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (sum, key) = bytes.split_first_chunk::<8>().ok_or_else(invalid)?;
    let key = std::str::from_utf8(key).map_err(|_| invalid())?;
    if u64::from_be_bytes(*sum) != checksum(list, key) || !is_storable(key) {
        return Err(invalid());
    }
    Ok(key.to_owned())
}

/// FNV-1a: finds accidents. A token that somebody forges opens nothing that its list would not show anyway.
fn checksum(list: &str, key: &str) -> u64 {
    let bytes = list.bytes().chain([0]).chain(key.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_row_after_the_page_and_fits_its_own_list_alone() {
        let page = Page::read("people/acme", 2, "").expect("first");
        let mut rows = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let token = page.cut(&mut rows, Clone::clone);
        assert_eq!(rows, ["a", "b"]);
        assert_eq!(Page::read("people/acme", 2, &token).expect("second").after.as_deref(), Some("b"));
        assert_eq!(Page::read("people/globex", 2, &token).expect_err("other list").reason(), ErrorReason::PageTokenInvalid);
        let forged = page.token_after("a\0");
        assert_eq!(Page::read("people/acme", 2, &forged).expect_err("no key").reason(), ErrorReason::PageTokenInvalid);
        let damaged = format!("A{}", &token[1..]);
        assert_eq!(Page::read("people/acme", 2, &damaged).expect_err("damaged").reason(), ErrorReason::PageTokenInvalid);
    }

    #[test]
    fn the_last_page_has_no_token() {
        let page = Page::read("people/acme", 2, "").expect("first");
        assert_eq!(page.cut(&mut vec!["a".to_owned(), "b".to_owned()], Clone::clone), "");
    }

    #[test]
    fn a_size_is_capped_and_zero_means_the_default() {
        for (asked, given) in [(0, 50), (1, 1), (200, 200), (201, 200)] {
            assert_eq!(Page::read("l", asked, "").expect("page").size, given);
        }
        assert_eq!(Page::read("l", -1, "").expect_err("negative").reason(), ErrorReason::InvalidField);
    }
}
