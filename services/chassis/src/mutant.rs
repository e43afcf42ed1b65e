//! Faults that are planted into the real code, to see that the simulation finds them. Only its feature compiles them in.
//!
//! A service names its own, beside the code that they spoil; which one is planted is chosen once, when the process starts.

#[cfg(feature = "simulation")]
static PLANTED: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Plants the fault of this name for the rest of the process. A second one is refused.
#[cfg(feature = "simulation")]
pub fn plant(name: &str) -> Result<(), String> {
    PLANTED.set(name.to_owned())
}

/// Whether the fault of this name is planted.
#[cfg(feature = "simulation")]
pub fn planted(name: &str) -> bool {
    PLANTED.get().is_some_and(|planted| planted == name)
}

/// Whether the fault of this name is planted: never, outside of the simulation.
#[cfg(not(feature = "simulation"))]
pub const fn planted(_name: &str) -> bool {
    false
}
