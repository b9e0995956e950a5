use std::fmt::Write as _;

use proptest::prelude::*;

use super::run::mark;
use super::*;
use crate::xml::{Event, Reader};

const SCOPE: &str = "urn:outer";

// What the pass sees below an element `scope`, as lines; None when it is not for it.
fn scanned(markup: &str) -> Option<String> {
    let scope = [("p".to_owned(), SCOPE.to_owned())];
    let mut scanner = Scanner::new(markup, 0, &scope, Limits::default());
    let (mut lines, mut text) = (String::new(), String::new());
    loop {
        if scanner.depth() == 0 && scanner.offset() == markup.len() {
            return Some(lines);
        }
        let token = scanner.token().ok()?;
        if let Token::Text(run) = token {
            let run = resolved(run).ok()?;
            // Of blank text only that it is blank is promised.
            text.push_str(if run.trim().is_empty() { " " } else { &run });
            continue;
        }
        if !text.is_empty() {
            writeln!(lines, "text {:?}", std::mem::take(&mut text)).unwrap();
        }
        match token {
            Token::Start(tag) => {
                write!(lines, "start {:?} {:?}", tag.ns, tag.local).unwrap();
                for attribute in scanner.attributes.clone() {
                    let local = attribute.name.rsplit(':').next().unwrap();
                    write!(lines, " {local:?}={:?}", attribute.value.resolved().ok()?).unwrap();
                    assert_eq!(
                        markup.get(attribute.value.at..).unwrap().get(..attribute.value.raw.len()),
                        Some(attribute.value.raw)
                    );
                }
                lines.push('\n');
            }
            Token::End => lines.push_str("end\n"),
            Token::Text(_) => {}
        }
    }
}

// The same of the reader; None when it refuses the document.
fn read(markup: &str) -> Option<String> {
    let whole = format!("<scope xmlns:p='{SCOPE}'>{markup}</scope>");
    let mut reader = Reader::new(&whole);
    reader.root().ok()?;
    let (mut lines, mut text) = (String::new(), String::new());
    loop {
        let event = reader.next().ok()?;
        if let Event::Text(run) = &event {
            text.push_str(run);
            continue;
        }
        if !text.is_empty() && text.trim().is_empty() {
            text = " ".to_owned();
        }
        if !text.is_empty() {
            writeln!(lines, "text {:?}", std::mem::take(&mut text)).unwrap();
        }
        match event {
            Event::Start(element) => {
                write!(lines, "start {:?} {:?}", element.ns, element.local).unwrap();
                for attribute in &element.attributes {
                    write!(lines, " {:?}={:?}", attribute.local, attribute.value).unwrap();
                }
                lines.push('\n');
            }
            Event::End if reader.depth() == 0 => {
                reader.finish().ok()?;
                return Some(lines);
            }
            Event::End => lines.push_str("end\n"),
            Event::Text(_) | Event::Eof => {}
        }
    }
}

const SAMPLE: &str =
    "<p:a b='1 &amp; 2' c = \"x\"/><d xmlns='urn:d' xml:lang=\"ja\">\n <e f=\"'\"/>山&lt;川</d>";

#[test]
fn plain_markup_reads_as_the_reader_reads_it() {
    let plain = SAMPLE.replace(" = ", "=");
    let lines = scanned(&plain).unwrap();
    assert_eq!(Some(&lines), read(&plain).as_ref());
    assert!(lines.contains("start \"urn:d\" \"e\" \"f\"=\"'\"\nend\ntext \"山<川\"\n"), "{lines}");
}

#[test]
fn what_is_wrong_or_not_plain_is_left_to_the_reader() {
    for markup in [
        "<a>",
        "</a>",
        "<a></b>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a b='&x;'/>",
        "<a b='&#65;'/>",
        "<x:a/>",
        "<a x:b='1'/>",
        "<a p:b='1' xmlns:q='urn:q' q:b='2'/>",
        "<a><!-- c --></a>",
        "<a><![CDATA[x]]></a>",
        "<a><?p?></a>",
        "<!DOCTYPE a><a/>",
        "<a>\u{1}</a>",
        "<a b='\u{fffe}'/>",
        "<a b='\n'/>",
        "<a>x\r\ny</a>",
        "<a>]]></a>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns='u' xmlns='v'/>",
        "<a b=1/>",
        "<a b='1'c='2'/>",
        "<a b/>",
        "<1a/>",
        "<a:/>",
    ] {
        assert_eq!(scanned(markup), None, "{markup}");
    }
}

