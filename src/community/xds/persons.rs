//! Persons by ITI-47, page by page. At a source every record that resembles is graded, as in any
//! source; another network's answer comes to one person or nobody. Ids by ITI-45.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Uri;

use super::network::{Xds, again, offered};
use super::searches::queries;
use crate::dialect::hl7v3::{PdqCancellation, PdqContinuation, PdqQuery, PixQuery};
use crate::matching;
use crate::model::{
    Answer, Attribute, Demographics, DemographicsQuery, Failure, FoundPatient, Grade, GradedRecord, Leg,
    Outcome, PatientDiscovery, PatientId, PatientIdLookup, PatientMatch, Phi, QueryCancellation,
    QueryContinuation, QueryId, RequestContext,
};

/// Queries that are out at a time for one request.
const AT_ONCE: usize = 8;
/// Persons taken of one query; where more resemble, nobody can be told.
const PERSONS_MAX: usize = 200;
/// Pages asked for of one query.
const PAGES_MAX: usize = 20;
/// Ids that a PIX manager may give of one person.
const IDS_MAX: usize = 8;
/// How far the next person must stand below, in points; as among the records of our own sources.
const MARGIN: f64 = 6.0;
/// The score of a record named by its number alone: above what demographics reach.
const NUMBER_SCORE: f64 = 60.0;
const DAY: Duration = Duration::from_secs(86_400);

impl Xds {
    /// The query as it leaves: without what ITI-47 has a parameter for in its Pediatric option alone, or
    /// none, and a manager may refuse.
    pub(super) fn asking_who(&self, leg: &Leg, person: &PatientDiscovery) -> DemographicsQuery {
        let page = self.config.persons_per_page;
        let known = Demographics {
            phones: Vec::new(),
            mothers_maiden_name: None,
            birth_place: None,
            ..person.demographics.reveal().clone()
        };
        DemographicsQuery {
            person: PatientDiscovery { demographics: Phi::new(known), ids: person.ids.clone() },
            authorities: Vec::new(),
            query: leg.query.clone(),
            page: (page > 0).then_some(page),
        }
    }

    /// The look-up as a PIX query: by our id alone.
    pub(super) fn asking_ids(&self, request: &PatientIdLookup) -> PatientIdLookup {
        let authorities = self.config.authority.iter().cloned().collect();
        PatientIdLookup { known: request.known.clone(), demographics: None, authorities }
    }

    /// The look-up as a query for the person.
    pub(super) fn described(&self, request: &PatientIdLookup) -> PatientDiscovery {
        let ids =
            if self.exchange.profile.send_network_id { vec![request.known.clone()] } else { Vec::new() };
        match &request.demographics {
            Some(known) => PatientDiscovery { demographics: known.clone(), ids },
            None => PatientDiscovery { demographics: Phi::default(), ids: vec![request.known.clone()] },
        }
    }

    fn manager(&self) -> Result<&Uri, Failure> {
        offered(self.config.patient_demographics.as_ref())
    }

    /// All persons found, over all pages. What asks for a further page carries nothing but the query's
    /// id, which stands in the query's record.
    async fn persons(
        &self,
        context: &RequestContext,
        leg: &Leg,
        person: &PatientDiscovery,
    ) -> Outcome<FoundPatient> {
        let to = self.manager()?;
        let asked = self.asking_who(leg, person);
        let mut page = self.exchange.carry::<PdqQuery>(context, leg, to, &asked).await?;
        let mut all: Answer<FoundPatient> = Answer { answered: 1, ..Answer::default() };
        let size = asked.page.unwrap_or(page.found.len()).max(1);
        for _ in 0..PAGES_MAX {
            let (remaining, shown) = (page.page.remaining, page.found.len() + page.set_aside);
            all.merge(page.filter_map(of_page));
            let read = all.found.len() + all.set_aside;
            if remaining == 0 {
                return Ok(Answer { answered: 1, ..all });
            }
            if shown == 0 || read.saturating_add(remaining) > PERSONS_MAX {
                break;
            }
            let next = QueryContinuation { query: leg.query.clone(), from: Some(read + 1), page: Some(size) };
            page = self.exchange.carry::<PdqContinuation>(context, &again(leg), to, &next).await?;
        }
        let query = leg.query.clone();
        let cancelled = self
            .exchange
            .carry::<PdqCancellation>(context, &again(leg), to, &QueryCancellation { query })
            .await;
        if let Err(failure) = cancelled {
            let (request, target_name) = (context.id, &self.descriptor.name);
            let failure = crate::telemetry::failure_detail(&failure);
            tracing::debug!(%request, %target_name, failure, "a query was not cancelled");
        }
        Err(Failure::Ambiguous)
    }

