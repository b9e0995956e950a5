//! Which refusals have a record each and which are counted.

use super::*;

#[tokio::test]
async fn a_flood_of_rejections_is_counted_and_the_count_is_recorded() {
    let world = world();
    let rejection = || crate::audit::Rejection {
        side: Side::Peer,
        endpoint: world.context.endpoint.clone(),
        system: None,
        transaction: None,
        message: None,
        received: Timestamp::from_micros(1),
        refusal: Refusal::Malformed(crate::model::Malformed::new("malformed-xml", "1:1", "no root")),
    };
    for _ in 0..100 {
        assert!(matches!(world.log.reject(rejection()).await, Refusal::Malformed(_)));
    }
    world.last().await;
    let events = world.events();
    let counts: Vec<u64> =
        events.iter().filter(|e| e.kind == Kind::MalformedMessage).map(|event| event.count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 100);
    assert!(counts.len() < 10, "{counts:?}");
    assert_eq!(world.log.stats().aggregated, 95);
}

#[tokio::test]
async fn refusals_by_the_rate_are_counted_from_the_sixth_on_and_those_over_a_budget_never() {
    let world = world();
    for _ in 0..20 {
        for refusal in [Refusal::Throttled(1_000), Refusal::OverBudget(1_000)] {
            let told = world.log.refuse(&world.context, Operation::PatientIdLookup, refusal.clone()).await;
            assert_eq!(told, refusal);
        }
    }
    world.last().await;
    let of = |refusal: &Refusal| -> Vec<u64> {
        let detail = Some(Phi::new(refusal.to_string()));
        world.events().iter().filter(|event| event.detail == detail).map(|event| event.count).collect()
    };
    assert_eq!(of(&Refusal::OverBudget(0)), [1; 20]);
    assert_eq!(of(&Refusal::Throttled(0)).iter().sum::<u64>(), 20);
    assert_eq!(world.log.stats().aggregated, 15);
}
