//! The declared losses. A row for each field of each peer, with who loses it, what becomes of it, and why
//! it is so on purpose.

use super::{Becomes, Loss, Of, Seen};
use crate::pairs::asking::{PORTALS, Portal};
use crate::pairs::peers::{PEERS, Peer};
use crate::pairs::table::{DOCUMENTS, Document};

use Becomes::{Is, Made, Minted, Missing, NotShown};
use Of::{Associations, Entries, Packages, Retrieved, These, TheseAssociations, TheseSets};

const EVERY: &[Peer] = &PEERS;
/// Those that have folders, submission sets and associations.
const WITH_PACKAGES: &[Peer] = &[Peer::XdsNetwork, Peer::XdsSource, Peer::Xca, Peer::Kakehashi];
/// Those who know her by another id than the one that a portal which names homes asks by.
const RENUMBERED: &[Peer] = &[Peer::XdsSource, Peer::Kakehashi, Peer::Ssmix2];
const RENUMBERED_WITH_PACKAGES: &[Peer] = &[Peer::XdsSource, Peer::Kakehashi];
const BEYOND: &[Peer] = &[Peer::Kakehashi];
const STORAGE: &[Peer] = &[Peer::Ssmix2];
const ANEW: &[Peer] = &[Peer::Kakehashi, Peer::Ssmix2];
const EITHER: &[Portal] = &PORTALS;
const PLAIN: &[Portal] = &[Portal::Plain];
const HOMES: &[Portal] = &[Portal::Homes];

const fn loss(
    (peers, portals): (&'static [Peer], &'static [Portal]),
    of: Of,
    field: &'static str,
    becomes: Becomes,
    why: &'static str,
) -> Loss {
    Loss { peers, portals, of, field, becomes, why }
}

const HOME: Becomes = Made("the holder's home", |seen, _| seen.holder.home().to_string());
const ASKED: Becomes = Made("the id that was asked by", |seen, _| seen.asked.to_owned());

const ADDED: &str = "what a portal is shown says whose it is, also to one that names no homes";
const ONE_ID: &str = "a portal knows a person by the id that it asked by, and its product refuses others";
const UNTOLD: &str = "a portal that names no home is told none where it fetches";
const OWN_WORDS: &str = "what leaves a registry of ours for another network is built anew: nobody knows what a hospital's product \
                         puts there, and it may be number, address or insurance";
const NO_PLACE: &str = "an SS-MIX2 storage has no place for it";
const NO_PACKAGES: &str = "an SS-MIX2 storage has neither folders nor submission sets; of associations it has those of \
                           a rendition with its original";
const FOLLOWS: &str = "made of the id of the object, which is built by us";