    /// The ids of a person that this file may speak of.
    fn own_ids(&self, found: &FoundPatient) -> Vec<PatientId> {
        let authorities = &self.descriptor.authorities;
        let ids = std::iter::once(&found.id).chain(&found.also);
        ids.filter(|id| authorities.contains(&id.authority)).cloned().collect()
    }

    /// Every record of ours that resembles, graded. A query that fails may have hidden one: without it
    /// nobody is told apart.
    pub(super) async fn graded(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        let typed = request.demographics.reveal();
        let named: Vec<&PatientId> =
            request.ids.iter().filter(|id| self.descriptor.authorities.contains(&id.authority)).collect();
        let by_number = named.iter().map(|id| by_id(id));
        let asks: Vec<PatientDiscovery> = by_number.chain(queries(typed, &self.config.searches)).collect();
        let legs: Vec<Leg> =
            (0..asks.len()).map(|n| if n == 0 { leg.clone() } else { another(leg) }).collect();
        let sent: Vec<BoxFuture<'_, _>> =
            asks.iter().zip(&legs).map(|(ask, leg)| self.persons(context, leg, ask).boxed()).collect();
        let mut merged = Answer { answered: 1, ..Answer::default() };
        let mut records: BTreeMap<PatientId, GradedRecord> = BTreeMap::new();
        let answers: Vec<_> = stream::iter(sent).buffered(AT_ONCE).try_collect().await?;
        for mut answer in answers {
            merged.set_aside += answer.set_aside;
            for found in std::mem::take(&mut answer.found) {
                let ids = self.own_ids(&found);
                merged.set_aside += usize::from(ids.is_empty());
                for id in ids {
                    records.extend(self.record(typed, &named, id.clone(), &found).map(|record| (id, record)));
                }
            }
        }
        merged.found = records.into_values().map(PatientMatch::Graded).collect();
        Ok(merged)
    }

    fn record(
        &self,
        typed: &Demographics,
        named: &[&PatientId],
        id: PatientId,
        found: &FoundPatient,
    ) -> Option<GradedRecord> {
        let is_named = named.contains(&&id);
        // Whoever is named and shown without a word resembles nobody, and is told so: they may be anybody.
        let demographics = match &found.demographics {
            Some(shown) => shown.clone(),
            None if is_named && !typed.is_empty() => Phi::default(),
            None => return None,
        };
        let (grade, score) = if !typed.is_empty() {
            let graded = matching::grade(typed, demographics.reveal());
            (graded.grade, graded.score)
        } else if is_named {
            (Grade::Auto, NUMBER_SCORE)
        } else {
            return None;
        };
        (is_named || grade != Grade::None).then(|| GradedRecord {
            source: self.descriptor.name.clone(),
            facility: self.descriptor.facility.clone().unwrap_or_default(),
            id,
            demographics,
            sent_at: String::new(),
            grade,
            score,
        })
    }

    /// Whether a number is one of ours.
    pub(super) async fn confirmed(
        &self,
        context: &RequestContext,
        leg: &Leg,
        known: &PatientId,
    ) -> Outcome<FoundPatient> {
        if !self.descriptor.authorities.contains(&known.authority) {
            return Ok(Answer::found(Vec::new()));
        }
        let is_ours = match &self.config.patient_ids {
            Some(to) => {
                let ask =
                    PatientIdLookup { known: known.clone(), demographics: None, authorities: Vec::new() };
                !self.exchange.carry::<PixQuery>(context, leg, to, &ask).await?.is_patient_unknown
            }
            None => {
                let answer = self.persons(context, leg, &by_id(known)).await?;
                answer.found.iter().any(|found| self.own_ids(found).contains(known))
            }
        };
        let found = is_ours.then(|| self.found(known.clone(), None));
        Ok(Answer::found(found.into_iter().collect()))
    }

    fn found(&self, id: PatientId, demographics: Option<Phi<Demographics>>) -> FoundPatient {
        let community = self.descriptor.community.clone();
        FoundPatient { community, id, demographics, confidence: 100, also: Vec::new() }
    }

