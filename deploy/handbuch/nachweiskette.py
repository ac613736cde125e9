#!/usr/bin/env python3
"""Rechnet die Nachweiskette eines Exports (`drehscheibe audit export`) nach, ohne Drehscheibe.

Aufruf: python3 nachweiskette.py ORDNER [SHA256 der manifest.json]
Ende mit 0: nichts fehlt, nichts wurde geändert. Mit 1: jede Stelle, die nicht stimmt, steht in der Ausgabe.
Braucht nur Python 3.8 und nichts aus dem Netz. Das Format steht im Betriebshandbuch, Abschnitt „Nachweise prüfen“.
"""
import hashlib
import json
import pathlib
import struct
import sys
import uuid


def row_hash(line):
    """SHA-256 über Salz und fünf Teile, jedem vorangestellt seine Länge (8 Oktette, höchstwertiges zuerst)."""
    subject = uuid.UUID(line["subject"]).bytes if line["subject"] else bytes(16)
    detail = bytes.fromhex(line["detail_hex"]) if "detail_hex" in line else line["detail"].encode()
    digest = hashlib.sha256(bytes.fromhex(line["salt"]))
    for part in (struct.pack(">q", line["place"]), struct.pack(">q", line["at_us"]), subject, line["what"].encode(), detail):
        digest.update(struct.pack(">Q", len(part)) + part)
    return digest.hexdigest()


def main(folder, noted=None):
    wrong = []
    octets = (folder / "manifest.json").read_bytes()
    if noted and hashlib.sha256(octets).hexdigest() != noted.lower():
        wrong.append("manifest.json: nicht die Datei, deren Prüfsumme notiert wurde")
    manifest = json.loads(octets)
    if manifest["format"] != "drehscheibe-nachweis/1":
        sys.exit("unbekanntes Format: " + str(manifest["format"]))
    for file in manifest["files"]:
        digest, lines = hashlib.sha256(), 0
        with open(folder / file["name"], "rb") as opened:
            for line in opened:
                digest.update(line)
                lines += 1
        if (digest.hexdigest(), lines) != (file["sha256"], file["lines"]):
            wrong.append(f"{file['name']}: nicht die Datei, die das Manifest nennt")
    ends = {strand["end"]["strand"]: strand["end"] for strand in manifest["strands"]}
    last = {strand["begin"]["strand"]: (strand["begin"]["place"], strand["begin"]["link"]) for strand in manifest["strands"]}
    links = without_salt = 0
    with open(folder / "nachweiskette.jsonl", encoding="utf-8") as opened:
        for text in opened:
            line = json.loads(text)
            strand, place = line["strand"], line["place"]
            here = f"Strang {strand}, Glied {place}"
            if strand not in last:
                wrong.append(f"{here}: das Manifest kennt diesen Strang nicht")
                continue
            before_place, before = last[strand]
            if place != before_place + 1:
                wrong.append(f"{here}: davor fehlt etwas (zuletzt {before_place})")
                before = None
            if line["row"] != "there":
                wrong.append(f"{here}: die Zeile fehlt oder ist nicht lesbar")
            elif line["salt"] is None:
                # Das Salz ging mit dem, wovon die Zeile spricht; ihr Glied ist trotzdem prüfbar.
                without_salt += 1
                # Was noch da ist, und was Personen angeordnet haben, behält sein Salz.
                ordered = line["what"].startswith("command.")
                if line["subject"] is None or ordered or line.get("subject_there"):
                    wrong.append(f"{here}: das Salz fehlt ohne Anlass")
            elif row_hash(line) != line["hash"]:
                wrong.append(f"{here}: die Zeile wurde geändert ({line['at']})")
            if line["hash"] is None or line["link"] is None:
                wrong.append(f"{here}: das Glied fehlt")
            elif before is not None:
                joined = bytes.fromhex(before) + bytes.fromhex(line["hash"])
                if hashlib.sha256(joined).hexdigest() != line["link"]:
                    wrong.append(f"{here}: das Glied folgt nicht aus dem davor")
            last[strand] = (place, line["link"])
            links += 1
    for strand, end in ends.items():
        if last[strand] != (end["place"], end["link"]):
            wrong.append(f"Strang {strand}: endet mit Glied {last[strand][0]}, nach dem Manifest mit {end['place']}")
    for text in wrong:
        print(text)
    print(f"{links} Glieder, davon {without_salt} ohne Salz; " + ("NICHT unversehrt" if wrong else "unversehrt"))
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
