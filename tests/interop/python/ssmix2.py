"""SS-MIX2 as Kakehashi serves it: originals decoded by Python's codecs and read by hl7apy, renditions parsed as
HTML, and the two compared field by field. Asked through the portals, whose own hospitals they are."""

import hashlib
import re
import unicodedata
from datetime import date

from lxml import etree, html

import bodies
from ask_zeep import Asking, found_entries
from client_file import ClientFile, arguments
from hospital_message import Original
from rows import Rows, expect, named

ERAS = (
    (date(2019, 5, 1), "令和"),
    (date(1989, 1, 8), "平成"),
    (date(1926, 12, 25), "昭和"),
    (date(1912, 7, 30), "大正"),
    (date(1873, 1, 1), "明治"),
)
ERA_FIRST = {"令和": 2019, "平成": 1989, "昭和": 1926, "大正": 1912, "明治": 1868}
FLAGS = {"H": "高", "L": "低"}


def western(text):
    """`1968年4月12日` of a DTM."""
    return f"{text[:4]}年{int(text[4:6])}月{int(text[6:8])}日"


def japanese(text):
    """`昭和43年4月12日`."""
    day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    era = next(name for start, name in ERAS if day >= start)
    year = day.year - ERA_FIRST[era] + 1
    return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"


class Page:
    """A rendition as a reader sees it."""

    def __init__(self, data):
        self.raw = data.decode("utf-8")
        self.root = html.document_fromstring(data, parser=html.HTMLParser(encoding="utf-8"))
        for style in self.root.iter("style"):
            style.text = ""
        self.text = squeezed(self.root.text_content())
        self.rows = [cells(row) for row in self.root.iter("tr", "dl", "li")]

    def row(self, *words):
        """The one line with all these words; several are taken for the line."""
        wanted = [squeezed(word) for word in words]
        return any(all(word in row for word in wanted) for row in self.rows)


# 1-1-61, 1-1-33, 1-1-34 and others of JIS X 0208 are one character to a strict codec and another to
# Microsoft's table; which of them a page shows says nothing.
SAME_IN_JIS = str.maketrans("\u2212\u301c\u2016\u00a2\u00a3\u00ac", "\uff0d\uff5e\u2225\uffe0\uffe1\uffe2")


def cells(row):
    """A line with bars between its cells, so that one can be looked for as a whole: `|1錠|`."""
    texts = [squeezed(cell.text_content()) for cell in row.iter("td", "th", "dt", "dd")]
    return "|" + "|".join(texts or [squeezed(row.text_content())]) + "|"


def whole(text):
    """A cell that holds this and nothing else."""
    return f"|{text}|"


def squeezed(text):
    """Without white space, which says nothing here; width and variants as written."""
    return re.sub(r"\s|\u3000", "", text).translate(SAME_IN_JIS)


def folded(text):
    """For what JIS X 0208 cannot write: 髙 goes as 高, 﨑 as 崎."""
    return unicodedata.normalize("NFKC", text).replace("髙", "高").replace("﨑", "崎")


def missing_person(original, page):
    """Name, kana, birth date, sex."""
    pid = original.first("PID")
    wanted = [name.get(1, "") + name.get(2, "") for name in pid.repetitions(5)]
    wanted += [western(pid.get(7)), japanese(pid.get(7)), {"F": "女", "M": "男"}[pid.get(8)]]
    return [value for value in wanted if squeezed(value) not in page.text]


def missing_drugs(original, page):
    """OMP-01: drug, dose with unit, usage, days, route in one line."""
    missing = []
    for group in original.after("RXE", "TQ1", "RXR"):
        rxe, tq1, rxr = group["RXE"], group["TQ1"], group["RXR"]
        usage = tq1.get(3).split("&")
        line = (
            rxe.get(2, 2),
            whole(rxe.get(3) + rxe.get(5, 2)),
            usage[1],
            whole(tq1.get(6) + "日分"),
            rxr.get(1, 2),
            rxe.get(2, 1),
        )
        if not page.row(*line):
            missing.append(line)
    return missing


def missing_administrations(original, page):
    """OMP-11: drug, amount with unit, when, by whom."""
    missing = []
    for rxa in original.all("RXA"):
        nurse = rxa.repetitions(10)[0]
        line = (rxa.get(5, 2), whole(rxa.get(6) + rxa.get(7, 2)), western(rxa.get(3)), nurse[2] + nurse[3])
        if not page.row(*line):
            missing.append(line)
    return missing


def missing_results(original, page):
    """OML-11: test, value, unit, range, flag in one line; notes anywhere."""
    missing = []
    for obx in original.all("OBX"):
        flag = FLAGS.get(obx.get(8), "")
        line = (*map(whole, (obx.get(3, 2), obx.get(5), obx.get(6, 2), obx.get(7))), flag)
        if not page.row(*line):
            missing.append(line)
    missing += [nte.get(3) for nte in original.all("NTE") if squeezed(nte.get(3)) not in page.text]
    missing += [spm.get(4, 2) for spm in original.all("SPM") if squeezed(spm.get(4, 2)) not in page.text]
    return missing


