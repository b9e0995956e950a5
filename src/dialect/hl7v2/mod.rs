//! HL7 v2.5 as SS-MIX2 uses it (JAHIS data exchange conventions): character sets, delimiters and the
//! patient of a message. Nothing is sent over MLLP.

mod charset;
pub mod deviation;
mod encode;
mod er7;
mod era;
mod escape;
mod field;
mod iso2022jp;
mod pid;
mod write;

pub use charset::{Decoded, Encoding, decode};
pub use encode::{Encoded, Unencodable, encode};
pub use er7::{MAX_BYTES, Message, Parsed};
pub use era::{EraDate, birth_date};
pub use escape::{escape, unescape};
pub use field::{Component, Delimiters, Field, Repetition, Segment};
pub use pid::{demographics, person_name};
pub use write::MessageWriter;
