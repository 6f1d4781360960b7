"""Captioning as a Spark user would write it by hand: a pandas UDF with transformers, no more.

``spark-submit bench/by_hand.py PATHS.parquet OUT PARTITIONS``, for :mod:`bench.scaling`. No row's
failure is caught, nothing is skipped or gone on with, and pictures are decoded in the loop.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession

from models.source import resolve_model

_BATCH = 32
_MODEL = str(resolve_model("calumma-tiny").folder)
_PROMPT = "describe briefly"


def caption(tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Caption the pictures whose paths come in."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(_MODEL)  # type: ignore[no-untyped-call]
    processor.tokenizer.padding_side = "left"
    model: Any = AutoModelForImageTextToText.from_pretrained(_MODEL)
    for table in tables:
        texts = []
        for start in range(0, len(table), _BATCH):
            pictures = []
            for path in table["uri"].iloc[start : start + _BATCH]:
                with Image.open(path) as image:
                    pictures.append(image.convert("RGB"))
            prompts = [processor.image_token + _PROMPT] * len(pictures)
            inputs = processor(images=pictures, text=prompts, padding=True, return_tensors="pt")
            with torch.inference_mode():
                tokens = model.generate(**inputs, max_new_tokens=64, do_sample=False)
            new = tokens[:, inputs["input_ids"].shape[1] :]
            texts += processor.batch_decode(new, skip_special_tokens=True)
        yield pd.DataFrame({"id": table["id"], "text": texts})


def main(paths: str, out: str, partitions: int) -> None:
    """Caption all paths of a table."""
    spark = SparkSession.builder.getOrCreate()
    table = spark.read.parquet(paths).repartition(partitions)
    table.mapInPandas(caption, "id string, text string").write.parquet(out)
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
