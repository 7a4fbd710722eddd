# mgit request and mgit diff --markdown: Markdown for a pull request, safe whatever others wrote.
. "$(dirname "$0")/lib.sh"

fork() {
  make_repository
  make_checkpoint model.safetensors 1
  commit_all "Train"
  git switch -q -c feature
  ADD=0.01 make_checkpoint model.safetensors 1
  commit_all "${1:-Fine-tune}"
}

scenario "a diff as Markdown"
fork
ok mgit diff --markdown main feature
contains "$output" '#### `model.safetensors`'
contains "$output" "4 changed"
contains "$output" '| tensor |  | type | norm before | norm after | relative change | cosine |
| --- | --- | --- | ---: | ---: | ---: | ---: |'
equal "$(grep -c '^| `fc[12].\(weight\|bias\)` | changed | `F32 [0-9x, \[]*[]]*` | [0-9.]* | [0-9.]* | 0.0[0-9]* | 0.999[0-9]* |$' <<<"$output")" "4"
ok mgit diff --markdown main...feature
contains "$output" "4 changed"
fails_with 1 "4 changed" mgit diff --markdown --exit-code main feature
ok mgit diff --markdown feature feature
equal "$output" "No checkpoint differs."
git rm -q model.safetensors
make_checkpoint other.safetensors 3 a=3
git add other.safetensors
ok mgit diff --markdown --cached
contains "$output" '| `a` | added | `F32 3` | – | – | – | – |'

scenario "a request without data says what it would need"
fork
ok mgit request
contains "$output" '## Models of `feature` for `main`'
contains "$output" "| base | \`$(git rev-parse main | cut -c1-10)\` | \`Train\` |"
contains "$output" "| head | \`$(git rev-parse HEAD | cut -c1-10)\` | \`Fine-tune\` |"
contains "$output" "1 commit from the fork to the head, 0 rebased by mgit."
contains "$output" '### `model.safetensors`'
contains "$output" "trained on from $(git rev-parse main | cut -c1-10): 4 of 4 tensors changed"
contains "$output" '#### Barrier against `main`

Not measured: `no data to evaluate with'
contains "$output" 'and `mgit trust` by whoever runs'
contains "$output" "None is recorded"
contains "$output" "(the fork) to the head."
contains "$output" "4 changed"
contains "$output" '```sh
mgit fetch origin
git switch main
mgit diff main...origin/feature
mgit merge origin/feature'
text=$output
ok mgit request main -o ../request.md
equal "$output" ""
equal "$(cat ../request.md)" "$text"
fails_with 128 "no such branch or revision" mgit request nowhere
git switch -q main
git branch -q -D feature
fails_with 129 "which branch is this to be merged into" mgit request
ok mgit request main
contains "$output" "No model differs from the fork."

git switch -q -c raw
git -c filter.mgit.process= -c filter.mgit.clean=cat -c filter.mgit.required=false add model.safetensors
ADD=0.02 make_checkpoint model.safetensors 1
git -c filter.mgit.process= -c filter.mgit.clean=cat -c filter.mgit.required=false commit -q --no-verify -a -m "Without mgit"
ok mgit request main
contains "$output" '`model.safetensors` was committed without mgit'

scenario "text of others is text"
make_repository
make_checkpoint model.safetensors 1 a=2,2
commit_all 'Train'
git switch -q -c 'x`|$(y)<b>'
make_checkpoint model.safetensors 2 a=2,2 'x|y`<img src>=2' '@team **b** [l](http://e.x)=2' \
  "$(printf 'n\nm')=2" "$(printf '\342\200\256rtl')=2"
git add -A
git commit -q -m 'See `</code><script>alert(1)</script>` @team #1 | a | b |'
git commit -q --allow-empty -m '``` ends a block <script>'
ok mgit request main
contains "$output" '<code>x&#96;&#124;&#36;&#40;y&#41;&#60;b&#62;</code>'
contains "$output" "mgit merge 'origin/x\`|\$(y)<b>'"
contains "$output" '| `@team **b** [l](http://e.x)` | added |'
python3 - <<'PYTHON' "$output"
import re, sys
text = sys.argv[1]
# Blocks of code end where they should, and spans: nothing of these is left outside.
text = re.sub(r"^(`{3,})[a-z]*\n.*?^\1$", "", text, flags=re.S | re.M)
text = re.sub(r"`[^`\n]+`", "", text)
for bad in ("<script", "<img", "@team", "**b**", "](http", "\u202e"):
    if bad in text: sys.exit(f"{bad} in:\n{text}")
for line in text.splitlines():
    if line.startswith("|") and "tensor" not in line and not re.fullmatch(r"\|( [^|]* \|)+|\|( -+:? \|)+", line):
        sys.exit("not a row: " + line)
PYTHON
checks=$((checks + 1))

scenario "many tensors, many files: a bounded text"
make_repository
tensors=$(printf 'layer.%d.weight=2 ' {1..300})
make_checkpoint a.safetensors 1 $tensors
for i in {1..25}; do make_checkpoint b$i.safetensors $i x=2; done
commit_all "Train"
git switch -q -c more
make_checkpoint a.safetensors 2 $tensors
for i in {1..25}; do make_checkpoint b$i.safetensors 9$i x=2; done
commit_all "Train all"
ok mgit request --no-measure
contains "$output" "changed most, of 300 tensors"
contains "$output" "And 6 checkpoints more."
holds "${#output} < 40000"
ok mgit diff --markdown main -- a.safetensors
contains "$output" "The 100 that changed most, of 300 tensors."

scenario "barrier and evaluation, before and after a rebase"
need_trained
trained_fork mlp-1 mlp-2
cp "$trained/mlp.torchscript.pt" net.pt
cp "$trained/digits.safetensors" data.safetensors
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tdata = data.safetensors\n' >.mgitconfig
echo /net.pt >>.git/info/exclude
echo /data.safetensors >>.git/info/exclude
git add .mgitconfig
git commit -q -m "Network and data"
git switch -q feature
git checkout -q main -- .mgitconfig
git commit -q -m "Network and data"
ok mgit request
contains "$output" "Not measured: "
contains "$output" "trust"
mgit trust >/dev/null
ok mgit request --points 5
text=$output
barrier() { grep "^| $1 |" <<<"$text" | cut -d'|' -f3; }
holds "$(barrier 'as it is') > 0.1 and $(barrier 'after a rebase') < 0.2 * $(barrier 'as it is')"
contains "$text" '#### Evaluation

|  | loss | accuracy | samples |'
contains "$text" '| mean of both, after a rebase | '
mgit eval main feature >/dev/null
ok mgit request --no-measure
contains "$output" 'As `mgit eval` recorded it'
equal "$(grep -c '^| `\(main\|feature\)` | `data.safetensors` | 0.[0-9]* | 9[0-9.]* % | 2000 |$' <<<"$output")" 2
mgit rebase main >/dev/null 2>&1
ok mgit request --no-measure main
contains "$output" "2 commits from the fork to the head, 2 rebased by mgit."
contains "$output" "whose basin the branch is in"
contains "$output" '### Verification'
contains "$output" " proven, 0 failed, 0 unchecked."
contains "$output" '| proven | rebase | '
