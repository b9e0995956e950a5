use proptest::prelude::*;

use super::super::extrinsic_object::encode;
use super::super::query_response::read_tolerantly;
use super::super::samples;
use super::super::vocabulary::scheme;
use super::*;
use crate::model::{MessageId, PatientId, PeerProfile, QueryId};

fn sent() -> Sent {
    Sent {
        message: MessageId(String::new()),
        query: QueryId { root: String::new(), extension: None },
        home: samples::peer(),
        patient: Some(PatientId::from_cx("P-1^^^&2.999.2.3&ISO").unwrap()),
        documents: Vec::new(),
    }
}

fn entry(number: usize) -> String {
    let class = |scheme: &str, code: &str| {
        format!(
            "<rim:Classification classificationScheme=\"{scheme}\" nodeRepresentation=\"{code}\"><rim:Slot \
             name=\"codingScheme\"><rim:ValueList><rim:Value>2.999.9</rim:Value></rim:ValueList></rim:Slot>\
             <rim:Name><rim:LocalizedString value='名 &amp; {code}'/></rim:Name></rim:Classification>"
        )
    };
    let slot = |name: &str, value: &str| {
        format!(
            "<rim:Slot name=\"{name}\"><rim:ValueList>\n<rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>"
        )
    };
    let identifier = |scheme: &str, value: &str| {
        format!("<rim:ExternalIdentifier value=\"{value}\" identificationScheme='{scheme}'/>")
    };
    [
        format!(
            "<rim:ExtrinsicObject id=\"urn:uuid:{number}\" home=\"urn:oid:2.999.2\" mimeType=\"text/xml\" \
             objectType=\"urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1\" \
             status=\"urn:oasis:names:tc:ebxml-regrep:StatusType:Approved\">"
        ),
        slot("hash", "AB12"),
        slot("size", " 17 "),
        slot("repositoryUniqueId", "2.999.2.4"),
        slot("other", "x &lt; y"),
        class(scheme::CLASS, "c1"),
        class(&scheme::TYPE.to_ascii_uppercase(), "t1"),
        class(scheme::FORMAT, "f1"),
        class(scheme::CONFIDENTIALITY, "N"),
        class(scheme::CONFIDENTIALITY, "R"),
        identifier(scheme::PATIENT, "P-1^^^&amp;2.999.2.3&amp;ISO"),
        identifier(scheme::UNIQUE, &format!("2.999.2.7.{number}")),
        "</rim:ExtrinsicObject>".to_owned(),
    ]
    .concat()
}

fn answer(entries: &str) -> String {
    format!(
        "<q:AdhocQueryResponse xmlns:q=\"{QUERY}\" xmlns:rim=\"{RIM}\" xmlns:unused='urn:u' \
         status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success\"><rim:RegistryObjectList>\n{entries}\
         </rim:RegistryObjectList></q:AdhocQueryResponse>"
    )
}

// None when it is left to the tolerant reader; with what that one says of it.
fn both(text: &str) -> Option<(Vec<RegistryObject>, Vec<RegistryObject>)> {
    let message = Envelope::bare(text);
    let (_, plain) = read(&message, &sent()).ok()?;
    let tolerant = read_tolerantly(&message, &sent(), &PeerProfile::default()).expect("it reads it, too");
    assert!(tolerant.reported.is_empty(), "{:?}", tolerant.reported);
    Some((plain, tolerant.found))
}

fn assert_alike(one: &RegistryObject, other: &RegistryObject) {
    let (RegistryObject::Entry(one), RegistryObject::Entry(other)) = (one, other) else {
        panic!("not both are entries")
    };
    let fields = |e: &DocumentEntry| {
        let codes = (e.class.clone(), e.type_code.clone(), e.format.clone(), e.confidentiality.clone());
        let rest = (e.availability, e.media_type.clone(), e.hash.clone(), e.size);
        (e.id.clone(), e.object.clone(), e.patient.clone(), codes, rest)
    };
    assert_eq!(fields(one), fields(other));
    let readdressed = |entry: &DocumentEntry| {
        let patient = PatientId::from_cx("9^^^&2.999.1&ISO").unwrap();
        let written = encode(&entry.clone().with(|entry| entry.patient = patient)).unwrap();
        // Where a value looks like a prefix, the tolerant one declares it in case.
        written.replace(" xmlns:unused=\"urn:u\"", "")
    };
    assert_eq!(readdressed(one), readdressed(other), "and what is written of it is the same");
}