    /// Another network's ids of a person we know. A PIX manager that knows ours is asked by it alone;
    /// who it means is then shown under its own id, for the broker to hold against what we know.
    pub(super) async fn correlated(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        let Some(to) = &self.config.patient_ids else {
            let answer = self.persons(context, leg, &self.described(request)).await?;
            let sent = request.demographics.as_ref().map(|known| known.reveal());
            let answer = self.one_of(sent.unwrap_or(&Demographics::default()), answer);
            return Ok(self.remembered(answer));
        };
        let ask = self.asking_ids(request);
        let given = self.exchange.carry::<PixQuery>(context, leg, to, &ask).await?;
        let ids: Vec<PatientId> = given.found.iter().flat_map(|found| self.own_ids(found)).collect();
        let mut answer =
            Answer { answered: 1, set_aside: given.found.len() - ids.len(), ..Answer::default() };
        if ids.len() > IDS_MAX {
            answer.set_aside += ids.len();
            return Ok(answer);
        }
        for id in ids {
            let shown = self.persons(context, &another(leg), &by_id(&id)).await?;
            let whose = shown.found.into_iter().find(|found| self.own_ids(found).contains(&id));
            match whose {
                Some(found) => answer.found.push(self.found(id, found.demographics)),
                None => answer.set_aside += 1,
            }
        }
        Ok(self.remembered(answer))
    }

    // There is no CorrelationTimeToLive here: the file alone says how long.
    fn remembered(&self, answer: Answer<FoundPatient>) -> Answer<FoundPatient> {
        let days = self.exchange.profile.correlation_days;
        Answer { keep_for: (days > 0).then(|| DAY * days), ..answer }
    }

    /// The one person that another network knows, or nobody.
    pub(super) async fn one_person(
        &self,
        context: &RequestContext,
        leg: &Leg,
        request: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        let typed = request.demographics.reveal();
        let found = match self.persons(context, leg, request).await {
            Err(Failure::Ambiguous) => Answer { answered: 1, set_aside: PERSONS_MAX, ..Answer::default() },
            other => self.one_of(typed, other?),
        };
        let is_ambiguous = found.found.is_empty() && found.set_aside > 1;
        let mut answer = found.map(PatientMatch::Found);
        let wanted = wanted(typed);
        if is_ambiguous && !wanted.is_empty() {
            answer.found.push(PatientMatch::MoreAttributes { about: None, wanted });
        }
        Ok(answer)
    }

    // One person is taken as they are: the broker holds them against what was asked. Of several the one
    // who is sure, where nobody else is near; their numbers are of one person.
    fn one_of(&self, sent: &Demographics, mut answer: Answer<FoundPatient>) -> Answer<FoundPatient> {
        let persons = std::mem::take(&mut answer.found);
        let all = persons.len();
        let mut own: Vec<(f64, Grade, FoundPatient)> = Vec::new();
        for person in persons {
            let shown =
                person.demographics.as_ref().map(|shown| matching::grade_answer(sent, shown.reveal()));
            let (score, grade) = shown.map_or((0.0, Grade::None), |graded| (graded.score, graded.grade));
            for id in self.own_ids(&person) {
                own.push((score, grade, self.found(id, person.demographics.clone())));
            }
        }
        own.sort_by(|one, two| two.0.total_cmp(&one.0));
        let top = own.first().map(|(score, grade, found)| (*score, *grade, found.clone()));
        let is_one = |found: &FoundPatient| match (&top, &found.demographics) {
            (Some((.., FoundPatient { demographics: Some(top), .. })), Some(shown)) => {
                top == shown || matching::grade(top.reveal(), shown.reveal()).grade == Grade::Auto
            }
            _ => false,
        };
        let (same, others): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|(.., found)| all == 1 || is_one(found));
        let is_sure = top.as_ref().is_some_and(|(score, grade, _)| {
            *grade == Grade::Auto && others.iter().all(|(other, ..)| *other < score - MARGIN)
        });
        if all <= 1 || is_sure {
            answer.set_aside += others.len() + usize::from(all == 1 && same.is_empty());
            answer.found = same.into_iter().map(|(.., found)| found).collect();
        } else {
            answer.set_aside += same.len() + others.len();
        }
        answer
    }
}

fn of_page(found: PatientMatch) -> Option<FoundPatient> {
    match found {
        PatientMatch::Found(found) => Some(found),
        PatientMatch::Graded(_) | PatientMatch::MoreAttributes { .. } => None,
    }
}

fn by_id(id: &PatientId) -> PatientDiscovery {
    PatientDiscovery { demographics: Phi::default(), ids: vec![id.clone()] }
}

/// Fresh ids for a query of its own.
fn another(leg: &Leg) -> Leg {
    let extension = Some(uuid::Uuid::new_v4().to_string());
    Leg { query: QueryId { root: leg.query.root.clone(), extension }, ..again(leg) }
}

fn wanted(typed: &Demographics) -> std::collections::BTreeSet<Attribute> {
    let of = |is_missing: bool, attribute| is_missing.then_some(attribute);
    [
        of(typed.addresses.is_empty(), Attribute::Address),
        of(typed.phones.is_empty(), Attribute::Telecom),
        of(typed.sex.is_none(), Attribute::Gender),
    ]
    .into_iter()
    .flatten()
    .collect()
}
