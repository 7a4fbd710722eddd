#!/usr/bin/env bash
# Weights in codes: they come whole from one side, with their scales, or they are a conflict.
. "$(dirname "$0")/lib.sh"

# quantised FILE SCHEME CODES SCALES EMBED: a small network. CODES and SCALES are the seeds of the codes and of
# what reads them, EMBED that of an embedding in F32.
quantised() {
  python3 - "$@" <<'PYTHON'
import json, random, struct, sys
path, scheme, codes, scales, embed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
def draw(seed, n, kind):
    r = random.Random(seed)
    if kind in ("I8", "U8", "F8_E4M3"): return bytes(r.randrange(0, 120) for _ in range(n))
    if kind == "I32": return struct.pack("<%di" % n, *[r.randrange(-2**31, 2**31) for _ in range(n)])
    if kind == "I64": return struct.pack("<%dq" % n, *[r.randrange(99) for _ in range(n)])
    if kind == "C64": n *= 2
    return struct.pack("<%de" % n if kind == "F16" else "<%df" % n, *[r.uniform(0.5, 1.5) for _ in range(n)])
schemes = {
    "int8": [("proj.weight", "I8", [16, 16], codes), ("proj.weight_scale", "F32", [16], scales)],
    "gptq": [("proj.g_idx", "I32", [16], 5), ("proj.qweight", "I32", [4, 16], codes), ("proj.qzeros", "I32", [1, 4], 6),
             ("proj.scales", "F16", [1, 16], scales)],
    "nf4": [("proj.weight", "U8", [128, 1], codes), ("proj.weight.absmax", "F32", [4], scales),
            ("proj.weight.quant_map", "F32", [16], 5)],
    "fp8": [("proj.weight", "F8_E4M3", [16, 16], codes), ("proj.weight_scale_inv", "F32", [1, 1], scales)],
    "torch": [("proj.scale", "F32", [], scales), ("proj.weight", "I8", [16, 16], codes), ("proj.zero_point", "I64", [], scales)],
    "complex": [("filter", "C64", [16], codes)],
}
tensors = [("embed.weight", "F32", [16, 16], embed)] + schemes[scheme]
header, data = {}, b""
for name, kind, shape, seed in tensors:
    count = 1
    for n in shape: count *= n
    raw = draw(seed, count, kind)
    header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
head = json.dumps(header).encode()
head += b" " * (-len(head) % 8)
open(path, "wb").write(struct.pack("<Q", len(head)) + head + data)
PYTHON
}

# fork_of SCHEME OURS… -- THEIRS…: base of seeds 1 1 1; each side's seeds of codes, scales and embedding.
fork_of() {
  make_repository "$1"
  quantised model.safetensors "$1" 1 1 1
  commit_all base
  git switch -q -c theirs
  quantised model.safetensors "$1" "${@:5:3}"
  cp model.safetensors ../theirs.safetensors
  commit_all theirs
  git switch -q main
  quantised model.safetensors "$1" "${@:2:3}"
  cp model.safetensors ../ours.safetensors
  commit_all ours
}

# tensor FILE NAME: its bytes, in hex.
tensor() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
raw = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", raw[:8])[0]
begin, end = json.loads(raw[8:8 + length])[sys.argv[2]]["data_offsets"]
print(raw[8 + length + begin:8 + length + end].hex())
PYTHON
}

scenario "codes and scales that both sides changed are a conflict, and nothing is lost"
for scheme in int8 gptq nf4 fp8 torch complex; do
  fork_of "$scheme" 2 2 1 3 3 1
  fails_with 1 "CONFLICT (model): model.safetensors: " mgit merge theirs
  contains "$output$errors" "which cannot be averaged"
  git merge --abort
  same_file model.safetensors ../ours.safetensors
  equal "$(git status --porcelain)" ""
  cd ..
done

scenario "plain git meets the conflict, too"
fork_of int8 2 2 1 3 3 1
ok mgit install
fails_with 1 "proj.weight: I8 with proj.weight_scale" git merge theirs
git merge --abort
fails_with 1 "proj.weight: I8 with proj.weight_scale" git cherry-pick theirs
git cherry-pick --abort
same_file model.safetensors ../ours.safetensors

scenario "codes of one side never come under scales of the other"
fork_of int8 2 1 1 1 3 1
fails_with 1 "proj.weight: I8 with proj.weight_scale" mgit merge theirs
git merge --abort
fails_with 1 "proj.weight: I8 with proj.weight_scale" git cherry-pick theirs
git cherry-pick --abort
same_file model.safetensors ../ours.safetensors

scenario "what one side quantised anew comes whole from it, while the rest is combined"
for scheme in int8 gptq nf4 fp8 torch; do
  fork_of "$scheme" 1 1 2 3 3 4
  ok mgit merge --no-edit theirs
  for name in $(git show HEAD:model.safetensors | sed -n 's/^tensor \(proj.*\)/\1/p'); do
    equal "$(tensor model.safetensors "$name")" "$(tensor ../theirs.safetensors "$name")" "$scheme $name"
  done
  differ "$(tensor model.safetensors embed.weight)" "$(tensor ../theirs.safetensors embed.weight)"
  differ "$(tensor model.safetensors embed.weight)" "$(tensor ../ours.safetensors embed.weight)"
  ok mgit fsck
  cd ..
done

scenario "scales that were tuned above one and the same codes are numbers"
fork_of int8 1 2 1 1 3 1
ok mgit merge --no-edit theirs
equal "$(tensor model.safetensors proj.weight)" "$(tensor ../ours.safetensors proj.weight)"
differ "$(tensor model.safetensors proj.weight_scale)" "$(tensor ../ours.safetensors proj.weight_scale)"
differ "$(tensor model.safetensors proj.weight_scale)" "$(tensor ../theirs.safetensors proj.weight_scale)"

scenario "a network of codes alone merges where the sides changed different ones"
make_repository codes
codes() {
  python3 - "$@" <<'PYTHON'
import json, struct, sys
names = ["a.weight", "b.weight"]
header = {n: {"dtype": "I8", "shape": [8, 8], "data_offsets": [64 * i, 64 * i + 64]} for i, n in enumerate(names)}
head = json.dumps(header).encode()
head += b" " * (-len(head) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(head)) + head + b"".join(bytes([int(v)]) * 64 for v in sys.argv[2:4]))
PYTHON
}
codes model.safetensors 1 1 && commit_all base
git switch -q -c theirs && codes model.safetensors 1 3 && commit_all theirs
git switch -q main && codes model.safetensors 2 1 && commit_all ours
ok mgit merge --no-edit theirs
codes ../wanted.safetensors 2 3
same_file model.safetensors ../wanted.safetensors

scenario "counters and masks stay ours, and it is said"
make_repository counters
state() { make_checkpoint model.safetensors "$1" fc.weight=8,8 bn.num_batches_tracked=:I64 "position_ids=1,4:I64"; }
state 1 && commit_all base
git switch -q -c theirs && ADD=0.01 state 1 && commit_all theirs
git switch -q main && ADD=0.02 state 1 && cp model.safetensors ../ours.safetensors && commit_all ours
ok mgit merge --no-edit theirs
equal "$(tensor model.safetensors bn.num_batches_tracked)" "$(tensor ../ours.safetensors bn.num_batches_tracked)"
contains "$output" "ours, not averaged: 1 counter (bn.num_batches_tracked)"
