#!/usr/bin/env bash
# silero's published detector of speech, an ONNX model of convolutions and an LSTM: it says itself what can be
# reordered, is rebased onto the same network with weights that are drawn, and computes what it did. Downloads
# silero-vad from PyPI, 11 MB, into the build folder. Needs a Python with onnx:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/optional/silero_vad.sh
. "$(dirname "$0")/../cli/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
package=silero-vad==6.2.3
folder=$MGIT_BUILD/downloads/$package
silero() { "$python" "$MGIT_SOURCE/tests/optional/silero_vad.py" "$@"; }

scenario "silero's ONNX model: the channels of its convolutions move, and the function stays"
"$python" -c 'import onnx.reference' 2>/dev/null || skip "no onnx in $python (set MGIT_TRANSFORMERS_PYTHON)"
if [ ! -e "$folder.complete" ]; then
  mkdir -p "$folder"
  python3 -m pip download -q --no-deps -d "$folder" "$package" >"$sandbox/pip" 2>&1 ||
    skip "cannot be downloaded: $(tail -1 "$sandbox/pip")"
  touch "$folder.complete"
fi

silero take "$folder"/*.whl published.onnx
silero draw published.onnx drawn.onnx
published=$PWD/published.onnx drawn=$PWD/drawn.onnx
make_repository repository
ok mgit spec derive "$published" "$published" -o net.perm
ok mgit spec check net.perm "$published" --json
echo "$(number "$output" movable) of $(number "$output" parameters) parameters can move"
equal "$(python3 -c 'import json, sys; print(len(json.loads(sys.argv[1])["groups"]))' "$output")" 5 "groups"
holds "$(number "$output" movable) > 0.75 * $(number "$output" parameters)"
git config -f .mgitconfig model.net.path model.onnx
git config -f .mgitconfig model.net.spec net.perm
cp "$drawn" model.onnx
commit_all "Drawn weights"
git switch -q -c feature
cp "$published" model.onnx
commit_all "Published weights"
git switch -q main

ok mgit rebase feature onto main --trust-spec
echo "$output"
git switch -q feature
checks=$((checks + 1))
! cmp -s model.onnx "$published" || fail "nothing moved"
ok silero compare "$published" model.onnx
echo "largest relative change of an output: $output"
holds "$output < 1e-4"
ok silero compare "$published" "$drawn"
holds "$output > 0.05"