#[test]
fn plain_entries_are_read_in_one_pass_as_the_tolerant_reader_reads_them() {
    let (plain, tolerant) = both(&answer(&[entry(1), entry(2)].concat())).expect("they are plain");
    assert_eq!((plain.len(), tolerant.len()), (2, 2));
    plain.iter().zip(&tolerant).for_each(|(one, other)| assert_alike(one, other));
}

#[test]
fn what_an_entry_must_have_and_what_is_unusual_is_left_to_the_tolerant_reader() {
    let whole = entry(1);
    for (this, by) in [
        ("home=\"urn:oid:2.999.2\" ", ""),
        ("home=\"urn:oid:2.999.2\"", "home='urn:oid:2.999.2'"),
        ("2.999.2\"", "2.999.3\""),
        ("P-1", "P-2"),
        ("StatusType:Approved", "StatusType:Other"),
        ("<rim:Value>2.999.2.4", "<rim:Value>"),
        ("<rim:Name>", "<rim:Nom>"),
        ("<rim:Slot name=\"size\">", "<!-- c --><rim:Slot name=\"size\">"),
        ("2.999.2.7.1", ""),
    ] {
        assert!(whole.contains(this), "{this}");
        assert!(both(&answer(&whole.replacen(this, by, 1))).is_none(), "{this} -> {by}");
    }
    let reference = "<rim:ObjectRef id='a' home='urn:oid:2.999.2'/>";
    assert!(both(&answer(&[&whole, reference].concat())).is_none());
}

#[test]
fn an_outer_namespace_is_declared_where_a_name_or_a_qualified_attribute_uses_it_and_only_there() {
    let written = |entry: &str| {
        let (plain, tolerant) = both(&answer(entry)).expect("it is plain");
        assert_alike(&plain[0], &tolerant[0]);
        encode(plain[0].entry().unwrap()).unwrap()
    };
    let whole = entry(1);
    let declares = |entry: &str| written(entry).contains("xmlns:unused=\"urn:u\"");
    assert!(!declares(&whole));
    assert!(!declares(&whole.replace("x &lt; y", "unused:x")), "a value that looks like it");
    assert!(declares(&whole.replace("<rim:Slot name=\"other\"", "<rim:Slot unused:a='b' name=\"other\"")));
    let typed =
        "<rim:Slot xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='unused:T' name=\"other\"";
    assert!(declares(&whole.replace("<rim:Slot name=\"other\"", typed)), "a value that may name it");
    assert!(!declares(&whole.replace("<rim:LocalizedString ", "<rim:LocalizedString xml:lang='ja' ")));
}

#[test]
fn a_value_is_read_where_an_entry_before_had_a_blank_one_of_any_kind() {
    for blank in ["\u{3000}", "\u{a0}", " ", ""] {
        let first = entry(1)
            .replace("<rim:Value>2.999.9<", &format!("<rim:Value>{blank}<"))
            .replace("<rim:Value>x &lt; y<", &format!("<rim:Value>{blank}<"))
            .replace("<rim:Value>AB12<", &format!("<rim:Value>{blank}<"));
        let (plain, tolerant) = both(&answer(&[first, entry(2)].concat())).expect("they are plain");
        plain.iter().zip(&tolerant).for_each(|(one, other)| assert_alike(one, other));
        let second = plain[1].entry().unwrap();
        assert_eq!((&*second.class.system, second.hash.as_deref()), ("2.999.9", Some("ab12")), "{blank:?}");
    }
}

#[test]
fn the_same_markup_under_another_namespace_is_not_read_as_the_one_before() {
    let unprefixed = entry(1).replace("rim:", "");
    let begin = "<ExtrinsicObject";
    let declared = unprefixed.replacen(begin, &format!("{begin} xmlns=\"{RIM}\""), 1);
    assert!(both(&answer(&[&*declared, &declared].concat())).is_some());
    let children = unprefixed.replacen(begin, "<rim:ExtrinsicObject", 1);
    let undeclared = children.replacen("</ExtrinsicObject", "</rim:ExtrinsicObject", 1);
    assert!(both(&answer(&[declared, undeclared].concat())).is_none());
}

