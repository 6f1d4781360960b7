"""The command that evaluates results."""

from typing import Annotated

from pipelines.evaluate_config import EvaluateConfig
from pipelines.open_engine import open_engine
from pipelines.parameters import FLAT, ConfigFile, Json, Out, Results
from pipelines.run_job import tell, tell_json
from pipelines.where import WhereConfig

_EVALUATE = EvaluateConfig()
_WHERE = WhereConfig()


def evaluate(
    results: Results,
    out: Out,
    *,
    config: Annotated[EvaluateConfig, FLAT] = _EVALUATE,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    json: Json = False,
) -> int:
    """Score captions, answers, drawn pictures, neighbours or codes, with 95 % intervals.

    For example:
    calumma evaluate out/ scores/ --references references.parquet

    calumma evaluate out/ scores/ --references questions.csv --slice-by answer_type

    calumma evaluate out/ scores/ --benchmark vqav2 --annotations annotations/

    calumma evaluate captions/ scores/ --references captions.jsonl --encoder calumma-clip

    calumma evaluate drawn/ scores/ --references vectors/
    """
    with open_engine(where.engine(), config.reaches(results), out) as engine:
        from pipelines.evaluate import evaluate_results, evaluation_json, hand_over_evaluation
        from pipelines.progress import Progress

        if not engine.waits:
            run_id = hand_over_evaluation(results, out, config, engine)
            tell(f"Run {run_id} was handed over. Then: calumma runs {out} {run_id}")
            return 0
        manifest = evaluate_results(results, out, config, engine, Progress(quiet=json))
    from pipelines.scores_summary import score_lines

    if json:
        tell_json(evaluation_json(manifest, out))
    else:
        tell("\n".join(score_lines(manifest, out)))
    return 0
