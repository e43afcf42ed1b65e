//! Compiles `proto/` in pure Rust, so that no `protoc` has to be installed, and keeps the descriptors for reflection.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    // Neither protox nor tonic-prost-build prints it; without it every edit in the repository rebuilds all crates.
    println!("cargo::rerun-if-changed=proto");

    let mut sources = Vec::new();
    collect_protos(Path::new("proto"), &mut sources)?;
    sources.sort();
    let descriptors = protox::compile(&sources, ["proto"])?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("crewline.bin"), descriptors.encode_to_vec())?;
    // The names let an idempotency key stand for one kind of request.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    Ok(())
}

fn collect_protos(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
