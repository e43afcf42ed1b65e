//! The keys of the tokens: who has the private one makes tokens, who has the public one checks them.

use std::path::Path;

use chassis::clock::Clock;
use chassis::ids::Ids;
use chassis::token::{Issuer, Signer, Verifier};

use crate::config::Config;
use crate::error::Error;

fn issuer(config: &Config) -> Issuer {
    Issuer { issuer: config.identity.issuer.clone(), audience: config.identity.audience.clone() }
}

/// The signer of the configuration.
pub fn signer(config: &Config, clock: Clock) -> Result<Signer, Error> {
    Ok(Signer::from_file(&config.signing_key_file(), issuer(config), clock)?)
}

/// The signer, whose key is made if there is none.
pub fn first_signer(config: &Config, clock: Clock, ids: &Ids) -> Result<Signer, Error> {
    Signer::create_file(&config.signing_key_file(), ids)?;
    signer(config, clock)
}

/// The verifier of the configuration, from the public key alone if there is one.
pub fn verifier(config: &Config, clock: Clock, ids: &Ids) -> Result<Verifier, Error> {
    let public = &config.identity.verifying_key_file;
    if public.as_os_str().is_empty() {
        Ok(first_signer(config, clock, ids)?.verifier()?)
    } else {
        Ok(Verifier::from_file(public, &issuer(config), clock)?)
    }
}

/// Makes a pair of keys.
pub fn generate(config: &Config, signing_key: &Path, verifying_key: &Path) -> Result<(), Error> {
    let clock = Clock::system();
    Signer::create_file(signing_key, &Ids::from_os(clock))?;
    let signer = Signer::from_file(signing_key, issuer(config), clock)?;
    let failed = |error| Error::File(verifying_key.display().to_string(), error);
    std::fs::write(verifying_key, signer.public_pem()).map_err(failed)
}
