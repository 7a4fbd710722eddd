#!/bin/bash
# How much memory commands take: less than the largest tensor, or a few tensors where weights are computed,
# however many tensors and threads there are. ulimit -d bounds what a process may write to in memory: heap,
# stacks and private mappings, not mapped files. It counts for git, too, which mgit runs.
. "$(dirname "$0")/lib.sh"

# Two processors, whatever the machine has, and threads with small stacks.
first=$(grep -oP 'Cpus_allowed_list:\s*\K[0-9]+(-[0-9]+)?' /proc/self/status)
case $first in *-*) taskset -cp "${first%-*}-$((${first%-*} + 1))" $$ >/dev/null ;; esac
ulimit -s 1024

within() { # within MIB COMMAND…: ends well with no more than that
  local ceiling=$1
  shift
  ok bash -c 'ulimit -d "$1"; shift; exec "$@"' - $((ceiling * 1024)) "$@"
}

# model SEED STEP NAME=MIB…: F32 tensors; another step changes all values a little
model() {
  python3 - "$@" <<'PYTHON'
import json, random, struct, sys
seed, step = int(sys.argv[1]), int(sys.argv[2])
noise = random.Random(seed).randbytes(1 << 20)
head, tensors, offset = {}, [], 0
for argument in sys.argv[3:]:
    name, size = argument.split("=")
    size = int(size) << 20
    head[name] = {"dtype": "F32", "shape": [size // 4], "data_offsets": [offset, offset + size]}
    offset += size
    tensors.append(size)
text = json.dumps(head).encode()
with open("model.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for number, size in enumerate(tensors):
        for block in range(size >> 20):
            data = bytearray(noise)
            data[0::4] = bytes((byte + step) & 255 for byte in noise[0::4]) if step else noise[0::4]
            data[2::4] = bytes([(block * 7 + number) & 255]) * (len(data) // 4)
            data[3::4] = b"\x3c" * (len(data) // 4)
            file.write(data)
PYTHON
}

scenario "the ceiling is one: a process that wants more fails"
fails_with 1 MemoryError bash -c 'ulimit -d 65536; exec python3 -c "bytearray(100 << 20)"'

scenario "stored, checked out, sent, fetched, checked, collected: a tensor is never in memory as a whole"
make_repository r
git init -q --bare ../remote
ok git remote add origin ../remote
model 1 0 large=128 small=1
within 64 mgit add model.safetensors .gitattributes
git commit -q -m one
model 1 1 large=128 small=1
within 64 mgit add model.safetensors
git commit -q -m two
cp model.safetensors ../kept
within 64 mgit push -q origin main
within 64 mgit checkout -q HEAD~1
differ "$(digest model.safetensors)" "$(digest ../kept)"
within 64 mgit checkout -q main
same_file model.safetensors ../kept
within 64 mgit clone -q ../remote ../clone
same_file ../clone/model.safetensors ../kept
(cd ../clone && within 64 mgit fetch -q --all && within 64 mgit fsck)
within 64 mgit fsck
git reset -q --hard HEAD~1
git reflog expire --expire=now --all
within 64 mgit gc --prune=now

scenario "merged: a few tensors at a time, not as many as there are threads, nor the file"
make_repository r
tensors=$(for i in 1 2 3 4 5 6; do echo "layer.$i=32"; done)
# shellcheck disable=SC2086
model 2 0 $tensors
ok mgit add .
git commit -q -m base
git switch -q -c feature
# shellcheck disable=SC2086
model 2 1 $tensors
ok mgit add .
git commit -q -m feature
git switch -q main
# shellcheck disable=SC2086
model 2 3 $tensors
ok mgit add .
git commit -q -m main
within $((4 * 32 + 64)) mgit merge -q --no-edit feature
contains "$(git log -1 --format=%B)" "Mgit-Merge-Tensors: combined 6"
