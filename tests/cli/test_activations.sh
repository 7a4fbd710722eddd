#!/usr/bin/env bash
# --method activations: units are matched by what they compute on data, which needs no labels.
. "$(dirname "$0")/lib.sh"
need_trained

# unlabelled: the inputs of the digits, without their targets.
unlabelled() {
  python3 - "$trained/digits.safetensors" calibration.safetensors <<'PYTHON'
import json, struct, sys
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    body = file.read()
start, end = header["input"]["data_offsets"]
head = json.dumps({"input": {**header["input"], "data_offsets": [0, end - start]}}).encode()
head += b" " * (-len(head) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(head)) + head + body[start:end])
PYTHON
}

# barrier NAME BRANCH: of main and the branch.
barrier() {
  mgit barrier main "$2" --graph "$trained/$1.torchscript.pt" --data "$trained/digits.safetensors" --points 5 --json >curve
  number "$(cat curve)" barrier
}

for net in mlp vgg; do
  scenario "a rebase of $net by activations lowers the barrier, and records the method"
  trained_fork $net-1 $net-2
  unlabelled
  before=$(barrier $net feature)
  ok mgit match main feature --method activations --graph "$trained/$net.torchscript.pt" --data calibration.safetensors
  contains "$output" "method activations"
  contains "$output" "worth a rebase"
  ok mgit rebase feature onto main --method activations --graph "$trained/$net.torchscript.pt" --data calibration.safetensors
  contains "$(git log -1 --format=%B feature)" "method activations"
  holds "$(barrier $net feature) < 0.5 * $before"
  ok mgit eval feature --against "feature@{1}" --graph "$trained/$net.torchscript.pt" --data "$trained/digits.safetensors" --json
  holds "$(number "$output" largest_output_change) < 1e-2"
  ok mgit match main feature --method activations --graph "$trained/$net.torchscript.pt" --data calibration.safetensors
  contains "$output" "already in one basin"
done

scenario "by weights and activations at once, and learned: recorded, the same again, better than nothing"
trained_fork mlp-1 mlp-2
before=$(barrier mlp feature)
network=(--graph "$trained/mlp.torchscript.pt" --data "$trained/digits.safetensors")
for method in "mixed" "ste --steps 3"; do
  ok mgit match main feature --method $method "${network[@]}" -o ../permutation
  ok mgit rebase feature onto main --method $method "${network[@]}"
  contains "$(git log -1 --format=%B feature)" " method ${method%% *} seed 0"
  equal "$(sha256sum <../permutation | cut -d' ' -f1)" \
    "$(git log -1 --format=%B feature | sed -n 's/^Mgit-Permutation: //p')" "the permutation"
  holds "$(barrier mlp feature) < 0.5 * $before"
  ok mgit undo
done
ok mgit match main feature --method ste --steps 3 "${network[@]}" --json
holds "$(number "$output" held_out after) <= $(number "$output" held_out by_weights)"
holds "$(number "$output" held_out after) < $(number "$output" held_out before)"
ok mgit barrier main feature --rebase --method ste --steps 3 --points 3 "${network[@]}" --json
holds "$(number "$output" rebased barrier) < $(number "$output" barrier)"
ok mgit merge --combine --method ste --steps 2 "${network[@]}" feature
contains "$(git log -1 --format=%B)" " parent 2 method ste weighting linear "
unlabelled
fails_with 128 "target" mgit match main feature --method ste "${network[@]:0:2}" --data calibration.safetensors

scenario "network and data of .mgitconfig, once they are trusted"
trained_fork mlp-1 mlp-2
unlabelled
fails_with 128 "no data to evaluate with" mgit rebase feature onto main --method activations
cp "$trained/mlp.torchscript.pt" net.pt
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tdata = calibration.safetensors\n' >.mgitconfig
commit_all "what it runs on"
fails_with 128 "mgit trust" mgit rebase feature onto main --method activations
mgit trust >/dev/null
ok mgit rebase feature onto main --method activations
contains "$output" "Successfully rebased"
