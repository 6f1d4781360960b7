#!/usr/bin/env bash
# Makes calumma-tiny with Calumma's own commands, as anybody makes a model of their own:
#
#   training/embedded/recipe.sh [FOLDER [SEED [STEPS]]]
#
# Ended at any moment, the same command goes on. FOLDER/model-SEED is what comes of it; another seed
# trains another language model on the same documents. STEPS of fine-tuning are more than half of all
# time. FOLDER/seconds.tsv says how long all took.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-build/embedded}
seed=${2:-0}
steps=${3:-3800}
recipe=training/embedded
context=288
mkdir -p "$out"
# Freed memory is kept for the next step of a training: a sixth faster than asking for it anew.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592

stage="" began=0
note_time() { [ -z "$stage" ] || printf '%s\t%s\n' "$stage" $((SECONDS - began)) >>"$out/seconds.tsv"; }
trap note_time EXIT
say() {
  note_time
  stage=$* began=$SECONDS
  printf '\n== %s\n' "$*"
}

say "Paint pictures from easy-VQA's training split"
python -m training.embedded.paint "$out/catalogs"
known=$out/catalogs/known held=$out/catalogs/held

say "Train the picture tokenizer"
calumma train tokenizer $recipe/tokenizer.toml --catalog "$known/pictures.parquet" --out "$out/tokenizer"

say "Train the dual encoder"
calumma train clip $recipe/clip.toml --catalog "$known/pictures.parquet" --out "$out/clip"

for split in known held; do
  say "Tokenize and embed: $split"
  pictures=$out/catalogs/$split/pictures.parquet
  calumma tokenize "$pictures" "$out/tokens/$split" --model "$out/tokenizer"
  calumma embed "$pictures" "$out/embeddings/$split" --model "$out/clip"
done

say "Retrieve"
calumma index "$out/embeddings/known" "$out/index"
for split in known held; do
  calumma neighbors "$out/catalogs/$split/pictures.parquet" "$out/index" "$out/neighbors/$split" \
    --of image --k 2 --max-similarity 0.98 --model "$out/clip"
done

# assemble SPLIT SET CATALOG OPTION...: documents of a catalog, into a folder of that set.
assemble() {
  local split=$1 set=$2 catalog=$out/catalogs/$1/$3.parquet codes=(--codes "$out/tokens/$1")
  # What is held out has known pictures for neighbours.
  [ "$split" = known ] || codes+=(--codes "$out/tokens/known")
  shift 3
  calumma assemble "$catalog" "$out/documents/$split/$set" "${codes[@]}" \
    --model "$out/tokenizer" --context $context "$@"
}
questions=(--columns.id question_id)
for split in known held; do
  say "Assemble documents: $split"
  retrieved=(--neighbors "$out/neighbors/$split")
  assemble $split pair pictures --template $recipe/templates/pair.toml "${retrieved[@]}"
  assemble $split ask questions --template $recipe/templates/ask.toml "${questions[@]}"
  assemble $split examples questions --template $recipe/templates/ask.toml "${questions[@]}" \
    "${retrieved[@]}" --copies 0.1
  assemble $split edit edits --template $recipe/templates/edit.toml
  assemble $split draw pictures --template $recipe/templates/draw.toml
  assemble $split drawn-examples pictures --template $recipe/templates/draw.toml \
    "${retrieved[@]}" --copies 0.2
  assemble $split infill pictures --template $recipe/templates/infill.toml
done
documents=()
for set in ask examples edit draw drawn-examples infill pair; do documents+=(--documents "$out/documents/known/$set"); done

say "Pretrain the language model: seed $seed"
calumma train model $recipe/pretrain.toml --model "$out/tokenizer" --out "$out/pretrained-$seed" \
  --seed "$seed" --documents "$out/documents/known/pair" --validation "$out/documents/held/pair"

say "Fine-tune it: seed $seed"
calumma train model $recipe/finetune.toml --model "$out/pretrained-$seed" --out "$out/model-$seed" \
  --seed "$seed" --steps "$steps" "${documents[@]}" --validation "$out/documents/held/ask"
