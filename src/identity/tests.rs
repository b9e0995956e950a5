//! The gate against genuine, altered and hostile messages. Vectors are signed here, with keys made
//! here, by the signature crate and by `xmlsec1`.

mod admission;
mod attacks;
mod content;
mod corpus;
mod issuing;
mod mutation;
mod vectors;
mod wrapping;
mod xmlsec;
