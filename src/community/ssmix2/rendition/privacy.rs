//! The last step of a page: the patient's number, address, telephone and insurance, which no field on
//! it shows, are struck out of free text too where they stand as the record has them (decisions A1).
//! A rewording of them is not recognised.

use crate::dialect::hl7v2::{Field, Message};

/// What stands in their place.
const STRUCK_OUT: &str = "［省略］";

/// Shorter values would strike out innocent text.
const CHARACTERS_MIN: usize = 5;

/// The values of a message that a page must not show.
pub(super) fn private(message: &Message) -> Vec<String> {
    let parts = |field: Field<'_>, components: &[usize]| -> Vec<String> {
        let of_repetition = |r: crate::dialect::hl7v2::Repetition<'_>| {
            components.iter().map(|n| r.component(*n).text()).collect::<Vec<_>>()
        };
        field.repetitions().flat_map(of_repetition).collect()
    };
    let fields: [(&str, usize, &[usize]); 14] = [
        ("PID", 2, &[1]),
        ("PID", 3, &[1]),
        ("PID", 4, &[1]),
        ("PID", 11, &[1, 2, 8]),
        ("PID", 13, &[1, 12]),
        ("PID", 14, &[1, 12]),
        ("PID", 18, &[1]),
        ("PID", 19, &[1]),
        ("NK1", 4, &[1, 2, 8]),
        ("NK1", 5, &[1, 12]),
        ("IN1", 3, &[1]),
        ("IN1", 10, &[1]),
        ("ZI1", 3, &[1]),
        ("ZI1", 10, &[1]),
    ];
    let of_field = |(segment, field, components): (&'static str, usize, &[usize])| {
        message.named(segment).flat_map(|found| parts(found.field(field), components)).collect::<Vec<_>>()
    };
    fields.into_iter().flat_map(of_field).collect()
}

/// Strikes values out of a page where they stand by themselves, not within a longer number.
pub(super) fn without(page: String, private: Vec<String>) -> String {
    let mut values: Vec<String> = private.into_iter().map(|value| value.trim().to_owned()).collect();
    // Words in plain ASCII letters are no such values, and the page's own markup is made of them.
    let is_distinct = |value: &str| value.chars().any(|c| c.is_ascii_digit() || !c.is_ascii());
    values.retain(|value| value.chars().count() >= CHARACTERS_MIN && is_distinct(value));
    // A value within another is struck out after it.
    values.sort_by_key(|value| (std::cmp::Reverse(value.len()), value.clone()));
    values.dedup();
    values.iter().fold(page, |page, value| strike_out(&page, &maud::html! { (value) }.into_string()))
}

fn strike_out(page: &str, value: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(value) {
        let touches = |neighbour: Option<char>, edge: Option<char>| {
            neighbour.zip(edge).is_some_and(|(a, b)| a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric())
        };
        let is_within = touches(before.chars().last().or_else(|| out.chars().last()), value.chars().next())
            || touches(after.chars().next(), value.chars().last());
        out.push_str(before);
        out.push_str(if is_within { value } else { STRUCK_OUT });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_struck_out_where_it_stands_alone_and_not_within_a_number() {
        let page = "番号0012345、0012345001 x0012345 (0012345)".to_owned();
        let out = without(page, vec!["0012345".to_owned(), "12".to_owned()]);
        assert_eq!(out, "番号［省略］、0012345001 x0012345 (［省略］)");
    }

    #[test]
    fn a_value_with_markup_in_it_is_found_as_the_page_writes_it() {
        let out = without("<p>A&amp;B町１−２</p>".to_owned(), vec!["A&B町１−２".to_owned()]);
        assert_eq!(out, "<p>［省略］</p>");
    }
}
