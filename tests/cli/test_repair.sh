#!/usr/bin/env bash
# mgit repair: a merged model, fitted to data without labels, as a commit that says how.
. "$(dirname "$0")/lib.sh"
need_trained

network() { echo --graph "$trained/$1.torchscript.pt"; }
calibration() { echo --data "$trained/calibration.safetensors"; }
loss() { number "$(mgit eval HEAD $(network "$1") --data "$trained/digits.safetensors" --json)" loss; }

scenario "a merge of networks with batch norm: nearer to its parents by each method, in a commit of its own"
trained_fork vgg-1 vgg-2
parent=$(loss vgg)
ok mgit merge --combine --no-repair feature
averaged=$(loss vgg)
merge=$(git rev-parse HEAD)
for method in batch-norm-reset repair least-squares; do
  ok mgit repair --method $method $(network vgg) $(calibration)
  contains "$output" "To take it back: mgit undo"
  equal "$(git rev-parse HEAD^)" "$merge"
  equal "$(git status --porcelain)" ""
  repaired=$(loss vgg)
  echo "$method: loss $repaired (averaged $averaged, a parent $parent)"
  holds "$repaired < 0.8 * $averaged"
  ok mgit fsck
  git reset -q --hard "$merge"
done
holds "$repaired < 0.6 * $averaged"
holds "$repaired < $parent + 0.05"

scenario "the commit says what was done, with what; the same again has the same bytes"
trained_fork vgg-1 vgg-2
mgit merge -q --combine feature >/dev/null 2>&1
ok mgit repair $(network vgg) $(calibration)
contains "$output" "model.safetensors: 3 layers fitted to the parents' mean features (least squares), statistics of 2 batch norms taken anew, on 1000 samples of calibration.safetensors"
record="Mgit-Repair: least-squares 3 batch-norm-reset 2 model model.safetensors
Mgit-Repair-Data: $(digest "$trained/calibration.safetensors") samples 1000 model model.safetensors
Mgit-Repair-Graph: $(digest "$trained/vgg.torchscript.pt") model model.safetensors"
contains "$(git log -1 --format=%B)" "$record"
contains "$(git notes --ref mgit/operation show)" "$record"
first=$(digest model.safetensors)
ok mgit undo
contains "$output" "Took back: repair model.safetensors"
ok env MGIT_THREADS=1 mgit repair $(network vgg) $(calibration)
equal "$(digest model.safetensors)" "$first"
ok mgit repair $(network vgg) $(calibration) --samples 300 # of what is repaired already
contains "$(git log -1 --format=%B)" "samples 300 model"
contains "$output" "least squares"

scenario "what was repaired is proven where the data is, and said to be unchecked where it is not"
trained_fork vgg-1 vgg-2
cp "$trained/calibration.safetensors" calibration.tensors
cp "$trained/vgg.torchscript.pt" vgg.network
printf '*.tensors\n*.network\n' >.git/info/exclude
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = vgg.network\n\tcalibration = calibration.tensors\n' >.mgitconfig
commit_all "What the model is"
mgit trust >/dev/null
mgit merge -q --combine feature >/dev/null 2>&1
ok mgit repair
ok mgit verify
contains "$output" "repair of model.safetensors: repaired again by least-squares 3 batch-norm-reset 2 on 1000 samples of calibration.tensors"
contains "$output" "2 proven, 0 failed, 0 unchecked"
mv calibration.tensors ../elsewhere
fails_with 2 "it was repaired with data, and .mgitconfig here names no data with SHA-256" mgit verify
contains "$output" "1 proven, 0 failed, 1 unchecked"
mv ../elsewhere calibration.tensors
git reset -q --hard HEAD^^
ok mgit merge -q --combine --repair data feature
ok mgit verify
contains "$output" "repaired again by least-squares 3 batch-norm-reset 2 on 1000 samples"
git commit -q --amend -m "$(git log -1 --format=%B | sed 's/samples 1000/samples 900/')"
fails_with 1 "is not what repairing its parent as recorded has" mgit verify

