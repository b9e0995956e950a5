//! Codes in a peer's fault or error answer, as far as they are codes: a peer may put anything there, a
//! patient's name too, and these words reach our log.

/// Faults of SOAP, WS-Addressing and WS-Security, codes of HL7 V3 answers and of IHE.
const KNOWN: [&str; 50] = [
    "Sender",
    "Receiver",
    "MustUnderstand",
    "VersionMismatch",
    "DataEncodingUnknown",
    "InvalidAddressingHeader",
    "InvalidAddress",
    "InvalidEPR",
    "InvalidCardinality",
    "MissingAddressInEPR",
    "DuplicateMessageID",
    "ActionMismatch",
    "OnlyAnonymousAddressSupported",
    "OnlyNonAnonymousAddressSupported",
    "MessageAddressingHeaderRequired",
    "DestinationUnreachable",
    "ActionNotSupported",
    "EndpointUnavailable",
    "UnsupportedSecurityToken",
    "UnsupportedAlgorithm",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "FailedAuthentication",
    "FailedCheck",
    "SecurityTokenUnavailable",
    "MessageExpired",
    "AA",
    "AE",
    "AR",
    "CA",
    "CE",
    "CR",
    "OK",
    "NF",
    "QE",
    "ResponderBusy",
    "AnswerNotAvailable",
    "InternalError",
    "INTERR",
    "NOSTORE",
    "RTEDEST",
    "RTUDEST",
    "RTWDEST",
    "SYN",
    "SYN100",
    "SYN101",
    "SYN102",
    "SYN103",
    "SYN113",
    "SYN114",
];

/// The codes that are known, and how many are not.
pub(super) fn told<'a>(codes: impl Iterator<Item = &'a str>, between: &str) -> String {
    let (known, other): (Vec<&str>, Vec<&str>) = codes.partition(|code| KNOWN.contains(code));
    let mut words: Vec<String> = known.into_iter().take(KNOWN_MAX).map(str::to_owned).collect();
    if !other.is_empty() {
        words.push(format!("{} unknown", other.len()));
    }
    words.join(between)
}

const KNOWN_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_known_code_is_counted_and_not_told() {
        assert_eq!(told(["Sender", "FailedCheck"].into_iter(), "/"), "Sender/FailedCheck");
        assert_eq!(told(["AE", "架橋花子", "0000012345"].into_iter(), " "), "AE 2 unknown");
    }
}
