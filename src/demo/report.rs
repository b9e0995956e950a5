//! `report.html`: the run of the demo as one page that needs nothing else, in Japanese and English side
//! by side, for a screen and for A4 paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::story::{Both, Chapter, Report, Side, Step};

const STYLE: &str = include_str!("report.css");

/// The page.
pub fn page(report: &Report) -> String {
    let passed = report.steps.iter().filter(|step| step.passed).count();
    html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "架け橋 Kakehashi デモ報告 / demo report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.brand { "架け橋 Kakehashi " span { (report.version) } }
                    h1 { "二つの医療情報網をつなぐ" br; span lang="en" { "Two medical networks, one bridge" } }
                    div.facts {
                        (fact(&format!("{passed} / {}", report.steps.len()), "手順が期待どおり", "steps as they must be"))
                        (fact(&format!("{:.1} s", seconds(report.took_ms)), "所要時間", "from keys to last answer"))
                        (fact(if report.passed { "合格" } else { "不合格" }, "総合判定", if report.passed { "passed" } else { "FAILED" }))
                    }
                    p.note { "架空の患者・架空の病院・使い捨ての鍵によるデモです。診療には使用しないでください。"
                        span lang="en" { "Invented patients, invented hospitals, throwaway keys. Not for care." } }
                }
                main {
                    section.picture { (picture(report)) }
                    section {
                        (heading(&Both::new("協定", "The agreement")))
                        ol.agreement { @for sentence in &report.agreement {
                            li { div { (sentence.ja) } div lang="en" { (sentence.en) } }
                        } }
                    }
                    @for chapter in Chapter::ALL { (told(chapter, report)) }
                    @for side in &report.sides { (kept(side)) }
                }
                footer { "kakehashi demo　" (report.started) }
            }
        }
    }
    .into_string()
}

#[allow(clippy::cast_precision_loss)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn fact(value: &str, ja: &str, en: &str) -> Markup {
    html! { div { strong { (value) } span { (ja) } span lang="en" { (en) } } }
}

fn heading(both: &Both) -> Markup {
    html! { h2 { (both.ja) span lang="en" { (both.en) } } }
}

fn told(chapter: Chapter, report: &Report) -> Markup {
    let steps: Vec<(usize, &Step)> =
        report.steps.iter().enumerate().filter(|(_, step)| step.chapter == chapter).collect();
    html! {
        @if !steps.is_empty() {
            section {
                (heading(&chapter.title()))
                @for (index, step) in steps {
                    article.step.failed[!step.passed] {
                        div.number { (index + 1) }
                        div.what {
                            h3 { (step.title.ja) span lang="en" { (step.title.en) } }
                            p.asker { (step.asker) }
                            div.outcome {
                                span.mark { @if step.passed { "✓" } @else { "✗" } }
                                div { (step.outcome.ja) }
                                div lang="en" { (step.outcome.en) }
                            }
                            @if !step.evidence.is_empty() {
                                ul.evidence { @for line in &step.evidence { li { (line) } } }
                            }
                            @if let Some(document) = &step.document {
                                iframe.document srcdoc=(document) sandbox="" title=(step.title.ja) {}
                            }
                        }
                        div.took { (step.took_ms) " ms" }
                    }
                }
            }
        }
    }
}

/// What a side keeps of it: audit log and metrics.
fn kept(side: &Side) -> Markup {
    html! {
        section.kept {
            (heading(&Both::new(format!("{}の記録", side.name.ja), format!("What {} has on record", side.name.en))))
            p.verified { (side.verified) }
            @if !side.audit.is_empty() { (audit(&side.audit)) }
            @if !side.metrics.is_empty() { h3 { "メトリクス " span lang="en" { "Metrics" } } pre { (side.metrics.join("\n")) } }
        }
    }
}

/// The events of `audit search --json` as a table.
fn audit(events: &[serde_json::Value]) -> Markup {
    let text = |event: &serde_json::Value, key: &str| match event.get(key) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => String::new(),
        // Of a CX the id: whose it is tells the side.
        Some(serde_json::Value::Array(items)) => {
            let ids = items.iter().filter_map(|item| item.as_str()?.split('^').next());
            ids.collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    };
    html! {
        table {
            thead { tr {
                th { "時刻" br; span lang="en" { "time, Japan" } }
                th { "利用者・所属" br; span lang="en" { "person, organisation" } }
                th { "目的" br; span lang="en" { "purpose" } }
                th { "取引" br; span lang="en" { "transaction" } }
                th { "患者" br; span lang="en" { "patients" } }
                th { "開示" br; span lang="en" { "shown" } }
                th { "非開示" br; span lang="en" { "withheld" } }
                th { "記録" br; span lang="en" { "record" } }
            } }
            tbody { @for event in events.iter().filter(|event| text(event, "kind") != "open") {
                @let is_emergency = event.get("emergency").and_then(serde_json::Value::as_bool) == Some(true);
                tr.emergency[is_emergency] {
                    td.time { (japan_time(&text(event, "at"))) }
                    td { (text(event, "person_name")) " " small { (short(&text(event, "organization_name"))) } }
                    td { (text(event, "purpose")) @if is_emergency { " " b { "緊急" } } }
                    td { (text(event, "transaction")) }
                    td { small { (text(event, "patients")) } }
                    td.figure { (text(event, "shown")) }
                    td.figure { (text(event, "withheld")) }
                    td { (text(event, "kind")) " " (text(event, "ending")) }
                }
            } }
        }
    }
}

