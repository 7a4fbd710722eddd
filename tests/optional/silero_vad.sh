#!/usr/bin/env bash
# silero's published detectors of speech, convolutions and an LSTM, in six ONNX files: from one exporter or another, with
# weights in constants and in the branches of an If, of one rate or of two. Each says itself what can be reordered, is
# rebased onto the same network with weights that are drawn, and computes what it did. Downloads silero-vad from PyPI,
# 11 MB, into the build folder. Needs a Python with onnx, for the TorchScript archive torch and safetensors, and takes
# onnxruntime if it is there:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/optional/silero_vad.sh
. "$(dirname "$0")/../cli/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
package=silero-vad==6.2.3
folder=$MGIT_BUILD/downloads/$package
silero() { "$python" "$MGIT_SOURCE/tests/optional/silero_vad.py" "$@"; }

scenario "silero's files, downloaded"
"$python" -c 'import onnx.reference' 2>/dev/null || skip "no onnx in $python (set MGIT_TRANSFORMERS_PYTHON)"
if [ ! -e "$folder.complete" ]; then
  mkdir -p "$folder"
  python3 -m pip download -q --no-deps -d "$folder" "$package" >"$sandbox/pip" 2>&1 ||
    skip "cannot be downloaded: $(tail -1 "$sandbox/pip")"
  touch "$folder.complete"
fi

files=$sandbox/files
mkdir -p "$files"
silero take "$folder"/*.whl "$files"

# rebased NAME GROUPS SHARE [INPUT]: with what it is given, its proof by numbers
rebased() {
  scenario "$1: the channels of its convolutions move, and the function stays"
  local published=$files/$1 drawn=$PWD/drawn.onnx
  silero draw "$published" "$drawn"
  make_repository repository
  cp "$drawn" model.onnx
  commit_all "Drawn weights"
  git switch -q -c feature
  cp "$published" model.onnx
  commit_all "Published weights"
  git switch -q main

  ok mgit spec show --json
  equal "$(number "$output" proof)" algebraic
  equal "$(python3 -c 'import json, sys; print(len(json.loads(sys.argv[1])["groups"]))' "$output")" "$2" "groups"
  echo "$1: $2 groups, $(number "$output" movable) of $(number "$output" parameters) parameters can move"
  holds "$(number "$output" movable) > $3 * $(number "$output" parameters)"
  ok mgit rebase feature onto main
  echo "$output"
  git switch -q feature
  checks=$((checks + 1))
  ! cmp -s model.onnx "$published" || fail "nothing moved"
  ok silero compare "$published" model.onnx
  echo "largest relative change of an output: $output"
  holds "$output < 1e-4"
  ok silero compare "$published" "$drawn"
  holds "$output > 0.05"
  [ $# -gt 3 ] || return 0
  mgit spec derive "$published" "$published" -o net.perm >"$sandbox/derived"
  ok mgit spec check net.perm "$published" --graph "$published" --input "$4"
  contains "$output" "proof         numeric"
}

rebased silero_vad.onnx 10 0.75
rebased silero_vad_op18_ifless.onnx 10 0.75
rebased silero_vad_16k_op15.onnx 5 0.78 1x576,2x1x128,I64:
rebased silero_vad_half.onnx 5 0.78 1x576,2x1x128
rebased silero_vad_openvino_16k.onnx 5 0.78 1x576,2x1x128
rebased silero_vad_16k_sequence.onnx 5 0.78 5x576,1x1x128,1x1x128

scenario "the TorchScript archive says for either rate what can be reordered"
"$python" -c 'import torch' 2>/dev/null || skip "no torch in $python"
silero state "$files/silero_vad.jit" state.safetensors
for given in 1x512,=16000 1x256,=8000; do
  ok mgit spec derive --input "$given" "$files/silero_vad.jit" state.safetensors -o net.perm
  contains "$output" "groups        5"
  ok mgit spec check net.perm state.safetensors --graph "$files/silero_vad.jit" --input "$given"
  contains "$output" "proof         numeric"
  echo "$given: $output"
done
