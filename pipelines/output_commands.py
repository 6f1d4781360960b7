"""The commands about what was written, and the demo."""

from pathlib import Path

from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.run_job import run_job, tell
from schemas.errors import UsageError


def demo(out: str = "calumma-demo") -> int:
    """Caption 1,000 test pictures of easy-VQA, answer questions about them, write the page.

    Example: calumma demo

    Parameters
    ----------
    out
        Folder for the results.
    """
    from pipelines.demo import write_demo_catalog
    from reports.page import write_report

    catalog, questions = write_demo_catalog(Path(out) / "catalog")
    results = str(Path(out) / "results")
    code = run_job(str(catalog), results, CaptionConfig(), report=False)
    code = code or run_job(
        str(catalog), results, AnswerConfig(questions=str(questions)), report=False
    )
    page = write_report(results)
    tell(f"\nOpen the page: {page.path}")
    tell(f"Next: calumma caption YOUR_FOLDER {Path(out) / 'yours'} --model MODEL")
    return code


def runs(out: str, run: str | None = None, *, json: bool = False) -> int:
    """List the runs of an output, or show one.

    For example:
    calumma runs out/

    calumma runs out/ 20260131-235959-ab12cd

    Parameters
    ----------
    out
        The output folder.
    run
        Show this run alone, with an example of each kind of failure.
    json
        Print JSON.
    """
    from reports.summary import print_run, print_runs

    if run is None:
        print_runs(out, json=json)
    else:
        print_run(out, run, json=json)
    return 0


def report(
    out: str,
    *,
    run: str | None = None,
    to: str | None = None,
    duplicates: str | None = None,
    test_ids: str | None = None,
) -> int:
    """Write a page to look at an output's results, or at an index: one HTML file.

    For example:
    calumma report out/

    calumma report index/ --to card.html

    calumma report documents/ --test-ids test.txt

    calumma report scores/

    Parameters
    ----------
    out
        The output folder, or the folder of an index.
    run
        Show this run alone rather than the newest of each job.
    to
        Where to write the page; by default OUT/report.html.
    duplicates
        Of training documents: count those that show duplicates; an output of calumma duplicates.
    test_ids
        Of training documents: count those that show an asset named in this file, or one like it.
    """
    from reports.documents_page import is_of_documents, write_documents_page
    from reports.duplicates_page import is_of_duplicates, write_duplicates_page
    from reports.evaluation_page import is_of_evaluation, write_evaluation_page
    from reports.filter_page import is_of_verdicts, write_filter_page
    from reports.index_page import is_index, write_index_page
    from reports.page import write_report

    if is_of_documents(out, run):
        page = write_documents_page(out, to, run=run, duplicates=duplicates, test_ids=test_ids)
        tell(str(page))
    elif duplicates or test_ids:
        raise UsageError(
            f"--duplicates and --test-ids are for training documents, and the newest run of {out} "
            "wrote none."
        )
    elif run is None and is_index(out):
        tell(str(write_index_page(out, to)))
    elif run is None and is_of_duplicates(out):
        tell(str(write_duplicates_page(out, to)))
    elif run is None and is_of_verdicts(out):
        tell(str(write_filter_page(out, to)))
    elif is_of_evaluation(out, run):
        tell(str(write_evaluation_page(out, to, run=run)))
    else:
        tell(str(write_report(out, to, run=run)))
    return 0
