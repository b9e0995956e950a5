//! Whatever comes in whatever order, also with restarts in between, is judged as a list that is looked
//! through would judge it.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Take(Take),
    Free { system: usize, message: u32 },
    Wait { seconds: i64 },
    Purge,
    Restart,
}

#[derive(Debug, Clone)]
struct Take {
    system: usize,
    message: u32,
    assertion: usize,
    body: u8,
    resend: bool,
    one_use: bool,
    life: i64,
}

const SYSTEMS: [&str; 2] = ["a", "b"];
const ASSERTIONS: [&str; 3] = ["_1", "_2", "_3"];

fn step() -> impl Strategy<Value = Step> {
    let take =
        (0..2_usize, 0..3_u32, 0..3_usize, 0..2_u8, any::<bool>(), prop::bool::weighted(0.2), 1..5_i64)
            .prop_map(|(system, message, assertion, body, resend, one_use, life)| {
                let life = life * 40;
                Step::Take(Take { system, message, assertion, body, resend, one_use, life })
            });
    prop_oneof![
        8 => take,
        2 => (0..2_usize, 0..3_u32).prop_map(|(system, message)| Step::Free { system, message }),
        2 => (1..50_i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Purge),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default)]
struct Model {
    messages: Vec<Known>,
    assertions: Vec<Bound>,
}

#[derive(Debug)]
struct Known {
    key: (usize, u32),
    body: u8,
    first: Timestamp,
    until: Timestamp,
    attempt: u32,
}

#[derive(Debug)]
struct Bound {
    assertion: usize,
    system: usize,
    message: u32,
    until: Timestamp,
}

impl Model {
    fn take(&mut self, take: &Take, now: Timestamp) -> Taken {
        self.messages.retain(|known| known.until > now);
        self.assertions.retain(|bound| bound.until > now);
        let until = now.plus_seconds(take.life);
        let bound = self.assertions.iter_mut().find(|bound| bound.assertion == take.assertion);
        match &bound {
            Some(bound) if bound.system != take.system => return Taken::AssertionElsewhere,
            Some(bound) if take.one_use && bound.message != take.message => return Taken::AssertionUsed,
            _ => {}
        }
        let key = (take.system, take.message);
        let taken = match self.messages.iter_mut().find(|known| known.key == key) {
            None => {
                self.messages.push(Known { key, body: take.body, first: now, until, attempt: 1 });
                Taken::Fresh
            }
            Some(known) => {
                let in_time = known.first >= now.plus_seconds(-30);
                if !take.resend || known.body != take.body || known.attempt == 3 || !in_time {
                    return Taken::Duplicate;
                }
                known.attempt += 1;
                known.until = known.until.max(until);
                Taken::Again { attempt: known.attempt }
            }
        };
        match bound {
            Some(bound) => bound.until = bound.until.max(until),
            None => self.assertions.push(Bound {
                assertion: take.assertion,
                system: take.system,
                message: take.message,
                until,
            }),
        }
        taken
    }

    fn free(&mut self, key: (usize, u32)) {
        self.messages.iter_mut().filter(|known| known.key == key).for_each(|known| known.attempt -= 1);
        self.messages.retain(|known| known.attempt > 0);
    }
}

async fn agree(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (folder, mut store) = store().await;
    let (mut model, mut now) = (Model::default(), NOW);
    for step in steps {
        match step {
            Step::Take(take) => {
                let id = message(take.message);
                let presented = Presented {
                    body: &[take.body; 32],
                    resend_s: take.resend.then_some(30),
                    one_use: take.one_use,
                    until: now.plus_seconds(take.life),
                    ..presented(SYSTEMS[take.system], &id, ASSERTIONS[take.assertion])
                };
                let taken = store.take_message(&presented, now).await.unwrap();
                prop_assert_eq!(taken, model.take(&take, now), "{:?}", take);
            }
            Step::Free { system, message: number } => {
                store.free_message(SYSTEMS[system], &message(number)).await.unwrap();
                model.free((system, number));
            }
            Step::Wait { seconds } => now = now.plus_seconds(seconds),
            Step::Purge => drop(store.purge_replays(now).await.unwrap()),
            Step::Restart => {
                drop(store);
                store = Store::open_file(&folder.path().join("k.db")).await.unwrap();
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_takes_frees_purges_and_restarts_is_judged_as_a_plain_list_would_judge_it(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(agree(steps))?;
    }
}
