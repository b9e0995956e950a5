package kakehashi.interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Association;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationLabel;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.LocalizedString;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.ObjectReference;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.XDSMetaClass;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsByReferenceIdQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetByIdQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetByUuidQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFromDocumentQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetRelatedDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.PatientIdBasedStoredQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.Query;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Status;

/**
 * The objects of one patient, and every stored query about them. One submission set brought all entries and the folder;
 * the folder holds the first two; the third is an addendum to the first.
 */
final class Registry {
    /** What the first entry refers to. */
    static final String REFERENCE = "ORDER-1^^^&2.999.34.9&ISO^urn:ihe:iti:xds:2013:order";

    private final List<DocumentEntry> entries;
    private final SubmissionSet set = new SubmissionSet();
    private final Folder folder = new Folder();
    private final List<Association> associations = new ArrayList<>();

    Registry(Place place, List<DocumentEntry> entries) {
        this.entries = entries;
        DocumentEntry first = entries.get(0);
        described(set, first, place.root() + ".4.1", "紹介状一式");
        set.setAuthor(first.getAuthors().get(0));
        set.setContentTypeCode(first.getTypeCode());
        set.setSourceId(place.root());
        set.setSubmissionTime("20260401100000");
        described(folder, first, place.root() + ".5.1", "循環器内科の経過");
        folder.getCodeList().add(first.getClassCode());
        folder.setLastUpdateTime("20260401100000");
        entries.forEach(entry -> member(set, entry));
        member(set, folder);
        entries.stream().limit(2).forEach(entry -> member(folder, entry));
        if (entries.size() > 2) {
            join(AssociationType.APPEND, entries.get(2), first);
        }
    }

    private static void described(XDSMetaClass object, DocumentEntry like, String unique, String title) {
        object.setUniqueId(unique);
        object.setEntryUuid(Documents.uuid(unique));
        object.setHomeCommunityId(like.getHomeCommunityId());
        object.setPatientId(like.getPatientId());
        object.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        object.setTitle(new LocalizedString(title, "ja-JP", "UTF-8"));
    }

    private void member(XDSMetaClass whole, XDSMetaClass part) {
        Association association = join(AssociationType.HAS_MEMBER, whole, part);
        if (whole == set && part instanceof DocumentEntry) {
            association.setLabel(AssociationLabel.ORIGINAL);
        }
    }

    private Association join(AssociationType type, XDSMetaClass from, XDSMetaClass to) {
        String uuid = Documents.uuid(from.getUniqueId() + "|" + to.getUniqueId());
        Association association = new Association(type, uuid, from.getEntryUuid(), to.getEntryUuid());
        association.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        associations.add(association);
        return association;
    }

    QueryResponse answer(Query query, QueryReturnType returns) {
        QueryResponse found = new QueryResponse(Status.SUCCESS);
        if (query instanceof PatientIdBasedStoredQuery of && !set.getPatientId().equals(of.getPatientId())) {
            return found;
        }
        find(query, found);
        return returns == QueryReturnType.OBJECT_REF ? references(found) : found;
    }

    private void find(Query query, QueryResponse found) {
        switch (query.getType()) {
            case FIND_DOCUMENTS -> found.getDocumentEntries().addAll(entries);
            case FIND_DOCUMENTS_BY_REFERENCE_ID -> {
                List<String> wanted = ((FindDocumentsByReferenceIdQuery) query).getReferenceIds().getOuterList().get(0);
                documents(found, entry -> wanted.contains(REFERENCE) && entry == entries.get(0));
            }
            case FIND_SUBMISSION_SETS -> found.getSubmissionSets().add(set);
            case FIND_FOLDERS -> found.getFolders().add(folder);
            case GET_ALL -> {
                found.getDocumentEntries().addAll(entries);
                found.getSubmissionSets().add(set);
                found.getFolders().add(folder);
                found.getAssociations().addAll(associations);
            }
            case GET_DOCUMENTS -> documents(found, named(ids(query)));
            case GET_FOLDERS -> folders(found, named(ids(query)));
            case GET_ASSOCIATIONS -> joining(found, association -> touches(association, ids(query)));
            case GET_DOCUMENTS_AND_ASSOCIATIONS -> {
                documents(found, named(ids(query)));
                Set<String> told = uuids(found.getDocumentEntries());
                joining(found, association -> touches(association, told));
            }
            case GET_SUBMISSION_SETS -> {
                joining(found, association -> association.getSourceUuid().equals(set.getEntryUuid())
                        && ids(query).contains(association.getTargetUuid()));
                if (!found.getAssociations().isEmpty()) {
                    found.getSubmissionSets().add(set);
                }
            }
            case GET_SUBMISSION_SET_AND_CONTENTS -> {
                if (named(ids(query)).test(set)) {
                    found.getSubmissionSets().add(set);
                    found.getFolders().add(folder);
                    contents(found, set);
                }
            }
            case GET_FOLDER_AND_CONTENTS -> {
                folders(found, named(ids(query)));
                if (!found.getFolders().isEmpty()) {
                    contents(found, folder);
                }
            }
            case GET_FOLDERS_FOR_DOCUMENT -> {
                List<DocumentEntry> of = entries.stream().filter(named(ids(query))).toList();
                folders(found, any -> members(folder).stream().anyMatch(of::contains));
            }
            case GET_RELATED_DOCUMENTS -> related((GetRelatedDocumentsQuery) query, found);
            default -> throw new IllegalArgumentException("not kept here: " + query.getType());
        }
    }