scenario "a merge that repairs with data is a merge, then a repair"
trained_fork vgg-1 vgg-2
mgit rebase feature onto main >/dev/null
mgit merge -q feature >/dev/null 2>&1
mgit repair $(network vgg) $(calibration) >/dev/null
first=$(digest model.safetensors)
git reset -q --hard HEAD^^
ok mgit merge --repair data $(network vgg) $(calibration) feature
contains "$output" "model.safetensors: 3 layers fitted to the parents' mean features"
equal "$(digest model.safetensors)" "$first"
contains "$(git log -1 --format=%B)" "Mgit-Merge-Repair: norm-variance 2 model model.safetensors"
contains "$(git log -1 --format=%B)" "Mgit-Repair: least-squares 3 batch-norm-reset 2 model model.safetensors"
lacks "$errors" "mgit repair"
equal "$(git status --porcelain)" ""
ok mgit undo
fails_with 129 "weights, data, none" mgit merge --repair all feature
fails_with 129 "--repair data" mgit merge $(calibration) feature
head=$(git rev-parse HEAD)
run mgit merge --repair data $(network vgg) feature
lacks "$output" "combined"
contains "$errors" "calibration = <file>"
equal "$(git rev-parse HEAD)" "$head"
equal "$(git status --porcelain -uno)" ""

scenario "a merge offers the repair where network and data are named, and the network is trusted"
trained_fork vgg-1 vgg-2
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tcalibration = inputs.safetensors\n' >.mgitconfig
cp "$trained/vgg.torchscript.pt" net.pt
cp "$trained/calibration.safetensors" inputs.safetensors
commit_all "Name what it takes"
mgit rebase feature onto main >/dev/null
ok mgit merge --no-edit feature
lacks "$errors" "mgit repair"
ok mgit undo
ok mgit trust
ok mgit merge --no-edit feature
contains "$errors" "hint: 'mgit repair' fits model.safetensors to the calibration data that .mgitconfig names"
ok mgit repair
contains "$output" "3 layers fitted to the parents' mean features"
contains "$output" "on 1000 samples of inputs.safetensors"
ok mgit fsck

scenario "perceptrons: no worse"
trained_fork mlp-1 mlp-2
mgit merge -q --combine feature >/dev/null 2>&1
merged=$(loss mlp)
ok mgit repair $(network mlp) $(calibration)
repaired=$(loss mlp)
echo "merged $merged, repaired $repaired"
holds "$repaired < 1.1 * $merged"
fails_with 128 "the network has no batch norms" mgit repair --method batch-norm-reset $(network mlp) $(calibration)

scenario "what cannot be repaired, in a line that says what would help"
trained_fork vgg-1 vgg-2
fails_with 128 "--method batch-norm-reset needs none" mgit repair --method least-squares $(network vgg) $(calibration)
fails_with 129 "there is: batch-norm-reset, repair, least-squares" mgit repair --method magic $(network vgg) $(calibration)
fails_with 128 "--data" mgit repair $(network vgg)
fails_with 128 "--graph" mgit repair $(calibration)
fails_with 128 "nowhere: no such file" mgit repair --data nowhere $(network vgg)
fails_with 128 "git switch" mgit repair feature $(network vgg) $(calibration)
printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n\tcalibration = inputs.safetensors\n' >.mgitconfig
cp "$trained/vgg.torchscript.pt" net.pt
cp "$trained/calibration.safetensors" inputs.safetensors
commit_all "Name what it takes"
head=$(git rev-parse HEAD)
fails_with 128 "mgit trust" mgit repair
equal "$(git rev-parse HEAD)" "$head"
echo more >>.mgitconfig
fails_with 128 "uncommitted changes" mgit repair
git checkout -q .mgitconfig
git switch -q --detach
fails_with 128 "HEAD is detached" mgit repair $(network vgg) $(calibration)
git switch -q main

scenario "a model that no merge made: statistics of its batch norms are taken anew"
trained_fork vgg-1 vgg-2
parent=$(loss vgg)
ok mgit repair $(network vgg) $(calibration)
contains "$output" "statistics of 2 batch norms taken anew"
contains "$output" "no merge made this model"
contains "$(git log -1 --format=%B)" "Mgit-Repair: batch-norm-reset 2 model model.safetensors"
holds "$(loss vgg) < $parent + 0.02"
