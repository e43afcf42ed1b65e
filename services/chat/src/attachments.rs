//! Where an attachment is fetched: a signed address that works for a minute. The media server checks the signature.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chassis::clock::Clock;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::model::{AttachmentId, TenantId};

const GOOD_FOR: Duration = Duration::from_secs(60);

/// Makes the addresses. Clones share the key.
#[derive(Clone)]
pub struct Attachments {
    url: String,
    key: Vec<u8>,
    clock: Clock,
}

/// An address, and the second since 1970 in which it stops to work.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub url: String,
    /// The end, exclusive.
    pub expires_at: u64,
}

impl Attachments {
    /// Below `url`, signed with `key`.
    pub fn new(url: &str, key: &[u8], clock: Clock) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), key: key.to_vec(), clock }
    }

    /// The address of an attachment from now on.
    pub fn address(&self, tenant: &TenantId, id: &AttachmentId) -> Address {
        let now = self.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let expires_at = (now + GOOD_FOR).as_secs();
        // Neither a tenant nor an id is a step of a path by itself: both may be `..`.
        let name = percent_encoded(id);
        let path = format!("tenant-{tenant}/attachment-{name}?expires={expires_at}");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.sign(path.as_bytes()));
        Address { url: format!("{}/{path}&signature={signature}", self.url), expires_at }
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        // HMAC takes a key of any length; the type does not know that.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return Vec::new() };
        mac.update(b"attachment/");
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    }
}

/// An id may hold what a path may not.
fn percent_encoded(id: &AttachmentId) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.as_str().bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_signed_with_its_end_and_works_for_a_minute_at_most() {
        let clock = Clock::system();
        let attachments = Attachments::new("https://media.example/", b"key", clock);
        let address = attachments.address(&TenantId::trusted("acme"), &AttachmentId::parse("id", "a/b?c".into()).expect("good"));
        let (path, signature) = address.url.split_once("&signature=").expect("signed");
        assert_eq!(path, format!("https://media.example/tenant-acme/attachment-a%2Fb%3Fc?expires={}", address.expires_at));
        let signed = path.strip_prefix("https://media.example/").expect("below");
        assert_eq!(signature, BASE64_URL_SAFE_NO_PAD.encode(attachments.sign(signed.as_bytes())));
        let now = clock.wall().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        assert!((now + 59..=now + 60).contains(&address.expires_at));
    }
}
