//! HL7 v2.5 as SS-MIX2 uses it (JAHIS data exchange conventions): character sets, delimiters and the
//! patient of a message. Nothing is sent over MLLP.

pub mod deviation;
mod encode;
mod er7;
mod era;
mod escape;
mod iso2022jp;
mod pid;

pub use encode::{Encoded, Unencodable, encode};
pub use er7::{Component, Delimiters, Field, MAX_BYTES, Message, Parsed, Repetition, Segment};
pub use era::{EraDate, birth_date};
pub use escape::{escape, unescape};
pub use iso2022jp::{Decoded, Encoding, decode};
pub use pid::{demographics, person_name};