proptest! {
    #[test]
    fn whatever_the_pass_takes_the_reader_takes_and_reads_alike(
        edits in prop::collection::vec((0..SAMPLE.len(), 0..20_usize, any::<bool>()), 0..4),
    ) {
        const PIECES: [&str; 20] = [
            "<", ">", "/>", "</", "'", "\"", "&", ";", "&gt;", " ", "=", "p:", "xmlns", ":", "a", "\r\n", "]]>",
            "\u{ffff}", "<p:a>", "</p:a>",
        ];
        let mut markup = SAMPLE.replace(" = ", "=");
        for (at, piece, is_cut) in edits {
            let at = (0..=at.min(markup.len())).rev().find(|at| markup.is_char_boundary(*at)).unwrap();
            let until = if is_cut { markup[at..].chars().next().map_or(at, |c| at + c.len_utf8()) } else { at };
            markup.replace_range(at..until, PIECES[piece]);
        }
        if let Some(lines) = scanned(&markup) {
            prop_assert_eq!(Some(lines), read(&markup));
        }
    }
}

#[test]
fn a_message_cut_off_anywhere_ends_the_pass() {
    let whole = "<p:a x='1'>text<p:b/></p:a>";
    for end in 1..whole.len() {
        let scope = [("p".to_owned(), SCOPE.to_owned())];
        let mut scanner = Scanner::new(&whole[..end], 0, &scope, Limits::default());
        let tokens = std::iter::from_fn(|| scanner.token().ok()).take(100).count();
        assert!(tokens < 10, "{tokens} tokens of {:?}", &whole[..end]);
    }
}

#[test]
fn namespace_declarations_count_among_the_attributes_of_an_element() {
    let declaring = |count: usize| {
        let declared: String = (0..count).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
        scanned(&format!("<p:a{declared}/>"))
    };
    let most = Limits::default().attributes;
    assert!(declaring(most).is_some());
    assert!(declaring(most + 1).is_none());
}

proptest! {
    #[test]
    fn a_run_ends_where_its_end_comes_first_and_is_marked_by_the_bytes_before_it(
        bytes in prop::collection::vec(prop_oneof![Just(b'<'), Just(b'"'), Just(b'\''), Just(b'&'), any::<u8>(), 0x20..0x7f_u8, 0x20..0x7f_u8], 0..40),
    ) {
        for saying in [Saying::IN_TEXT, Saying::IN_DOUBLE, Saying::IN_SINGLE] {
            let length = bytes.iter().position(|byte| *byte == saying.end);
            let run = run(&bytes, saying);
            prop_assert_eq!(run.as_ref().map(|run| run.length), length);
            let Some(Run { length, marks }) = run else { continue };
            let expected = bytes[..length].iter().fold(0, |marks, byte| marks | mark(*byte));
            // That one may stand behind the end too; `>` says something in text only.
            let exact = if saying.end == b'<' { !LAST_PLANE } else { !(LAST_PLANE | GREATER) };
            prop_assert_eq!(marks & exact, expected & exact);
            prop_assert!(marks & LAST_PLANE >= expected & LAST_PLANE);
        }
    }
}

// Offset and nodes behind each child of an element, and the namespaces used.
type Gone = (Vec<(usize, usize)>, Used);

// What a pass over the children of an element comes to, and how many it went over by their shape; None when
// it is not for it.
fn children(markup: &str, is_by_shape: bool) -> Option<(Gone, usize)> {
    let scope = [("p".to_owned(), SCOPE.to_owned()), ("q".to_owned(), "urn:q".to_owned())];
    let mut scanner = Scanner::new(markup, 0, &scope, Limits::default());
    let mut shapes = Shapes::<(usize, Option<String>)>::default();
    let (mut behind, mut followed) = (Vec::new(), 0);
    scanner.token().ok()?;
    loop {
        if is_by_shape && let Some(((count, first), values)) = shapes.follow(&mut scanner) {
            assert_eq!(*count, values.len());
            assert!(first.as_deref().is_none_or(|first| first == values[0].raw), "fixed");
            for value in values {
                assert_eq!(markup.get(value.at..value.at + value.raw.len()), Some(value.raw));
            }
            followed += 1;
            behind.push((scanner.offset(), scanner.nodes));
            continue;
        }
        shapes.begin(&mut scanner);
        let (mut values, mut first) = (0, None);
        loop {
            match scanner.token().ok()? {
                Token::Start(_) => {
                    values += scanner.attributes.len();
                    let attribute = scanner.attributes.first().map(|attribute| attribute.value.raw);
                    first = first.or(attribute.filter(|_| values == scanner.attributes.len()));
                }
                Token::Text(text) => values += usize::from(!is_blank(text)),
                Token::End if scanner.depth() == 1 => break,
                Token::End if scanner.depth() == 0 => return Some(((behind, scanner.take_used()), followed)),
                Token::End => {}
            }
        }
        behind.push((scanner.offset(), scanner.nodes));
        let fixed = first.map(|_| 0).into_iter().collect();
        shapes.learn(&mut scanner, |_| Some(((values, first.map(str::to_owned)), fixed)));
    }
}

