//! Exit codes, those of sysexits where there is one.

/// Done as asked.
pub const OK: u8 = 0;
/// Ran, and the answer is no (`ask` found nobody, `audit verify` found a break).
pub const NO: u8 = 1;
/// The command line is wrong (EX_USAGE).
pub const USAGE: u8 = 64;
/// The input is wrong (EX_DATAERR).
pub const DATA: u8 = 65;
/// An input cannot be read (EX_NOINPUT).
pub const NO_INPUT: u8 = 66;
/// The far end cannot be reached (EX_UNAVAILABLE).
pub const UNAVAILABLE: u8 = 69;
/// A bug of ours (EX_SOFTWARE).
pub const SOFTWARE: u8 = 70;
/// Something cannot be written (EX_IOERR).
pub const IO: u8 = 74;
/// The configuration is wrong (EX_CONFIG).
pub const CONFIG: u8 = 78;
