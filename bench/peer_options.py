"""What benchmarks of matching beside the plain algorithm begin with."""
import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def peer_options(doc, **more):
    """The command line: --binary, --data, and `more`: names with what argparse takes for them. Runs
    on under MGIT_PYTHON, if that is set; `reference` of the shared folder can be imported then."""
    wanted = os.environ.get("MGIT_PYTHON")
    if wanted and wanted != sys.executable:
        os.execv(wanted, [wanted, *sys.argv])
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/bin/bench_match")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared")
    for name, settings in more.items():
        parser.add_argument(f"--{name}", **settings)
    options = parser.parse_args()
    sys.path.insert(0, str(options.data / "tools"))
    return options
