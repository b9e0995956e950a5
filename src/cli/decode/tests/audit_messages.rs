//! What we send to an audit repository is what we would accept from one.

use super::*;
use crate::audit::atna_samples;

#[test]
fn our_own_audit_messages_are_accepted_without_a_warning() {
    let samples = atna_samples();
    assert!(samples.len() > 40);
    for message in samples {
        let value = decoded(message.xml.reveal());
        assert_eq!(value["kind"], "DICOM audit message");
        assert_eq!(value["verdict"], "accepted", "{value}");
        assert!(codes(&value).is_empty(), "{value}");
    }
}
