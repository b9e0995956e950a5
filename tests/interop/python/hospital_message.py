"""An SS-MIX2 original as another reader sees it: Python's own codecs, then hl7apy."""

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

# What MSH-18 declares, and what Python calls it; the narrowest first. Without a declaration the hospitals of
# the demo write Shift_JIS, with 髙 in a row that only Microsoft's table has.
DECLARED = ("iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_ext")
UNDECLARED = ("shift_jis", "cp932")
KANJI_SETS = ("ISO IR87", "ISO IR159")


def decoded(data):
    """The text, and the codec that read every byte of it."""
    header = data.split(b"\r", 1)[0].decode("ascii").split("|")
    declared = header[17] if len(header) > 17 else ""
    for codec in DECLARED if any(name in declared for name in KANJI_SETS) else UNDECLARED:
        try:
            return data.decode(codec), codec
        except UnicodeDecodeError:
            continue
    raise ValueError(f"no codec reads it; MSH-18 is {declared!r}")


class Original:
    """A message by segment, field, component."""

    def __init__(self, data):
        text, self.codec = decoded(data)
        self.message = parse_message(text, find_groups=False, validation_level=VALIDATION_LEVEL.TOLERANT)
        self.segments = list(self.message.children)

    def all(self, name):
        """Segments of this name, in order."""
        return [Segment(segment) for segment in self.segments if segment.name == name]

    def first(self, name):
        """The first segment of this name."""
        return (self.all(name) or [None])[0]

    def after(self, name, *members):
        """Each segment of this name with the members that follow it, up to the next of its name."""
        groups = []
        for segment in self.segments:
            if segment.name == name:
                groups.append({name: Segment(segment)})
            elif groups and segment.name in members:
                groups[-1].setdefault(segment.name, Segment(segment))
        return groups


class Segment:
    """hl7apy's segment by number."""

    def __init__(self, segment):
        self.segment = segment
        self.fields = {}
        for field in segment.children:
            self.fields.setdefault(int(field.name.rsplit("_", 1)[-1]), []).append(field)

    def repetitions(self, number):
        """Each repetition as a dict of component number to text."""
        return [components(field) for field in self.fields.get(number, [])]

    def get(self, number, component=1):
        """A component of the first repetition."""
        return (self.repetitions(number) or [{}])[0].get(component, "")


def components(field):
    """Components by number, subcomponents joined by `&` as written."""
    found = {}
    for child in field.children:
        tail = (child.name or "").rsplit("_", 1)[-1]
        found[int(tail) if tail.isdigit() else 1] = child.to_er7()
    return found or {1: field.to_er7()}