/// All of them.
pub static DECLARED: &[Loss] = &[
    loss((EVERY, EITHER), Entries, "@home", HOME, ADDED),
    loss((WITH_PACKAGES, EITHER), Packages, "@home", HOME, ADDED),
    loss((WITH_PACKAGES, EITHER), Associations, "@home", HOME, ADDED),
    loss((EVERY, PLAIN), Entries, "patientId", ASKED, ONE_ID),
    loss((WITH_PACKAGES, PLAIN), Packages, "patientId", ASKED, ONE_ID),
    loss((RENUMBERED, HOMES), Entries, "patientId", ASKED, ONE_ID),
    loss((RENUMBERED_WITH_PACKAGES, HOMES), Packages, "patientId", ASKED, ONE_ID),
    loss((EVERY, PLAIN), Retrieved, "@home", Missing, UNTOLD),
    // Another kakehashi: its site's objects are built anew before they leave for us.
    loss(
        (BEYOND, EITHER),
        These(&[16]),
        "",
        NotShown,
        "an entry whose size is 0 is taken for one that is made when it is fetched, like the next",
    ),
    loss(
        (BEYOND, EITHER),
        These(&[25]),
        "",
        NotShown,
        "what is made when it is fetched (on demand) cannot be held against what its entry said, and does not leave",
    ),
    loss(
        (BEYOND, EITHER),
        These(&[28]),
        "",
        NotShown,
        "no code tells of which kind it is (xds.kinds), and agreements permit kinds",
    ),
    loss(
        (BEYOND, EITHER),
        TheseAssociations(&[127, 136, 140], "associations with what is not shown"),
        "",
        NotShown,
        "an association is shown with both its ends",
    ),
    loss((BEYOND, EITHER), Packages, "@lid", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "comments", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "comments xml:lang", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "comments charset", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "intendedRecipient", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "urn:x-vendor:batch", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "urn:x-vendor:ward", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Packages, "ids of Classifications and ExternalIdentifiers", Minted, FOLLOWS),
    loss((BEYOND, EITHER), Associations, "@lid", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Associations, "urn:x-vendor:reason", Missing, OWN_WORDS),
    loss(
        (BEYOND, EITHER),
        TheseAssociations(&[202], "associations with associationDocumentation"),
        "ids of Classifications and ExternalIdentifiers",
        Minted,
        FOLLOWS,
    ),
    loss((BEYOND, EITHER), Entries, "@lid", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "version", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "comments", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "comments xml:lang", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "comments charset", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "URI", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "legalAuthenticator", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "sourcePatientInfo", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "urn:ihe:iti:xds:2010:documentAvailability", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "urn:x-vendor:page-count", Missing, OWN_WORDS),
    loss((BEYOND, EITHER), Entries, "urn:x-vendor:keywords", Missing, OWN_WORDS),
    loss(
        (BEYOND, EITHER),
        Entries,
        "sourcePatientId",
        Made("the network id", |_, _| "H-1^^^&2.999.34.1&ISO".to_owned()),
        "the hospital's number does not cross the border",
    ),
    loss((BEYOND, EITHER), TheseSets(&[53]), "authorPerson", FIRST, ONE_OF_EACH),
    loss((BEYOND, EITHER), TheseSets(&[53]), "authorInstitution", FIRST, ONE_OF_EACH),
    loss((BEYOND, EITHER), TheseSets(&[53]), "authorRole", FIRST, ONE_OF_EACH),
    loss((BEYOND, EITHER), TheseSets(&[53]), "authorSpecialty", FIRST, ONE_OF_EACH),
    loss(
        (BEYOND, EITHER),
        TheseSets(&[53]),
        "authorTelecommunication",
        Is("–; –"),
        "how to reach its staff is the hospital's own",
    ),
    loss((BEYOND, EITHER), These(&[6]), "authorPerson", FIRST, ONE_OF_EACH),
    loss((BEYOND, EITHER), These(&[6]), "authorInstitution", FIRST, ONE_OF_EACH),
    loss((BEYOND, EITHER), These(&[6]), "authorRole", FIRST, ONE_OF_EACH),
    loss((BEYOND, EITHER), These(&[6]), "authorSpecialty", FIRST, ONE_OF_EACH),
    loss(
        (BEYOND, EITHER),
        These(&[6]),
        "authorTelecommunication",
        Is("–; –"),
        "how to reach its staff is the hospital's own",
    ),
    loss(
        (BEYOND, EITHER),
        These(&[9]),
        "confidentialityCode",
        Made("with R beside it", |_, was| {
            format!("{was}; R | restricted | codingScheme=2.16.840.1.113883.5.25")
        }),
        "a confidentiality in words that nobody here knows is held back like a restricted one",
    ),
    loss(
        (BEYOND, EITHER),
        These(&[30]),
        "eventCodeList",
        Made("a display name is the code", |_, was| was.replace("E1 |  |", "E1 | E1 |")),
        "a code needs a display name (ITI TF-3 4.2.3.2), and it has none",
    ),
    // An SS-MIX2 storage: what it knows stands in the names of its folders.
    loss((STORAGE, EITHER), Packages, "", NotShown, NO_PACKAGES),
    loss((STORAGE, EITHER), Associations, "", NotShown, NO_PACKAGES),
    loss(
        (STORAGE, EITHER),
        These(&[16]),
        "",
        NotShown,
        "an empty file is taken for one that is not written yet, and set aside",
    ),
    loss((STORAGE, EITHER), Entries, "@id", Minted, "made of the path, so that it stays the same"),
    loss((STORAGE, EITHER), Entries, "uniqueId", Minted, "made of the path, so that it stays the same"),
    loss((STORAGE, EITHER), Entries, "@lid", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "version", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "comments", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "comments xml:lang", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "comments charset", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "URI", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "legalAuthenticator", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "sourcePatientInfo", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "urn:ihe:iti:xds:2010:documentAvailability", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "urn:x-vendor:page-count", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "urn:x-vendor:keywords", Missing, NO_PLACE),
    loss((STORAGE, EITHER), Entries, "eventCodeList", Missing, IN_MESSAGES),
    loss((STORAGE, EITHER), Entries, "urn:ihe:iti:xds:2013:referenceIdList", Missing, IN_MESSAGES),
    loss((STORAGE, EITHER), Entries, "authorPerson", Is("–"), IN_MESSAGES),
    loss((STORAGE, EITHER), Entries, "authorRole", Is("–"), NO_PLACE),
    loss((STORAGE, EITHER), Entries, "authorTelecommunication", Is("–"), NO_PLACE),
    loss(
        (STORAGE, EITHER),
        Entries,
        "authorInstitution",
        Is("okayama-univ^^^^^&2.999.33.20&ISO^^^^3310000001"),
        "the author's institution is whose storage it is",
    ),
    loss(
        (STORAGE, EITHER),
        Entries,
        "authorSpecialty",
        Made("the department of the file's name", |seen, _| department(document(seen)).to_owned()),
        "the author's department is the file's",
    ),
    loss(
        (STORAGE, EITHER),
        Entries,
        "title",
        Made("the name of the kind, and of the format", |seen, _| {
            let document = document(seen);
            format!("{}（{}）", document.type_code.2, format(document).to_uppercase())
        }),
        NO_PLACE,
    ),
    loss((STORAGE, EITHER), These(&[4, 5]), "title xml:lang", Is("ja-JP"), JAPANESE),
    loss((STORAGE, EITHER), These(&[4, 5]), "languageCode", Is("ja-JP"), JAPANESE),
    loss(
        (STORAGE, EITHER),
        Entries,
        "classCode",
        Made("the class of the kind, in our codes", |seen, _| {
            let class = match document(seen).class {
                ("X1", ..) => "その他の文書",
                (class, ..) => class,
            };
            format!("{class} | {class} | codingScheme=2.999.392.1")
        }),
        "the class follows from the kind",
    ),
    loss(
        (STORAGE, EITHER),
        Entries,
        "formatCode",
        Made("JAMI's code for a document of the extension storage", |seen, _| {
            let (document, scheme) = (document(seen), "codingScheme=2.999.392.3");
            format!(
                "urn:jami:ssmix2:1.2:extension:{} | {} | {scheme}",
                format(document),
                document.type_code.2
            )
        }),
        "of the format the storage knows the media type",
    ),
    loss(
        (STORAGE, EITHER),
        Entries,
        "confidentialityCode",
        Is("N | 通常 | codingScheme=2.16.840.1.113883.5.25"),
        "a storage says nothing of confidentiality; restricted departments and codes are named in its file",
    ),
    loss(
        (STORAGE, EITHER),
        These(&[28]),
        "healthcareFacilityTypeCode",
        Is("HOSP | 病院 | codingScheme=2.16.840.1.113883.5.111"),
        "the facility's type stands in its file",
    ),
    loss(
        (STORAGE, EITHER),
        These(&[28]),
        "practiceSettingCode",
        Is("99 | 99 | codingScheme=1.2.392.200250.2.2.2"),
        "departments are of table 0069, which has no such code",
    ),
    loss(
        (STORAGE, EITHER),
        Entries,
        "creationTime",
        Made("to the second", |seen, _| {
            let time = document(seen).creation;
            format!("{time}{}", &"20240101000000"[time.len()..])
        }),
        "a file's name says a time to the second",
    ),
    loss((STORAGE, EITHER), Entries, "serviceStartTime", Is("20240711150000"), THE_DAY),
    loss((STORAGE, EITHER), Entries, "serviceStopTime", Is("20240712145959"), THE_DAY),
    loss(
        (STORAGE, EITHER),
        These(&[25]),
        "@objectType",
        Is("urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"),
        "files are stable documents",
    ),
    loss((STORAGE, EITHER), These(&[25]), "size", Is("700"), "files are stable documents"),
    loss(
        (STORAGE, EITHER),
        These(&[25]),
        "hash",
        Made("the file's", |seen, _| super::super::written::hash(document(seen).content())),
        "files are stable documents",
    ),
    loss((ANEW, EITHER), Entries, "ids of Classifications and ExternalIdentifiers", Minted, FOLLOWS),
];

const FIRST: Becomes = Made("of each author the first", |_, was| {
    let firsts = was.split("; ").filter_map(|author| author.split(" ¦ ").next());
    firsts.collect::<Vec<_>>().join("; ")
});
const ONE_OF_EACH: &str =
    "what is built anew names of each author one person, institution, role and specialty";
const IN_MESSAGES: &str = "a storage has it within HL7 messages and CDA headers, not beside other files";
const JAPANESE: &str = "a storage says no language, and its kinds are named in Japanese";
const THE_DAY: &str = "the day of the folder, in Japan";

fn document(seen: &Seen<'_>) -> &'static Document {
    DOCUMENTS.iter().find(|document| document.number == seen.number).unwrap()
}

fn format(document: &Document) -> &'static str {
    document.media_type.rsplit('/').next().unwrap()
}

fn department(document: &Document) -> &'static str {
    match document.practice {
        (_, "1.2.392.200250.2.2.2", name) if !name.is_empty() => name,
        _ => "–",
    }
}
