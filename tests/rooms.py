#!/usr/bin/env python3
"""The map of ARCHITECTURE.md as a test: every #include against what the rooms' READMEs declare.

  rooms.py [DIRECTORY]     checks the project there (default: the one this file is in)
  rooms.py --self-test     shows, on made-up projects, that each kind of trespass is found

A room, src/NAME/, may include its own headers, and the doors of the rooms that its README lists under
"- Uses:". A room's doors are the headers listed under "- Doors:": mgit/NAME.h in include/, and headers of its
own folder. Uses point one way, and what is declared is used. Tests of a room may include all of its headers,
and of rooms that it alone uses; and the doors of whatever it uses, at any distance.
"""
import re
import sys
import tempfile
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
SOURCES = {".h", ".cpp", ".inc", ".in"}


def declared(readme, key):
    """The words in backquotes of a README's item "- KEY: …"."""
    item = re.search(rf"^- {key}: (.*(?:\n  .*)*)", readme.read_text(), re.MULTILINE)
    if item is None:
        raise SystemExit(f"{readme}: no '- {key}: …'")
    return re.findall(r"`([^`]+)`", item.group(1))


class Map:
    def __init__(self, root):
        self.root = root
        readmes = sorted((root / "src").glob("*/README.md"))
        self.uses = {r.parent.name: set(declared(r, "Uses")) for r in readmes}
        self.doors = {}
        for readme in readmes:
            room = readme.parent.name
            for door in declared(readme, "Doors"):
                self.doors[door if door.startswith("mgit/") else f"{room}/{door}"] = room
        self.used = set()
        self.complaints = []

    def reachable(self, room):
        seen, pending = set(), [room]
        while pending:
            for below in self.uses.get(pending.pop(), ()):
                if below not in seen:
                    seen.add(below)
                    pending.append(below)
        return seen

    def room_of(self, header):
        folder, _, rest = header.partition("/")
        if folder == "mgit":
            return self.doors.get(header, rest.removesuffix(".h"))
        return folder if folder in self.uses else None

    def used_by_none_but(self, room):
        """The room itself, and those that serve it alone."""
        users = lambda target: {user for user in self.uses if target in self.uses[user]}
        return {room} | {target for target in self.uses if users(target) == {room}}

    def check_file(self, path, room, may_use, open_rooms=()):
        for header in INCLUDE.findall(path.read_text(errors="replace")):
            target = self.room_of(header)
            if target is None or target == room or target in open_rooms:
                continue
            where = f"{path.relative_to(self.root)}: {header}"
            if target not in self.uses:
                self.complaints.append(f"{where}: of no room")
            elif target not in may_use:
                self.complaints.append(f"{where}: {room} does not use {target}")
            elif header not in self.doors:
                self.complaints.append(f"{where}: private to {target}")
            self.used.add((room, target))

    def check(self):
        files = lambda folder: (f for f in sorted(folder.rglob("*")) if f.suffix in SOURCES)
        for room, uses in self.uses.items():
            for path in files(self.root / "src" / room):
                self.check_file(path, room, uses)
            if room in self.reachable(room):
                self.complaints.append(f"src/{room}/README.md: {room} uses itself, in a circle")
        for path in files(self.root / "include" / "mgit"):
            room = self.doors.get(f"mgit/{path.name}")
            if room is None:
                self.complaints.append(f"include/mgit/{path.name}: no room has it for a door")
            else:
                self.check_file(path, room, self.uses[room])
        for room in self.uses:
            for use in self.uses[room]:
                if use not in self.uses:
                    self.complaints.append(f"src/{room}/README.md: there is no room {use}")
                elif (room, use) not in self.used:
                    self.complaints.append(f"src/{room}/README.md: {room} does not need {use}")
        for door, room in self.doors.items():
            folder = "include" if door.startswith("mgit/") else "src"
            if not (self.root / folder / door).exists():
                self.complaints.append(f"src/{room}/README.md: there is no {door}")
        for room in self.uses:
            for path in files(self.root / "tests" / "unit" / room):
                self.check_file(path, room, self.reachable(room), self.used_by_none_but(room))
        return self.complaints


def self_test():
    """A project of three rooms, and one change to it for each kind of trespass."""
    sound = {
        "src/low/README.md": "- Uses: nothing.\n- Doors: `mgit/low.h`,\n  `open.h`.\n",
        "src/low/low.cpp": '#include "low/secret.h"\n#include "mgit/low.h"\n',
        "src/low/open.h": "", "src/low/secret.h": "", "include/mgit/low.h": "#include <vector>\n",
        "src/high/README.md": "- Uses: `low`.\n- Doors: none.\n",
        "src/high/high.cpp": '#include "mgit/low.h"\n#include "low/open.h"\n',
        "src/top/README.md": "- Uses: `low`.\n- Doors: none.\n", "src/top/top.cpp": '#include "mgit/low.h"\n',
        "tests/unit/low/low_test.cpp": '#include "low/secret.h"\n',
    }
    trespasses = [
        ("src/high/high.cpp", '#include "low/secret.h"\n', "private to low"),
        ("src/low/low.cpp", '#include "high/high.h"\n', "low does not use high"),
        ("include/mgit/low.h", '#include "high/high.h"\n', "low does not use high"),
        ("src/high/high.cpp", "", "high does not need low"),
        ("src/low/README.md", "- Uses: `high`.\n- Doors: `mgit/low.h`, `open.h`.\n", "in a circle"),
        ("src/high/README.md", "- Uses: `low`, `lower`.\n- Doors: none.\n", "no room lower"),
        ("src/low/README.md", "- Uses: nothing.\n- Doors: `mgit/low.h`, `open.h`, `gone.h`.\n", "no low/gone.h"),
        ("src/low/README.md", "- Uses: nothing.\n- Doors: `open.h`.\n", "no room has it for a door"),
        ("src/high/high.cpp", '#include "mgit/other.h"\n', "of no room"),
        ("tests/unit/high/high_test.cpp", '#include "low/secret.h"\n', "private to low"),
    ]
    for path, text, complaint in [(None, "", None), *trespasses]:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {**sound, **({path: text} if path else {})}.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
            found = Map(Path(folder)).check()
        if complaint is None and found:
            return [f"a sound project is complained of: {found}"]
        if complaint is not None and not any(complaint in line for line in found):
            return [f"'{complaint}' is not found: {found}"]
    return []


def main(arguments):
    if arguments == ["--self-test"]:
        complaints = self_test()
    else:
        root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
        complaints = Map(root).check()
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
