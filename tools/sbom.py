#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes a bill of materials (SPDX 2.3, JSON) of a program: itself, and each Debian package that it is linked with.

usage: sbom.py PROGRAM FILE

What is linked, says ldd(1); which package in which version a library is from, dpkg. A library that no package owns is an
error: then nobody could say which version runs. The time is SOURCE_DATE_EPOCH's, if that is set, so that builds can be
compared. Also prints the packages, one a line.
"""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def libraries(program):
    """The files that the loader maps for it, the loader too; not the kernel's vdso."""
    return sorted({os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", output("ldd", program))})


def owner(path):
    """dpkg knows the names from before /usr was merged, too."""
    for name in (path, re.sub(r"^/usr", "", path), "/usr" + path):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(": ")[0]
    sys.exit(f"sbom: no package owns {path}")


def facts(package):
    fields = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage")
    shown = output("dpkg-query", "-W", "-f", "\n".join(f"${{{field}}}" for field in fields), package)
    return dict(zip(fields, shown.split("\n")))


def entry(name, version, **more):
    return {"SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
            "copyrightText": "NOASSERTION", **more}


def debian_entry(fact):
    purl = f"pkg:deb/debian/{fact['Package']}@{fact['Version'].replace('+', '%2B').replace(':', '%3A')}?arch={fact['Architecture']}"
    source = f"{fact['source:Package']} {fact['source:Version']}"
    return entry(fact["Package"], fact["Version"], supplier="Organization: Debian", licenseDeclared="NOASSERTION",
                 homepage=fact["Homepage"] or "NOASSERTION", sourceInfo=f"Debian's source package {source}",
                 licenseComments=f"see /usr/share/doc/{fact['Package']}/copyright",
                 externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}])


def document(program, packages):
    version = (ROOT / "VERSION").read_text().strip()
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.datetime.now().timestamp()),
                                           datetime.timezone.utc)
    own = entry("sidelight", version, supplier="NOASSERTION", licenseDeclared="MIT", primaryPackagePurpose="APPLICATION",
                checksums=[{"algorithm": "SHA256", "checksumValue": digest}])
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"sidelight-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/sidelight-{version}-{digest[:16]}",
        "creationInfo": {"created": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: sidelight-sbom"]},
        "packages": [own] + packages,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                           "relatedSpdxElement": own["SPDXID"]}]
        + [{"spdxElementId": own["SPDXID"], "relationshipType": "DYNAMIC_LINK", "relatedSpdxElement": package["SPDXID"]}
           for package in packages],
    }


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: sbom.py PROGRAM FILE")
    program, file = sys.argv[1:]
    linked = sorted({owner(path) for path in libraries(program)})
    packages = [debian_entry(facts(package)) for package in linked]
    Path(file).write_text(json.dumps(document(program, packages), indent=1) + "\n")
    for package in packages:
        print(f"{package['name']} {package['versionInfo']}")


if __name__ == "__main__":
    main()