    private void contents(QueryResponse found, XDSMetaClass whole) {
        found.getDocumentEntries().addAll(members(whole));
        joining(found, association -> association.getSourceUuid().equals(whole.getEntryUuid()));
    }

    private List<DocumentEntry> members(XDSMetaClass whole) {
        return entries.stream().filter(entry -> associations.stream().anyMatch(one ->
                one.getSourceUuid().equals(whole.getEntryUuid()) && one.getTargetUuid().equals(entry.getEntryUuid()))).toList();
    }

    private void related(GetRelatedDocumentsQuery query, QueryResponse found) {
        Set<String> of = uuids(entries.stream().filter(named(ids(query))).toList());
        Set<String> all = uuids(entries);
        joining(found, association -> query.getAssociationTypes().contains(association.getAssociationType())
                && touches(association, of) && all.contains(association.getSourceUuid()));
        documents(found, entry -> found.getAssociations().stream().anyMatch(one -> touches(one, Set.of(entry.getEntryUuid()))));
    }

    private void documents(QueryResponse found, Predicate<? super DocumentEntry> is) {
        entries.stream().filter(is).forEach(found.getDocumentEntries()::add);
    }

    private void folders(QueryResponse found, Predicate<? super Folder> is) {
        Stream.of(folder).filter(is).forEach(found.getFolders()::add);
    }

    private void joining(QueryResponse found, Predicate<Association> is) {
        associations.stream().filter(is).forEach(found.getAssociations()::add);
    }

    private static boolean touches(Association association, Collection<String> uuids) {
        return uuids.contains(association.getSourceUuid()) || uuids.contains(association.getTargetUuid());
    }

    private static Predicate<XDSMetaClass> named(Set<String> ids) {
        return object -> ids.contains(object.getEntryUuid()) || ids.contains(object.getUniqueId());
    }

    private static Set<String> uuids(List<? extends XDSMetaClass> objects) {
        return new TreeSet<>(objects.stream().map(XDSMetaClass::getEntryUuid).toList());
    }

    /** The ids that a query names, of either sort. */
    static Set<String> ids(Query query) {
        Set<String> ids = new TreeSet<>();
        if (query instanceof GetByUuidQuery get && get.getUuids() != null) {
            ids.addAll(get.getUuids());
        }
        if (query instanceof GetByIdQuery get && get.getUniqueIds() != null) {
            ids.addAll(get.getUniqueIds());
        }
        if (query instanceof GetFromDocumentQuery get) {
            Stream.of(get.getUuid(), get.getUniqueId()).filter(id -> id != null).forEach(ids::add);
        }
        return ids;
    }

    private QueryResponse references(QueryResponse found) {
        QueryResponse told = new QueryResponse(Status.SUCCESS);
        Stream<String> objects = Stream.of(found.getDocumentEntries(), found.getFolders(), found.getSubmissionSets())
                .flatMap(List::stream).map(XDSMetaClass::getEntryUuid);
        Stream<String> joined = found.getAssociations().stream().map(Association::getEntryUuid);
        Stream.concat(objects, joined).forEach(uuid -> told.getReferences().add(
                new ObjectReference(uuid, set.getHomeCommunityId())));
        return told;
    }
}