def missing_problems(original, page):
    """PPR-01: diagnosis, ICD-10, whether suspected, onset in one line."""
    missing = []
    for prb in original.all("PRB"):
        suspected = "疑い" if prb.get(13) == "1" else ""
        line = (prb.get(17) or prb.get(3, 2), prb.get(10), suspected, western(prb.get(16)))
        if not page.row(*line):
            missing.append(line)
    return missing


def missing_allergies(original, page):
    """ADT-61: allergen, class, severity, reaction in one line."""
    lines = [(iam.get(3, 2), iam.get(2, 2), iam.get(4, 2), iam.get(5)) for iam in original.all("IAM")]
    return [line for line in lines if not page.row(*line)]


def missing_basics(original, page):
    """ADT-00: allergies and blood group."""
    lines = [(al1.get(3, 2), al1.get(2, 2), al1.get(4, 2)) for al1 in original.all("AL1")]
    lines += [(obx.get(3, 2), obx.get(5, 2)) for obx in original.all("OBX")]
    return [line for line in lines if not page.row(*line)]


def missing_examination(original, page):
    """OMG-11: what was ordered and what was done, with what."""
    wanted = [obr.get(4, 2) for obr in original.all("OBR")] + [ze1.get(3, 2) for ze1 in original.all("ZE1")]
    wanted += [ipc.get(5) for ipc in original.all("IPC")]
    return [value for value in wanted if squeezed(value) not in page.text]


def missing_admission(original, page):
    """ADT-22: when, ward, doctor."""
    pv1 = original.first("PV1")
    doctor = pv1.repetitions(7)[0]
    wanted = [western(pv1.get(44)), pv1.get(3, 1), doctor[2] + doctor[3]]
    return [value for value in wanted if squeezed(value) not in page.text]


KINDS = {
    "ADT-00": ("basic information, blood group, allergies", missing_basics),
    "ADT-22": ("an admission", missing_admission),
    "ADT-61": ("allergies", missing_allergies),
    "OMG-11": ("an examination", missing_examination),
    "OML-11": ("test results", missing_results),
    "OMP-01": ("a prescription", missing_drugs),
    "OMP-11": ("an administration", missing_administrations),
    "PPR-01": ("diagnoses", missing_problems),
}


def secrets(original):
    """What a rendition must leave out: number, address, telephone, insurance."""
    pid = original.first("PID")
    values = [r.get(1, "") for r in pid.repetitions(3)]
    values += [part for r in pid.repetitions(11) for part in (r.get(8, ""), r.get(5, ""))]
    values += [part for field in (13, 14) for r in pid.repetitions(field) for part in (r.get(12, ""), r.get(1, ""))]
    for name in ("IN1", "ZI1"):
        values += [segment.get(number) for segment in original.all(name) for number in (3, 10)]
    return [value for value in values if len(value) > 4]


class Pair:
    """An original and its rendition, with their entries."""

    def __init__(self, entry, data, rendition):
        self.entry, self.data = entry, data
        self.kind = kind_of(entry)[0]
        self.original = Original(data)
        self.page = Page(rendition)


def kind_of(entry):
    """Kind, and whether it is the rendition, of formatCode."""
    ((code, _),) = bodies.codes(entry, bodies.ONE_EACH["formatCode"])
    parts = code.split(":")
    is_page = parts[-1] == "html"
    return (parts[-2] if is_page else parts[-1]), is_page


def title(entry):
    """Name of an entry."""
    return entry.find(f"{{{bodies.RIM}}}Name")[0].get("value")


def place(entry):
    """What an original and its rendition have in common."""
    repository, made = bodies.slot(entry, "repositoryUniqueId"), bodies.slot(entry, "creationTime")
    return repository, made, kind_of(entry)[0], title(entry).removesuffix("［電文］")


def fetched(asking, entries):
    """Bytes of documents by uniqueId, sixteen at a time."""
    found = {}
    for start in range(0, len(entries), 16):
        some = [bodies.document_of(entry) for entry in entries[start : start + 16]]
        answer = asking.retrieve(*some)
        parts = asking.gateways["ITI-39"].parts()
        for response in answer.DocumentResponse:
            found[response.DocumentUniqueId] = next(
                p for p in parts if p.strip(b"\r\n") == response.Document.strip(b"\r\n")
            )
    return found