const CHILDREN: [&str; 4] = [
    "<p:s n='a'><p:l>\n<p:v>x</p:v></p:l></p:s>",
    "\n <p:c i=\"1\" q:j='2'><p:n v='x &amp; y'/> </p:c>",
    "<s xmlns='urn:d' xmlns:q='urn:e'><q:v>x &lt; y &gt;</q:v>z</s>",
    "<p:e/>",
];

#[test]
fn children_of_a_known_shape_are_gone_over_by_it() {
    let markup = format!("<p:o>{}</p:o>", CHILDREN.concat().repeat(3));
    let (_, followed) = children(&markup, true).expect("it is plain");
    assert_eq!(followed, 8);
    let redeclared = markup.replacen("<p:o>", "<p:o xmlns:p='urn:p2'>", 1);
    assert!(children(&redeclared, true).is_some());
}

#[test]
fn neither_a_long_child_nor_one_behind_a_text_is_a_shape_for_others() {
    let followed =
        |child: &str| children(&format!("<p:o>{}</p:o>", child.repeat(4)), true).expect("it is plain").1;
    assert_eq!(followed("<p:e a='b'/>"), 3);
    assert_eq!(followed("x<p:e a='b'/>"), 0);
    assert_eq!(followed(&format!("<p:e{}a='b'/>", " ".repeat(20_000))), 0);
}

#[test]
fn a_child_of_another_shape_leaves_the_values_alone_that_have_always_been_the_same() {
    let usual = |n: usize| format!("<p:c i='{n}' j='same'><p:n/></p:c>");
    let odd = "<p:c i='9' j='other'><p:m/></p:c>";
    let markup = format!("<p:o>{}{odd}{}{}</p:o>", usual(1), usual(2), usual(3));
    let scope = [("p".to_owned(), SCOPE.to_owned())];
    let mut scanner = Scanner::new(&markup, 0, &scope, Limits::default());
    let mut shapes = Shapes::<()>::default();
    scanner.token().unwrap();
    let mut learned = Vec::new();
    for is_known in [false, false, true, true] {
        let raw = shapes.follow(&mut scanner).map(|(_, values)| values[1].raw);
        assert_eq!(raw.is_some(), is_known);
        learned.extend(raw);
        if !is_known {
            shapes.begin(&mut scanner);
            while scanner.token().unwrap() != Token::End || scanner.depth() > 1 {}
            shapes.learn(&mut scanner, |_| Some(((), Vec::new())));
        }
    }
    let first = markup.find("same").unwrap();
    assert!(std::ptr::eq(learned[1], &markup[first..first + 4]), "it was taken for one that varies");
}

proptest! {
    #[test]
    fn by_its_shape_markup_is_gone_over_as_token_by_token(
        order in prop::collection::vec(0..4_usize, 2..9),
        edits in prop::collection::vec((0..600_usize, 0..20_usize, any::<bool>()), 0..4),
    ) {
        const PIECES: [&str; 20] = [
            "<", ">", "/>", "\"", "'", "&amp;", "&", " ", "", "p:", " xmlns:p='urn:x'", " xmlns='urn:y'", " a='b'", "\r\n",
            "<p:e/>", "</p:s>", "x", "]]>", "\u{1}", "\u{ffff}",
        ];
        let mut markup = order.into_iter().filter_map(|at| CHILDREN.get(at)).copied().collect::<String>();
        for (at, piece, is_cut) in edits {
            let at = (0..=at % (markup.len() + 1)).rev().find(|at| markup.is_char_boundary(*at)).unwrap();
            let until = if is_cut { at + markup[at..].chars().next().map_or(0, char::len_utf8) } else { at };
            markup.replace_range(at..until, PIECES[piece]);
        }
        let markup = format!("<p:o>{markup}</p:o>");
        let (by_tokens, by_shape) = (children(&markup, false), children(&markup, true));
        prop_assert_eq!(by_tokens.map(|(gone, _)| gone), by_shape.map(|(gone, _)| gone));
    }
}
