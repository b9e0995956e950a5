//! What went wrong on the way to a target, in words an operator can act on. Whether *they* refused
//! our certificate or *we* theirs is told apart (TLS 1.3 tells the first only on reading).

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, Error as TlsError};

use crate::model::{Failure, Interrupted};

/// Names the failure of a request that got no answer.
pub(super) fn of_request(error: &(dyn StdError + 'static)) -> Failure {
    let mut next = Some(error);
    let mut said = None;
    while let Some(current) = next {
        if let Some(text) = words(current) {
            said = Some(text);
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            if io.kind() == io::ErrorKind::TimedOut {
                return Failure::TimedOut;
            }
            // `source` of an io::Error skips the error it wraps.
            if let Some(inner) = io.get_ref()
                && let Failure::Unreachable(text) = of_request(inner)
                && text != UNNAMED
            {
                return Failure::Unreachable(text);
            }
        }
        next = current.source();
    }
    Failure::Unreachable(said.unwrap_or_else(|| UNNAMED.to_owned()))
}

/// Names the failure of an answer that ended too early.
pub(super) fn of_body(interrupted: &Interrupted) -> Failure {
    match interrupted {
        Interrupted::Idle => Failure::TimedOut,
        Interrupted::TooLarge(bytes) => Failure::Unreadable(format!("more than {bytes} bytes")),
        Interrupted::Broken(why) => Failure::Unreachable(why.clone()),
        Interrupted::Withdrawn => Failure::Unreachable(interrupted.to_string()),
    }
}

const UNNAMED: &str = "the connection failed";

fn words(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<TlsError>() {
        return Some(match tls {
            TlsError::AlertReceived(alert) if is_about_us(*alert) => {
                format!("the target refused our certificate ({alert:?})")
            }
            TlsError::AlertReceived(alert) => format!("the target ended TLS ({alert:?})"),
            TlsError::InvalidCertificate(why) => {
                format!("the target's certificate is not accepted ({why})")
            }
            other => format!("TLS failed ({other})"),
        });
    }
    let io = error.downcast_ref::<io::Error>()?;
    io.get_ref().is_none().then(|| io.kind().to_string())
}

fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::NoCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}