def pairs(file, side):
    """Originals and renditions of the one example patient that the side's own portal may see."""
    asking = Asking(file, side, "portal")
    own = file.door(side, "gateway").examples.match
    entries = [e for e in found_entries(asking, own.patient) if kind_of(e)[0] in KINDS]
    data = fetched(asking, entries)
    originals = [e for e in entries if not kind_of(e)[1]]
    pages = {place(e): e for e in entries if kind_of(e)[1]}
    expect(len(pages) == len(originals), f"{len(originals)} originals, {len(pages)} renditions")
    made = []
    for entry in originals:
        page = pages[place(entry)]
        made.append(Pair(entry, data[bodies.unique_id(entry)], data[bodies.unique_id(page)]))
    return made, own


def compare(rows, found):
    """A row for each kind and codec."""
    for kind, codec in sorted({(pair.kind, pair.original.codec) for pair in found}):
        what, missing = KINDS[kind]
        some = [p for p in found if (p.kind, p.original.codec) == (kind, codec)]

        def complete(some=some, missing=missing):
            lost = [m for p in some for m in missing(p.original, p.page) + missing_person(p.original, p.page)]
            expect(not lost, f"not in the rendition: {lost}")
            return f"{len(some)} documents"

        rows.case(f"{kind} written in {codec}: {what}, every field in the rendition", complete)


def served(rows, found, people, folder):
    """What holds of all of them."""

    def decoded():
        codecs = {pair.original.codec for pair in found}
        expect(codecs == {"iso2022_jp", "cp932"}, f"codecs {codecs}")
        return ", ".join(sorted(codecs))

    def named_right():
        for pair, own in found_with(found, people):
            name = pair.original.first("PID").repetitions(5)[0]
            told, known = folded(name[1] + name[2]), folded(own.family + own.given)
            expect(told == known, f"{told} for {known}")

    def hashes():
        for pair in found:
            expect(bodies.slot(pair.entry, "hash") == hashlib.sha1(pair.data).hexdigest(), title(pair.entry))  # noqa: S324
            expect(bodies.slot(pair.entry, "size") == str(len(pair.data)), title(pair.entry))
            expect(pair.entry.get("mimeType") == "application/hl7-v2", pair.entry.get("mimeType"))

    def as_on_disk():
        known = {p.read_bytes() for p in folder.glob("*/hospitals/**/*") if p.is_file()}
        expect(known, f"no storages below {folder}")
        changed = [title(pair.entry) for pair in found if pair.data not in known]
        expect(not changed, f"not as filed: {changed}")
        return f"{len(found)} originals"

    def nothing_secret():
        shown = [value for pair in found for value in secrets(pair.original) if value in pair.page.raw]
        expect(not shown, f"{len(shown)} values stand in a rendition")
        return f"{sum(len(secrets(pair.original)) for pair in found)} values looked for"

    def alone():
        for pair in found:
            linked = pair.page.root.xpath("//@src | //@href | //script | //form | //iframe | //object")
            expect(not linked, f"{len(linked)} references")
            expect(
                pair.page.root.get("lang") == "ja" and pair.page.root.xpath("//meta[@charset='utf-8']"),
                "lang or charset",
            )

    rows.case(
        "originals are ISO-2022-JP where MSH-18 declares it, else Shift_JIS (cp932); no byte is unreadable", decoded
    )
    rows.case("the patient's name is the one that was found", named_right)
    rows.case("hash and size of the entries are those of the originals", hashes)
    rows.case("originals are served as the hospital filed them, byte for byte", as_on_disk)
    rows.case("no rendition shows number, address, telephone or insurance", nothing_secret)
    rows.case("a rendition loads nothing and runs nothing", alone)


def found_with(found, people):
    """Each pair with the person it must be of."""
    return [(pair, people[bodies.slot(pair.entry, "repositoryUniqueId").rsplit(".", 2)[0]]) for pair in found]


def main():
    args = arguments(__doc__)
    file = ClientFile(args.client)
    rows = Rows(named("hl7apy"), "SS-MIX2")
    found, people = [], {}
    for side in ("okayama", "hiroshima"):
        some, own = pairs(file, side)
        found += some
        people[own.document.home.removeprefix("urn:oid:")] = own

    def abroad():
        asking = Asking(file, "okayama", "gateway")
        seen = found_entries(asking, asking.door.examples.match.patient)
        kinds = {entry.get("mimeType") for entry in seen}
        expect(kinds == {"text/html"}, f"the other network is offered {kinds}")
        numbers = {n for p in found for n in [p.original.first("PID").get(3)]}
        shown = [n for entry in seen for n in numbers if n in etree.tostring(entry, encoding="unicode")]
        expect(not shown, f"{len(shown)} hospital numbers in entries")
        return f"{len(seen)} entries"

    compare(rows, found)
    rows.case("the other network is offered renditions only, and no hospital number", abroad)
    served(rows, found, people, args.demo)
    rows.exit()


if __name__ == "__main__":
    main()