/// `09:39:34` of an xs:dateTime in UTC.
fn japan_time(utc: &str) -> String {
    let hour = utc.get(11..13).and_then(|hour| hour.parse::<u8>().ok());
    let rest = utc.get(13..19).unwrap_or_default();
    hour.map(|hour| format!("{:02}{rest}", (hour + 9) % 24)).unwrap_or_default()
}

/// The two sides: hospitals, brokers, portals, and what crosses between them.
fn picture(report: &Report) -> Markup {
    let [left, right] = report.sides.as_slice() else { return Markup::default() };
    html! {
        svg viewBox="0 0 960 390" role="img" aria-label="岡山と広島 / Okayama and Hiroshima" {
            defs { marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse" {
                path d="M0 0L10 5L0 10z" fill="#1d4f6e" {}
            } }
            (network(left, 20))
            (network(right, 590))
            // The bridge.
            path d="M352 178 Q480 96 608 178" fill="none" stroke="#c2452d" stroke-width="7" stroke-linecap="round" {}
            path d="M352 192 H608" stroke="#c2452d" stroke-width="4" stroke-linecap="round" {}
            @for x in [400, 440, 480, 520, 560] {
                line x1=(x) x2=(x) y1=(arch(x)) y2="192" stroke="#c2452d" stroke-width="2" {}
            }
            text x="480" y="92" text-anchor="middle" class="big" { "架け橋" }
            text x="480" y="222" text-anchor="middle" { "ITI-55 · ITI-38 · ITI-39" }
            text x="480" y="241" text-anchor="middle" class="small" { "相互TLS・SAML・記録が先" }
            text x="480" y="258" text-anchor="middle" class="small" { "mutual TLS, SAML, recorded first" }
        }
    }
}

/// Height of the arch at a point.
fn arch(x: i32) -> i32 {
    // A quadratic Bézier curve from (352, 178) over (480, 96) to (608, 178).
    let t = f64::from(x - 352) / 256.0;
    let y = (1.0 - t).powi(2) * 178.0 + 2.0 * t * (1.0 - t) * 96.0 + t.powi(2) * 178.0;
    #[allow(clippy::cast_possible_truncation)]
    let whole = y.round() as i32;
    whole
}

fn network(side: &Side, x: i32) -> Markup {
    let center = x + 175;
    html! {
        rect x=(x) y="16" width="350" height="358" rx="14" fill="#eef4f7" stroke="#b9ccd6" {}
        text x=(center) y="46" text-anchor="middle" class="big" { (side.name.ja) }
        text x=(center) y="66" text-anchor="middle" class="small" { (side.name.en) " · " (side.community) }
        rect x=(x + 65) y="84" width="220" height="44" rx="8" fill="#fff" stroke="#1d4f6e" {}
        text x=(center) y="103" text-anchor="middle" { "ポータル / portal" }
        text x=(center) y="119" text-anchor="middle" class="small" { (side.portal.trim_start_matches("https://")) }
        line x1=(center) x2=(center) y1="130" y2="154" stroke="#1d4f6e" stroke-width="2" marker-end="url(#tip)" {}
        rect x=(x + 18) y="156" width="314" height="60" rx="8" fill="#1d4f6e" {}
        text x=(center) y="181" text-anchor="middle" class="light" { "Kakehashi" }
        text x=(center) y="200" text-anchor="middle" class="light small" { "同意・協定・記録 / consent, agreement, record" }
        @for (index, hospital) in (0_i32..).zip(&side.hospitals) {
            @let left = x + 14 + index * 164;
            line x1=(left + 79) x2=(left + 79) y1="218" y2="256" stroke="#1d4f6e" stroke-width="2" marker-end="url(#tip)" {}
            rect x=(left) y="258" width="158" height="98" rx="8" fill="#fff" stroke="#b9ccd6" {}
            text x=(left + 79) y="281" text-anchor="middle" class="name" { (short(&hospital.name.ja)) }
            text x=(left + 79) y="298" text-anchor="middle" class="tiny" { (short(&hospital.name.en)) }
            text x=(left + 79) y="322" text-anchor="middle" class="small" { "SS-MIX2 " (hospital.facility) }
            text x=(left + 79) y="341" text-anchor="middle" class="small" { (hospital.encoding) }
        }
    }
}

/// Without what stands in brackets.
fn short(name: &str) -> &str {
    name.split(['（', '(']).next().unwrap_or(name).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_every_step_and_escapes_what_it_tells() {
        let step = Step {
            chapter: Chapter::Hidden,
            title: Both::new("探す", "find"),
            asker: "<b>".to_owned(),
            outcome: Both::new("該当者なし", "nobody"),
            evidence: vec!["a < b".to_owned()],
            document: Some("<p>見本</p>".to_owned()),
            passed: false,
            took_ms: 7,
        };
        let report = Report {
            version: "0".to_owned(),
            started: String::new(),
            took_ms: 1500,
            passed: false,
            agreement: vec![Both::new("医師", "physicians")],
            sides: Vec::new(),
            steps: vec![step],
        };
        let page = page(&report);
        assert!(page.contains("該当者なし") && page.contains("a &lt; b") && page.contains("1.5 s"));
        assert!(page.contains("srcdoc=\"&lt;p&gt;見本"));
        assert!(!page.contains("<b>") && page.contains("step failed") && !page.contains("http"));
    }

    #[test]
    fn the_arch_is_highest_in_the_middle() {
        assert!(arch(480) < arch(440) && arch(440) < arch(400));
        assert_eq!(arch(352), 178);
        assert_eq!(japan_time("2026-11-24T23:39:34.123Z"), "08:39:34");
    }
}
