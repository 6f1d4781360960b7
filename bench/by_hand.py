"""Captioning as a Spark user would write it by hand: a pandas UDF over paths, and nothing more.

``spark-submit bench/by_hand.py PATHS.parquet OUT PARTITIONS``, for :mod:`bench.scaling`. No row's
failure is caught, nothing is skipped or gone on with, and pictures are decoded in the loop.
"""

import sys
from collections.abc import Iterable, Iterator

import pandas as pd
from pyspark.sql import SparkSession

_BATCH = 32


def caption(tables: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Caption the pictures whose paths come in."""
    import numpy as np
    from PIL import Image

    from models.describing import DecodingSettings, DescribeRequest, load_describer
    from models.prompts import prompts_for
    from models.source import resolve_model

    source = resolve_model("calumma-tiny")
    model = load_describer(source)
    prompt = prompts_for(source).short_caption
    for table in tables:
        texts = []
        for start in range(0, len(table), _BATCH):
            requests = []
            for path in table["uri"].iloc[start : start + _BATCH]:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
                requests.append(DescribeRequest(images=(pixels,), prompt=prompt, seed=0))
            results = model.describe(requests, DecodingSettings(max_new_tokens=64))
            texts += [getattr(result, "text", "") for result in results]
        yield pd.DataFrame({"id": table["id"], "text": texts})


def main(paths: str, out: str, partitions: int) -> None:
    """Caption all paths of a table."""
    spark = SparkSession.builder.getOrCreate()
    table = spark.read.parquet(paths).repartition(partitions)
    table.mapInPandas(caption, "id string, text string").write.parquet(out)
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
