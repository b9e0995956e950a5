"""xmlsec1 from the command line: signs what stands in an envelope, and verifies."""

import re
import subprocess
import tempfile
from pathlib import Path

from lxml import etree

from saml_token import DS, SAML

EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ID = ["--id-attr:ID", f"{SAML}:Assertion"]


def version():
    """`xmlsec1 1.2.37`."""
    said = subprocess.run(["xmlsec1", "--version"], capture_output=True, text=True, check=True).stdout
    return "xmlsec1 " + re.search(r"\d+\.\d+\.\d+", said)[0]


def template(assertion, algorithm, digest="http://www.w3.org/2001/04/xmlenc#sha256", prefixes=None, uri=None):
    """Puts a signature to be filled in the place kept for it."""
    (place,) = assertion.findall(f"{{{DS}}}Signature")

    def add(parent, name, **attributes):
        return etree.SubElement(parent, f"{{{DS}}}{name}", **attributes)

    def canonical(parent, name):
        made = add(parent, name, Algorithm=EC)
        if prefixes:
            etree.SubElement(made, f"{{{EC}}}InclusiveNamespaces", PrefixList=prefixes, nsmap={"ec": EC})

    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = add(signature, "SignedInfo")
    canonical(info, "CanonicalizationMethod")
    add(info, "SignatureMethod", Algorithm=algorithm)
    reference = add(info, "Reference", URI="#" + assertion.get("ID") if uri is None else uri)
    transforms = add(reference, "Transforms")
    add(transforms, "Transform", Algorithm=DS + "enveloped-signature")
    canonical(transforms, "Transform")
    add(reference, "DigestMethod", Algorithm=digest)
    add(reference, "DigestValue")
    add(signature, "SignatureValue")
    add(add(add(signature, "KeyInfo"), "X509Data"), "X509Certificate")
    assertion.replace(place, signature)
    return assertion


def sign(envelope, key, certificate):
    """Fills the template inside an envelope; gives the bytes as xmlsec1 wrote them."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.xml", Path(folder) / "out.xml"
        source.write_bytes(etree.tostring(envelope, encoding="UTF-8", xml_declaration=True))
        command = ["xmlsec1", "--sign", "--privkey-pem", f"{key},{certificate}", *ID]
        subprocess.run([*command, "--output", str(target), str(source)], check=True, capture_output=True)
        return target.read_bytes()


def verify(message, certificate):
    """Whether the signature in these bytes is of this certificate's key; and what xmlsec1 said."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.xml"
        source.write_bytes(message)
        command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(certificate), "--enabled-key-data", "key-name", *ID]
        said = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    return said.returncode == 0, said.stderr.strip()
