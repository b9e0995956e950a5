//! What the conclusion of a patient discovery asks about one record of ours: whose it is, and
//! whether this requester may be told of it (decisions A3, C4).

use super::authorizer::Authorizer;
use super::consent::{HospitalNumber, Standing};
use crate::model::{PatientId, RequestContext};

impl Authorizer {
    /// How the person of a record of ours stands toward this requester: `Consented` only when
    /// something could be shown. What the peer side's `conclude` goes by (decisions A3).
    pub fn standing_of(&self, context: &RequestContext, facility: &str, hospital: &PatientId) -> Standing {
        let mut disclosure = self.disclosure(context);
        let number = HospitalNumber { facility: facility.to_owned(), number: hospital.value.clone() };
        let network_id = disclosure.book.network_id_of(facility, &hospital.value).cloned();
        match disclosure.standing(facility, network_id.as_ref()) {
            Standing::Consented { .. } if !disclosure.may_tell_of(&number) => Standing::None,
            standing => standing,
        }
    }

    /// Whether a record without consent may be told of because it is an emergency (decisions C4).
    pub fn emergency_allows(&self, context: &RequestContext, facility: &str, hospital: &PatientId) -> bool {
        let number = HospitalNumber { facility: facility.to_owned(), number: hospital.value.clone() };
        let mut disclosure = self.disclosure(context);
        disclosure.is_emergency() && disclosure.may_tell_of(&number)
    }

    /// Whether the person of a record has withdrawn or refused toward the requester's community, at
    /// whatever facility.
    pub fn hides(&self, context: &RequestContext, facility: &str, hospital: &PatientId) -> bool {
        let disclosure = self.disclosure(context);
        disclosure.book.network_id_of(facility, &hospital.value).is_some_and(|id| disclosure.is_hidden(id))
    }

    /// Whether anybody with a number of this facility has withdrawn or refused toward the requester's
    /// community, at whatever facility. Looks at everybody: for when the facility itself cannot be asked.
    pub fn hides_anyone(&self, context: &RequestContext, facility: &str) -> bool {
        let disclosure = self.disclosure(context);
        disclosure.book.persons_of(facility).any(|person| disclosure.is_hidden(person))
    }

    /// The numbers at this facility of everybody who has withdrawn or refused toward the requester's
    /// community, at whatever facility.
    pub fn hidden_at(&self, context: &RequestContext, facility: &str) -> Vec<HospitalNumber> {
        let disclosure = self.disclosure(context);
        let hidden = disclosure.book.persons_of(facility).filter(|person| disclosure.is_hidden(person));
        let numbers = hidden.flat_map(|person| disclosure.book.numbers_of(person));
        numbers.filter(|number| number.facility == facility).cloned().collect()
    }

    /// The network's own id of the person of a record, where a consent row names it.
    pub fn network_id_of(&self, facility: &str, hospital: &PatientId) -> Option<PatientId> {
        let book = self.consents().book();
        let value = book.network_id_of(facility, &hospital.value)?.clone();
        Some(PatientId { authority: self.authority.clone(), value })
    }

    /// The hospital numbers a peer's id of ours stands for: the person's, or the one an emergency
    /// id was handed out for.
    pub fn numbers_of(&self, context: &RequestContext, id: &PatientId) -> Vec<HospitalNumber> {
        self.numbers(&self.disclosure(context), context, id)
    }
}
