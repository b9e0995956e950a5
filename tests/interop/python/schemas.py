"""WSDL and XSD out of the Maven jars that setup.sh fetched, unpacked below target/; nothing of them is kept here."""

import copy
import re
import shutil
import zipfile
from functools import cache

from lxml import etree

from client_file import JARS

SOAP = "http://www.w3.org/2003/05/soap-envelope"
_V3 = "schema/HL7V3/NE2008/multicacheschemas"
_ROOTS = {
    "PRPA_IN201306UV02": f"{_V3}/PRPA_IN201306UV02.xsd",
    "AdhocQueryResponse": "wsdl/schema/ebRS30/query.xsd",
    "RetrieveDocumentSetResponse": "wsdl/schema/IHE/IHEXDSB.xsd",
    "PRPA_IN201305UV02": f"{_V3}/PRPA_IN201305UV02.xsd",
    "AdhocQueryRequest": "wsdl/schema/ebRS30/query.xsd",
    "RetrieveDocumentSetRequest": "wsdl/schema/IHE/IHEXDSB.xsd",
    "Envelope": "schema/soap-1.2-envelope.xsd",
}


@cache
def folder():
    """Where the files lie; unpacked once."""
    target = JARS / "unpacked"
    done = target / ".done"
    if not done.exists():
        jars = sorted(JARS.glob("ipf-commons-ihe-*.jar"))
        if not jars:
            raise SystemExit(f"no jars in {JARS}: run tests/interop/python/setup.sh")
        for jar in jars:
            with zipfile.ZipFile(jar) as archive:
                for name in archive.namelist():
                    if name.startswith(("wsdl/", "schema/")) and ".." not in name:
                        archive.extract(name, target)
        done.touch()
    return target


def wsdl(transaction):
    """The WSDL of a transaction. The one of ITI-55 says `anyType` where the schemas beside it say all, so
    its types are put in the place of that."""
    if transaction != "ITI-55":
        return str(_spelt_out() / f"{transaction.replace('-', '').lower()}.wsdl")
    raw = folder() / "wsdl" / "iti55" / "iti55-raw.wsdl"
    typed = raw.with_name("iti55-typed.wsdl")
    if not typed.exists():
        imports = "".join(
            f'<xsd:schema><xsd:import namespace="urn:hl7-org:v3" schemaLocation="../../{_V3}/{name}.xsd"/></xsd:schema>'
            for name in ("PRPA_IN201305UV02", "PRPA_IN201306UV02", "MCCI_IN000002UV01")
        )
        text = raw.read_text(encoding="utf-8")
        text = re.sub(r"<types>.*?</types>", f"<types>{imports}</types>", text, flags=re.S)
        typed.write_text(text, encoding="utf-8")
    return str(typed)


@cache
def _spelt_out():
    """A copy of the XDS files for zeep, which knows no substitution groups (where rim.xsd wants any member of
    the group of `Identifiable`, the copy names the members) and loses the inherited elements of a type that
    its own base type contains (the copy writes them out). The check by XSD reads the files as they are."""
    copy = folder() / "wsdl-for-zeep"
    if not copy.exists():
        fresh = copy.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder() / "wsdl", fresh)
        rim = fresh / "schema" / "ebRS30" / "rim.xsd"
        text = rim.read_text(encoding="utf-8")
        members = re.findall(r'<element name="(\w+)"[^>]*substitutionGroup="tns:Identifiable"', text)
        choice = "".join(f'<element ref="tns:{name}"/>' for name in members)
        group = '<element maxOccurs="unbounded" minOccurs="0" ref="tns:Identifiable"/>'
        if text.count(group) != 1 or not members:
            raise SystemExit("rim.xsd is not the one this was written for")
        text = text.replace(group, f'<choice maxOccurs="unbounded" minOccurs="0">{choice}</choice>')
        for name in ("ClassificationType", "ExternalIdentifierType"):
            text = _flattened(text, name)
        rim.write_text(text, encoding="utf-8")
        fresh.rename(copy)
    return copy


def _flattened(text, name):
    """rim.xsd with a type's inherited elements and attributes written out."""
    inherited = "".join(
        f'<element maxOccurs="{most}" minOccurs="0" {what}/>'
        for most, what in (
            ("unbounded", 'ref="tns:Slot"'),
            ("1", 'ref="tns:Name"'),
            ("1", 'ref="tns:Description"'),
            ("1", 'name="VersionInfo" type="tns:VersionInfoType"'),
            ("unbounded", 'ref="tns:Classification"'),
            ("unbounded", 'ref="tns:ExternalIdentifier"'),
        )
    )
    attributes = '<attribute name="id" type="anyURI" use="required"/>' + "".join(
        f'<attribute name="{attribute}" type="anyURI"/>' for attribute in ("home", "lid", "objectType", "status")
    )
    rule = (
        rf'(<complexType name="{name}">.*?)<complexContent>\s*<extension base="tns:RegistryObjectType">'
        r"(.*?)</extension>\s*</complexContent>"
    )
    changed, count = re.subn(rule, rf"\1<sequence>{inherited}</sequence>{attributes}\2", text, count=1, flags=re.S)
    if count != 1:
        raise SystemExit("rim.xsd is not the one this was written for")
    return changed


@cache
def _schema(path):
    file = folder() / path
    if file.name == "IHEXDSB.xsd":
        # Two files share its namespace (rim.xsd imports the other, in a circle); libxml2 reads one file a
        # namespace unless the second is included.
        text = file.read_text(encoding="utf-8")
        whole = re.sub(r"(<xs:import )", r'<xs:include schemaLocation="xcf.xsd"/>\n\1', text, count=1)
        file = file.with_name("IHEXDSB-whole.xsd")
        file.write_text(whole, encoding="utf-8")
    return etree.XMLSchema(etree.parse(str(file)))


def faults_of(element):
    """What the XSD of this element says against it, as text; empty when it is valid."""
    schema = _schema(_ROOTS[etree.QName(element).localname])
    alone = etree.fromstring(etree.tostring(element))
    schema.validate(alone)
    return "; ".join(f"line {e.line}: {e.message}" for e in schema.error_log)


def envelope_faults(envelope):
    """What the SOAP 1.2 schema says against an envelope; a body that is no fault has a schema of its own."""
    alone = copy.deepcopy(envelope)
    if etree.QName(body_of(alone)).localname != "Fault":
        alone.find(f"{{{SOAP}}}Body")[:] = []
    return faults_of(alone)


def body_of(envelope):
    """The one child of the SOAP body."""
    (child,) = envelope.find(f"{{{SOAP}}}Body")
    return child
