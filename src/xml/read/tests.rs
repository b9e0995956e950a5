use super::*;

fn drain(source: &str) -> Result<usize, Malformed> {
    let mut reader = Reader::new(source);
    let mut count = 0;
    while !matches!(reader.next()?, Event::Eof) {
        count += 1;
    }
    Ok(count)
}

fn code(source: &str) -> &'static str {
    drain(source).unwrap_err().code
}

#[test]
fn a_document_type_declaration_is_refused() {
    assert_eq!(code("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "dtd-forbidden");
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for bad in [
        "",
        " ",
        "text",
        "<a>",
        "<a></b>",
        "<a/>text",
        "<p:a/>",
        "<a b='1' b='2'/>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a>\u{1}</a>",
        "<a b='<'/>",
        "<a b='&x;'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<a xmlns:p='u' xmlns:q='&#117;' p:b='1' q:b='2'/>",
        "<a xmlns:unused='&x;'/>",
        "<p: xmlns:p='u'/>",
        "<:a/>",
        "<1a/>",
        "<a'b/>",
        "<a xmlns:p='u' p:='1'/>",
        "<a xmlns:p='u' p:q:r='1'/>",
        "<a -b='1'/>",
        "<a xmlns:unused='<'/>",
        "<a xmlns:unused='&#1;'/>",
    ] {
        assert_eq!(code(bad), "malformed-xml", "{bad:?}");
    }
    assert_eq!(code("<a/><b/>"), "second-root");
}

#[test]
fn depth_nodes_and_attributes_have_caps() {
    let deep = "<a>".repeat(65) + &"</a>".repeat(65);
    assert_eq!(code(&deep), "too-deep");
    let many: String = (0..65).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(code(&format!("<a{many}/>")), "too-many-attributes");
    let mut reader = Reader::with_limits("<a><b/><b/></a>", Limits { nodes: 2, ..Limits::default() });
    let failed = (0..9).find_map(|_| reader.next().err());
    assert_eq!(failed.map(|e| e.code), Some("too-many-nodes"));
}

#[test]
fn references_and_cdata_join_the_text_around_them() {
    let mut reader = Reader::new("<a>x&amp;<!-- c -->&#x9ad9;<![CDATA[<y>]]>z</a>");
    reader.root().unwrap();
    assert_eq!(reader.text_content().unwrap(), "x&髙<y>z");
    reader.finish().unwrap();
}

#[test]
fn names_are_told_by_namespace_whatever_the_prefix() {
    let mut reader =
        Reader::new("<p:a xmlns:p='urn:x' xmlns:xsi='urn:i' xsi:t='p:CE' b='1'><c xmlns='urn:y'/></p:a>");
    let root = reader.root().unwrap();
    assert!(root.is("urn:x", "a"));
    assert_eq!((root.attribute_ns("urn:i", "t"), root.attribute("b")), (Some("p:CE"), Some("1")));
    assert_eq!(reader.qname("p:CE"), ("urn:x".to_owned(), "CE".to_owned()));
    assert!(reader.child().unwrap().unwrap().is("urn:y", "c"));
    reader.skip().unwrap();
    assert!(reader.child().unwrap().is_none());
}

#[test]
fn references_and_white_space_in_a_namespace_are_those_of_any_attribute() {
    let mut reader = Reader::new("<p:a xmlns:p='&#117;rn:x&amp;y' xmlns='u\nv'><b q='p:c'/></p:a>");
    assert!(reader.root().unwrap().is("urn:x&y", "a"));
    assert!(reader.child().unwrap().unwrap().is("u v", "b"));
    assert_eq!(reader.qname("p:c").0, "urn:x&y");
    let mut scope = reader.namespaces();
    scope.sort();
    assert_eq!(scope, [(String::new(), "u v".to_owned()), ("p".to_owned(), "urn:x&y".to_owned())]);
    // What looks like another's resolved name is not that name.
    let mut reader = Reader::new("<p:a xmlns:p='x&amp;#121;'><q:b xmlns:q='x&#121;'/></p:a>");
    assert!(reader.root().unwrap().is("x&#121;", "a"));
    assert!(reader.child().unwrap().unwrap().is("xy", "b"));
}

#[test]
fn the_place_of_an_error_is_told_as_line_and_column() {
    assert_eq!(drain("<a>\n 漢<b/><c/>&x;</a>").unwrap_err().at, "2:11");
}

#[test]
fn namespaces_in_scope_are_those_of_the_innermost_declaration() {
    let mut reader = Reader::new("<a xmlns='u1' xmlns:p='u2'><p:b xmlns:p='u3'/></a>");
    reader.root().unwrap();
    reader.child().unwrap();
    let mut scope = reader.namespaces();
    scope.sort();
    assert_eq!(scope, [(String::new(), "u1".to_owned()), ("p".to_owned(), "u3".to_owned())]);
}

proptest::proptest! {
    #[test]
    fn no_input_panics(source in "[<>a-c/&;#x! '\"=:\\[\\]\\-\u{1}\u{9ad9}\r\n]{0,80}") {
        let _ = drain(&source);
    }

    #[test]
    fn text_written_is_text_read(text in "[\\PC\\t\\n&<>'\"]{0,60}") {
        let mut writer = crate::xml::Writer::new();
        writer.start("a").attribute("b", &text).text(&text).end();
        let source = writer.finish();
        let mut reader = Reader::new(&source);
        let root = reader.root().unwrap();
        proptest::prop_assert_eq!(root.attribute("b"), Some(text.as_str()));
        proptest::prop_assert_eq!(reader.text_content().unwrap(), text);
    }
}

// Everything a reader tells of a document, or its refusal; runs of text joined.
fn told_of(mut reader: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut lines = Vec::new();
    let mut run = String::new();
    loop {
        let event = reader.next()?;
        if let Event::Text(text) = &event {
            run.push_str(text);
            continue;
        }
        if !run.is_empty() {
            lines.push(format!("{:?}", std::mem::take(&mut run)));
        }
        let at = (reader.offset(), reader.depth(), reader.nodes());
        match event {
            Event::Eof => return Ok(lines),
            Event::Start(element) => {
                let mut scope = reader.namespaces();
                scope.sort();
                let names = (reader.qname("p:x"), reader.qname("x"), reader.qname("xml:x"));
                lines.push(format!("{element:?} {at:?} {scope:?} {names:?}"));
            }
            _ => lines.push(format!("end {at:?}")),
        }
    }
}

const BOTH: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- c --><p:a xmlns:p='urn:p' b='1 &amp; 2' p:b=\"x\">\
    <d xmlns='urn:d' xml:lang=\"ja\" p:t='p:CE'>\n <e f=\"'\"/>\u{5c71}&lt;&gt;\u{5ddd}&#10;<!-- - --></d>\
    <![CDATA[<x>]]><p:g xmlns:p='urn:q' xmlns:q='urn:q' p:h='1'/> tail</p:a>\n<!-- end -->";

#[test]
fn the_plain_way_gives_way_where_something_is_not_plain() {
    for odd in ["", "<![CDATA[]]>", "&#65;", "<?p q?>", "\u{5c71}='1'", "<b c='\t'/>"] {
        let source = format!("<!--x--><a><b d='1'/>t &amp; u{odd}<c/>v</a>");
        let limits = Limits::default();
        let (fast, slow) = (told_of(Reader::new(&source)), told_of(Reader::in_full(&source, limits)));
        assert_eq!(fast.unwrap(), slow.unwrap(), "{odd}");
    }
}

proptest::proptest! {
    #[test]
    fn both_ways_tell_the_same_of_any_document(
        edits in proptest::collection::vec((0..BOTH.len(), 0..26_usize, proptest::bool::ANY), 0..4),
        is_plain in proptest::bool::ANY,
    ) {
        const PIECES: [&str; 26] = [
            "<", ">", "/>", "</", "'", "\"", "&", ";", "&gt;", " ", "=", "p:", "xmlns", ":", "a", "\r\n", "]]>",
            "\u{ffff}", "<p:a>", "</p:a>", "<!--", "-->", "<?", "?>", "xml", "&#x41;",
        ];
        let mut source = BOTH.to_owned();
        if is_plain {
            source = source.replace("<![CDATA[<x>]]>", "").replace("&#10;", "");
        }
        for (at, piece, is_cut) in edits {
            let at = (0..=at.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap();
            let until = if is_cut { source[at..].chars().next().map_or(at, |c| at + c.len_utf8()) } else { at };
            source.replace_range(at..until, PIECES[piece]);
        }
        let (fast, slow) = (Reader::new(&source), Reader::in_full(&source, Limits::default()));
        proptest::prop_assert_eq!(told_of(fast), told_of(slow));
        let (fast, slow) = (Reader::new(&source), Reader::in_full(&source, Limits::default()));
        proptest::prop_assert_eq!(fast.finish(), slow.finish());
    }
}
