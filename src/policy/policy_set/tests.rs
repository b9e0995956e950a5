use super::*;
use crate::policy::fixture::demo_files;

fn errors(file: &str, text: &str) -> Vec<PolicyError> {
    load(&[(file.to_owned(), text.to_owned())]).map(|_| ()).unwrap_err().0
}

fn wrapped(condition: &str) -> String {
    format!(
        "// head\n@id(\"a\")\n@reason(\"r\")\npermit (principal, action == Action::\"show\", resource)\nwhen {{ {condition} }};\n"
    )
}

#[test]
fn the_policies_that_ship_with_the_demo_are_valid_and_say_their_reasons_in_both_languages() {
    let loaded = load(&demo_files()).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.set.num_of_policies() >= 30);
    for policy in loaded.set.policies() {
        let reason = policy.annotation("reason").unwrap_or_default();
        assert!(reason.contains(" / ") && !reason.is_ascii(), "{}", policy.id());
    }
}

#[test]
fn a_syntax_error_names_file_and_line() {
    let found = errors("x.cedar", "// head\n\npermit (principal, action resource);\n");
    assert_eq!((found[0].file.as_str(), found[0].line), ("x.cedar", 3), "{found:?}");
}

#[test]
fn a_word_that_the_schema_does_not_have_is_named_with_file_and_line() {
    let found = errors("x.cedar", &wrapped("resource.kidn == \"OML-11\""));
    assert_eq!((found[0].file.as_str(), found[0].line), ("x.cedar", 5), "{found:?}");
    assert!(found[0].why.contains("kidn") && !found[0].hint.is_empty(), "{found:?}");
}

#[test]
fn a_comparison_of_different_types_is_refused() {
    assert!(!errors("x.cedar", &wrapped("resource.original == \"yes\"")).is_empty());
}

#[test]
fn every_policy_needs_an_id_of_its_own_and_a_reason() {
    let all = "permit (principal, action, resource);\n";
    assert!(errors("x.cedar", all)[0].why.contains("@id"));
    assert!(errors("x.cedar", &format!("@id(\"a\")\n{all}"))[0].why.contains("@reason"));
    let named = format!("@id(\"a\")\n@reason(\"r\")\n{all}");
    let twice = [("x.cedar".to_owned(), named.clone()), ("y.cedar".to_owned(), named)];
    let found = load(&twice).map(|_| ()).unwrap_err().0;
    assert!(found[0].file == "y.cedar" && found[0].why.contains("x.cedar"), "{found:?}");
}

#[test]
fn templates_and_unknown_obligations_are_refused() {
    let template = "@id(\"a\")\n@reason(\"r\")\npermit (principal in ?principal, action, resource);";
    assert!(errors("x.cedar", template)[0].why.contains("template"));
    let obligation =
        "@id(\"a\")\n@reason(\"r\")\n@obligation(\"emergncy\")\npermit (principal, action, resource);";
    assert!(errors("x.cedar", obligation)[0].why.contains("emergncy"));
}

#[test]
fn a_schema_that_is_not_the_programs_is_refused() {
    let found = errors(SCHEMA_FILE, "entity Community;");
    assert!(found[0].hint.contains("belongs to the program"), "{found:?}");
    assert!(load(&[(SCHEMA_FILE.to_owned(), SCHEMA.replace('\n', "\r\n"))]).is_ok());
}

#[test]
fn the_hash_changes_with_a_name_and_with_a_text_and_with_nothing_else() {
    let of = |name: &str, text: &str| load(&[(name.to_owned(), text.to_owned())]).unwrap().hash;
    let (one, other) = (wrapped("resource.original"), wrapped("resource.own"));
    assert_eq!(of("x.cedar", &one), of("x.cedar", &one));
    assert_ne!(of("x.cedar", &one), of("y.cedar", &one));
    assert_ne!(of("x.cedar", &one), of("x.cedar", &other));
}

#[test]
fn a_folder_is_read_sorted_and_other_files_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.cedar", "a.cedar", "notes.txt", ".a.cedar.swp", "schema.cedarschema"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let names: Vec<_> = read_folder(folder.path()).unwrap().into_iter().map(|file| file.0).collect();
    assert_eq!(names, ["a.cedar", "b.cedar", "schema.cedarschema"]);
    assert!(read_folder(&folder.path().join("none")).is_err());
}