#[test]
fn an_entry_with_more_values_than_a_shape_has_is_read_as_well() {
    let many = "<rim:Value>v</rim:Value>".repeat(300);
    let long = entry(1).replace("<rim:Value>x &lt; y</rim:Value>", &many);
    let (plain, tolerant) = both(&answer(&[&*long, &long].concat())).expect("they are plain");
    plain.iter().zip(&tolerant).for_each(|(one, other)| assert_alike(one, other));
}

proptest! {
    // What was the same in all entries before is another in this one, and the same again in the next.
    #[test]
    fn of_entries_that_differ_here_and_there_each_is_read_as_its_own(
        entries in prop::collection::vec(prop::collection::btree_set(0..23_usize, 0..4), 3..9),
    ) {
        const OTHERWISE: [(&str, &str); 23] = [
            ("\"c1\"", "\"c2\""), ("名 &amp; c1", "名 &amp; c3"), ("名 &amp; f1", "別"), ("\"N\"", "\"V\""),
            ("2.999.9<", "2.999.8<"), ("<rim:Value>2.999.9<", "<rim:Value> <"), (scheme::CLASS, scheme::FORMAT),
            (scheme::CONFIDENTIALITY, scheme::TYPE), ("\"other\"", "\"hash\""), ("\"hash\"", "\"other\""),
            ("AB12", "CD34"), (" 17 ", "18"), ("\"repositoryUniqueId\"", "\"repositoryUniqueId\" slotType='s'"),
            ("name=\"codingScheme\"", "name=\"codingschema\""), ("2.999.2.4<", "2.999.2.5<"),
            ("<rim:Name><rim:LocalizedString value='名 &amp; t1'/></rim:Name>", ""),
            ("nodeRepresentation=\"R\"", "id='i' nodeRepresentation=\"R\""), ("x &lt; y", "x"),
            ("\"c1\"", "\"c3\""), ("\"f1\"", "\"\""), ("\"N\"", "\"R\""), ("\"R\"", "\"N\""),
            ("<rim:Name><rim:LocalizedString value='名 &amp; N'/></rim:Name>", ""),
        ];
        let entries = entries.iter().enumerate().map(|(number, edits)| {
            edits.iter().fold(entry(number), |entry, edit| entry.replacen(OTHERWISE[*edit].0, OTHERWISE[*edit].1, 1))
        });
        let (plain, tolerant) = both(&answer(&entries.collect::<String>())).expect("they are plain");
        prop_assert_eq!(plain.len(), tolerant.len());
        plain.iter().zip(&tolerant).for_each(|(one, other)| assert_alike(one, other));
    }

    #[test]
    fn whatever_is_taken_in_one_pass_the_tolerant_reader_reads_alike(
        edits in prop::collection::vec((0..8_000_usize, 0..25_usize, any::<bool>()), 1..4),
    ) {
        const PIECES: [&str; 25] = [
            "<", ">", "/>", "\"", "'", "&amp;", " ", "", "rim:", " xmlns:rim=\"urn:x\"", " xmlns=\"urn:y\"", " a=\"b\"",
            "<rim:Slot name=\"hash\"/>", "<rim:Name/>", "</rim:Slot>", "urn:uuid:", "x", "\n", "unused:", "1", "名",
            "<rim:Description/>", " home=\"urn:oid:2.999.2\"", "^", "\u{3000}",
        ];
        let mut text = answer(&[entry(1), entry(2), entry(3)].concat());
        for (at, piece, is_cut) in edits {
            let at = (0..=at % text.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let until = if is_cut { at + text[at..].chars().next().map_or(0, char::len_utf8) } else { at };
            text.replace_range(at..until, PIECES[piece]);
        }
        if let Some((plain, tolerant)) = both(&text) {
            prop_assert_eq!(plain.len(), tolerant.len());
            plain.iter().zip(&tolerant).for_each(|(one, other)| assert_alike(one, other));
        }
    }
}
