//! The integration tests, in one binary so that they link once.

// The attribute tells clippy that these are tests, helpers included.
#[cfg(test)]
mod support;
#[cfg(test)]
mod wire;
