#!/usr/bin/env bash
# Specs from TorchScript: mgit spec derive, and an archive that .mgitconfig names.
. "$(dirname "$0")/lib.sh"

graphs=$MGIT_SOURCE/tests/unit/graph/data

# words FILE SEED: random weights of the network in words.torchscript.pt.
words() {
  make_checkpoint "$1" "$2" embed.weight=11,8 qkv.weight=24,8 qkv.bias=24 out.weight=8,8 out.bias=8 \
    rnn.weight_ih_l0=24,8 rnn.weight_hh_l0=24,6 rnn.bias_ih_l0=24 rnn.bias_hh_l0=24 head.weight=11,6
}
# scripted FILE SEED: of that in scripted.torchscript.pt.
scripted() {
  make_checkpoint "$1" "$2" layers.0.weight=5,4 layers.0.bias=5 layers.1.weight=5,5 layers.1.bias=5 \
    layers.2.weight=6,5 layers.2.bias=6 leave.weight=2,6 leave.bias=2
}

scenario "a trace gives the spec, proved by words and by numbers"
words model.safetensors 1
ok mgit spec derive "$graphs/words.torchscript.pt" model.safetensors -o net.perm
contains "$output" "proof         algebraic"
contains "$(<net.perm)" "head.weight: _, rnn.weight_hh_l0"
ok mgit spec check net.perm model.safetensors --graph "$graphs/words.torchscript.pt"
contains "$output" "proof         numeric"
lacks "$output" "allows more"
ok mgit spec diff net.perm "$graphs/words.torchscript.pt" model.safetensors

scenario "a script does not say what it is run on: it is told"
scripted model.safetensors 1
fails_with 128 "it does not say what inputs it was traced with" \
  mgit spec derive "$graphs/scripted.torchscript.pt" model.safetensors
contains "$errors" "--input"
fails_with 128 "the program refuses such inputs: a batch of rows" \
  mgit spec derive --input 4 "$graphs/scripted.torchscript.pt" model.safetensors
fails_with 128 "not the shape of an input" \
  mgit spec derive --input 4xy "$graphs/scripted.torchscript.pt" model.safetensors
ok mgit spec derive --input 200x4 "$graphs/scripted.torchscript.pt" model.safetensors -o net.perm
contains "$output" "groups        3"
ok mgit spec check net.perm model.safetensors --input 200x4 --graph "$graphs/scripted.torchscript.pt"
contains "$output" "proof         numeric"

# script_fork ARCHIVE NETWORK: main and feature, each with its own training, and the archive as their graph.
script_fork() {
  make_repository repository
  cp "$graphs/$1" net.pt
  printf '[model "net"]\n\tpath = model.safetensors\n\tgraph = net.pt\n' >.mgitconfig
  "$2" model.safetensors 1
  commit_all "Train on main"
  git switch -q -c feature
  "$2" model.safetensors 2
  commit_all "Train on my share"
  git switch -q main
}

scenario "an archive in .mgitconfig is enough for a rebase where no family fits"
script_fork words.torchscript.pt words
ok mgit spec show feature
contains "$output" "architecture  derived"
git branch original feature
ok mgit rebase feature onto main
contains "$output" "proof algebraic"
ok mgit rebase original onto feature
equal "$(git rev-parse original:model.safetensors)" "$(git rev-parse feature:model.safetensors)" \
  "the original, matched with its own permutation"

scenario "it lies in the store, or in git, whatever its name is"
script_fork words.torchscript.pt words
contains "$(git show HEAD:net.pt)" "mgit checkpoint 1"
git mv net.pt net.torchscript
git config --file .mgitconfig model.net.graph net.torchscript
commit_all "Another name"
lacks "$(git show HEAD:net.torchscript | head -c 100 | tr -d '\0')" "mgit checkpoint 1"
ok mgit spec show HEAD
contains "$output" "architecture  derived"

scenario "a script's inputs stand in .mgitconfig"
script_fork scripted.torchscript.pt scripted
fails_with 128 "net.pt: it does not say what inputs it was traced with" mgit rebase feature onto main
contains "$errors" "no permutation spec fits this network; "
git switch -q feature
git config --file .mgitconfig model.net.input 2x4
commit_all "What the network is run on"
ok mgit rebase feature onto main
contains "$output" "proof algebraic"

scenario "a spec of one's own is proved by an archive that says as much, and is left as it is by one that does not"
script_fork words.torchscript.pt words
mgit spec derive net.pt HEAD:model.safetensors -o net.perm >/dev/null
git config --file .mgitconfig model.net.spec net.perm
commit_all "A spec"
ok mgit spec show HEAD
contains "$output" "proof         algebraic"
printf 'mgit-perm 1\narch mine\nperm V\nout.weight: V, _\nout.bias: V\nqkv.weight: _, V\nskip *\n' >net.perm
commit_all "One that moves the outputs"
ok mgit spec show HEAD
contains "$output" "architecture  mine"
contains "$output" "proof         static"

scenario "a family comes before an archive, whatever that one is"
perceptron() { make_checkpoint "$@"; }
script_fork words.torchscript.pt perceptron
ok mgit spec show feature
contains "$output" "architecture  mlp"
contains "$output" "proof         family"
ok mgit rebase feature onto main

# alike NAME CHECKPOINT SPEC [INPUT]: the archive of a trained network gives that spec, auto for its family's, and
# proves it on such an input.
alike() {
  need_data "graphs/$1.torchscript.pt"
  ok mgit spec derive "$MGIT_DATA/graphs/$1.torchscript.pt" "$2" -o "$1.perm"
  ok mgit spec diff "$1.perm" "$3" "$2"
  ok mgit spec check "$1.perm" "$2" --graph "$MGIT_DATA/graphs/$1.torchscript.pt" --input "$4"
  contains "$output" "proof         numeric"
}

scenario "trained networks: what is derived is what their families allow"
need_data models/mlp-s1.safetensors models/vgg-s1.safetensors models/mnistresnet-s1.safetensors \
  models/gpt2-s1/model.safetensors
alike mlp "$MGIT_DATA/models/mlp-s1.safetensors" auto 2x1x28x28
alike vgg "$MGIT_DATA/models/vgg-s1.safetensors" auto 1x3x32x32
alike mnistresnet "$MGIT_DATA/models/mnistresnet-s1.safetensors" auto 1x1x28x28
alike gpt2 "$MGIT_DATA/models/gpt2-s1/model.safetensors" auto I64:1x8

scenario "a trained LSTM: both of its layers, by numbers"
need_data graphs/lstm.torchscript.pt
make_checkpoint lstm.safetensors 1 embed.weight=65,256 head.weight=65,256 head.bias=65 \
  lstm.weight_ih_l0=1024,256 lstm.weight_hh_l0=1024,256 lstm.bias_ih_l0=1024 lstm.bias_hh_l0=1024 \
  lstm.weight_ih_l1=1024,256 lstm.weight_hh_l1=1024,256 lstm.bias_ih_l1=1024 lstm.bias_hh_l1=1024
cat >family.perm <<PERM
mgit-perm 1
perm E
perm H{l}
embed.weight: _, E
lstm.weight_ih_l0: 4xH0, E
lstm.weight_hh_l0: 4xH0, H0
lstm.bias_{ih,hh}_l0: 4xH0
lstm.weight_ih_l1: 4xH1, H0
lstm.weight_hh_l1: 4xH1, H1
lstm.bias_{ih,hh}_l1: 4xH1
head.weight: _, H1
head.bias: _
PERM
alike lstm lstm.safetensors family.perm I64:2x3

